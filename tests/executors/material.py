"""A small run on the tiny models, and how two run folders are compared."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dreambench.executors.local import LocalExecutor
from dreambench.runs.model_cache import ModelCache
from dreambench.runs.prepare import Prepared, prepare
from dreambench.runs.runner import Job, run_all
from dreambench.spec.presets import build_spec
from dreambench.store import RunFolder, open_run
from tests.material import tiny as models

TABLES = ("images", "diversity", "prior", "photos")
SMALL = (
    *("method.steps=6", "method.class_images=4", "method.class_sampler.steps=2", "sampler.steps=2"),
    *("runtime.generation_batch_size=3", "protocol.prior_images=2"),
)


def run_here(job: Job, watch: Silent) -> RunFolder:
    """Personalize, draw and score every subject of one run in this process; return the finished folder."""
    models = ModelCache()
    models.add(job.prepared)
    return run_all([job], LocalExecutor(models), watch)[0][0]


class Silent:
    """A watch that keeps the notices and shows nothing."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.bars: set[str] = set()

    def start(self, name, total, done=0):
        self.bars.add(name)

    def advance(self, name, count=1):
        pass

    def finish(self, name):
        pass

    def say(self, line):
        self.lines.append(line)


def words(tiny: dict[str, str], subjects: str, out: Path) -> list[str]:
    """Return the command line of a small run."""
    sets = [word for field in SMALL for word in ("--set", field)]
    return [
        *("run", "--preset", "paper-sd15", "--data", tiny["data"], "--subjects", subjects),
        *("--prompts", "0-3", "--images-per-prompt", "2", "--metrics", "dino,clip_i,clip_t,div,pres"),
        *(*models.options(tiny), *sets, "--out", str(out)),
    ]  # fmt: skip


def prepared(tiny: dict[str, str], *subjects: str, seed: int = 0) -> Prepared:
    """Return the same small run, prepared."""
    settings = [f"{k}={v}" for k, v in tiny.items() if k not in ("base", "data")]
    fields = {
        "subjects": subjects,
        "prompts": "0-3",
        "images_per_prompt": 2,
        "base.model": tiny["base"],
        "data.folder": tiny["data"],
        "seed": seed,
        "protocol.metrics": ["dino", "clip_i", "clip_t", "div", "pres"],
    }
    return prepare(build_spec("paper-sd15", fields, [*settings, *SMALL]))


def images(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.glob("images/*/[!.]*.png")}


def assert_same_result(ours: Path, theirs: Path) -> None:
    """Images, loss logs and embeddings byte for byte, tables value for value, and nothing left over."""
    assert images(ours) == images(theirs) != {}
    for pattern in ("logs/*.csv", "embeddings/*/*.safetensors"):
        found = [sorted(p.relative_to(run) for p in run.glob(pattern)) for run in (ours, theirs)]
        assert found[0] == found[1] != []
    for log in theirs.glob("logs/*.csv"):
        assert (ours / "logs" / log.name).read_bytes() == log.read_bytes()
    for table in TABLES:
        pd.testing.assert_frame_equal(open_run(ours).scores(table), open_run(theirs).scores(table))
    leftovers = [p for p in ours.rglob("*") if p.name.endswith(".tmp") or p.name.startswith(".ready")]
    assert leftovers == []
    assert not any((ours / "work").glob("*"))
