"""The options of an executor: a unit's part of a GPU, where the work is done, and what contradicts what."""

from __future__ import annotations

from typing import Any

import pytest

from dreambench.errors import DreambenchError
from dreambench.executors import ExecutorOptions


@pytest.mark.parametrize(("gpus", "share"), [(None, 1), (0.25, 0.25), (1, 1), (2, 1)])
def test_a_units_share_is_of_one_gpu(gpus: float | None, share: float) -> None:
    assert ExecutorOptions("ray", gpus_per_unit=gpus).gpu_share == share


def test_only_a_cluster_is_elsewhere() -> None:
    assert not ExecutorOptions().elsewhere
    assert not ExecutorOptions("ray", workers=2).elsewhere
    assert ExecutorOptions("ray", ray_address="auto").elsewhere


@pytest.mark.parametrize(
    "field",
    [
        {"ray_address": "auto"},
        {"workers": 2},
        {"gpus_per_unit": 0.5},
        {"unit_timeout": 9.0},
        {"send_back": True},
    ],
)
def test_options_of_ray_need_ray(field: dict[str, Any]) -> None:
    assert ExecutorOptions("ray", **field).on_ray
    with pytest.raises(
        DreambenchError, match=f"--{next(iter(field)).replace('_', '-')} is for --executor ray"
    ):
        ExecutorOptions(**field)
    assert not ExecutorOptions(attempts=5).on_ray
