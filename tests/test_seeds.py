"""Seeds: the numbers themselves, because another number would draw another image."""

from __future__ import annotations

import hashlib

import torch

from dreambench.seeds import generator, stable_seed


def test_a_seed_is_half_of_the_first_16_hexadecimal_digits() -> None:
    digits = hashlib.sha256(b"0\x1fdog\x1f3\x1f1").hexdigest()[:16]
    assert stable_seed(0, "dog", 3, 1) == int(digits, 16) // 2
    assert stable_seed(0, "dog", 3, 1) == 2396437160670418246


def test_parts_do_not_run_together() -> None:
    assert stable_seed(1, 12) != stable_seed(11, 2)
    assert stable_seed("dog", "2") != stable_seed("dog2")


def test_a_generator_draws_what_its_seed_draws() -> None:
    expected = torch.randn(3, generator=torch.Generator().manual_seed(stable_seed(0, "dog")))
    assert torch.equal(torch.randn(3, generator=generator(0, "dog")), expected)
