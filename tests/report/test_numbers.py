"""Numbers as a reader sees them."""

from __future__ import annotations

from dreambench.report import numbers


def test_p_values() -> None:
    assert [numbers.p_value(p) for p in (0.5, 0.001, 0.00099996, 0.0004, 2.34e-48, None, float("nan"))] == [
        "0.500", "0.001", "0.001", "4.0e-4", "2.3e-48", "–", "–"  # noqa: RUF001
    ]  # fmt: skip


def test_differences_have_a_sign_and_zero_has_none() -> None:
    assert [numbers.signed(x) for x in (0.0714, -0.0281, -0.0004, None)] == ["+0.071", "−0.028", "0.000", "–"]  # noqa: RUF001
    assert numbers.signed_interval((-0.01, 0.02)) == "[−0.010, +0.020]"  # noqa: RUF001
    assert numbers.signed_interval(None) == ""
