"""A plan as text: each number in its line, and in its unit."""

from __future__ import annotations

from typing import Any

from dreambench.runs.memory import TrainingMemory
from dreambench.runs.planned import Plan
from dreambench.runs.timing import Estimate

MEMORY = TrainingMemory(
    trained_parameters=1, weights=4_000_000_000, gradients=300_000_000, optimizer=600_000_000,
    average=20_000_000, casts=1_500_000, parked=10_000_000,
)  # fmt: skip
TIMES = Estimate(
    workers=4, seconds_per_step=0.25, seconds_per_image=1.5, subject_seconds=90.0, class_set_seconds=30.0,
    wall_seconds=7_500.0, worker_hours=8.5, gpu_hours=4.25, measured="2 subjects of earlier on a card",
)  # fmt: skip


def plan(**changes: Any) -> dict[str, str]:
    fields: dict[str, Any] = {
        "preset": "paper-sd15",
        "method": "dreambooth",
        "base": "a/model",
        "subjects": 3,
        "prompts": 25,
        "images": 1_200,
        "prior_images": 48,
        "drift_images": 60,
        "training_steps": 3_000,
        "class_image_sets": 2,
        "class_images": 2_000,
        "class_images_present": 700,
        "disk_images": 500_000_000,
        "disk_class_images": 900_000_000,
        "disk_peak": 3_400_000_000,
        "memory": MEMORY,
        "missing": [],
        "estimate": TIMES,
    }
    lines = Plan(**{**fields, **changes}).text().splitlines()
    return {line[:16].strip(): line[16:] for line in lines}


def test_what_is_made_is_counted_in_its_line() -> None:
    found = plan()
    assert found["preset"] == "paper-sd15: dreambooth on a/model"
    assert found["images"] == "1,200 to generate and score (up to 25 prompts a subject)"
    assert found["drift images"] == "30 of unrelated prompts, and as many by the base model"
    assert found["prior images"].startswith("48 of `a [class noun]`")
    assert found["training"] == "3,000 steps"
    assert found["class images"] == "2,000 in 2 sets, 700 of them there"
    assert found["disk"] == "about 500 MB for the run, 900 MB for class images, 3.4 GB for weights"
    assert plan(disk_peak=None)["disk"].endswith("900 MB for class images, weights unknown")
    assert found["missing"] == "nothing"


def test_memory_names_each_part() -> None:
    found = plan()["memory"]
    assert found.startswith("4.92 GB by arithmetic (peak: training), without activations: weights 4 GB, ")
    assert "gradients 300 MB, optimizer 600 MB, moving average 20 MB, casts 1.5 MB" in found
    assert found.endswith("text encoders 10 MB until the texts are encoded")


def test_times_are_of_the_whole_on_several_workers_and_of_one_subject() -> None:
    found = plan()
    assert found["time"] == "about 2 hours and 5 minutes on 4 workers, 8.5 hours of work, 4.25 GPU hours"
    assert found["a subject"] == "1 minute and 30 seconds: 0.25 s a step, 1.5 s an image"
    assert found["basis"] == "2 subjects of earlier on a card"
    alone = plan(estimate=TIMES.model_copy(update={"workers": 1, "gpu_hours": 0.0, "wall_seconds": 119.0}))
    assert alone["time"] == "about 1 minute and 59 seconds"
    assert plan(estimate=None)["time"].startswith("unknown")
