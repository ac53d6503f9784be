"""The measurement: images drawn once, and everything that is read off them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dreambench.metrics.encoders import ProtocolEncoders
from dreambench.models.base_model import open_base
from dreambench.models.device import resolve_runtime
from dreambench.progress import ProgressListener
from dreambench.spec.presets import build_spec
from miniature.evaluate.drawn import drawn
from miniature.evaluate.evaluation_prompts import EvaluationPrompt, evaluation_prompts, rendered
from miniature.evaluate.fidelity import fidelity
from miniature.evaluate.judged import accuracies, frechet_distance, judge_images
from miniature.evaluate.scorers import caption_retrieval, identity_aucs
from miniature.train.augment import round_trip
from miniature.train.samples import write_grid
from miniature.train.train_judge import load_judge


class Measurement:
    """What the exported models of the preset ``mini`` reach; the judge comes from a training's folder."""

    def __init__(self, work: Path, seed: int, small: bool, reporter: ProgressListener) -> None:
        self.seed, self.small, self.reporter = seed, small, reporter
        self.judge = load_judge(work)
        self.spec = build_spec("mini")
        self.base = open_base(self.spec.base)
        self.encoders = ProtocolEncoders(self.spec.protocol, "cpu")
        self.prompts: list[EvaluationPrompt] = (
            evaluation_prompts(8, {"object": 1, "live": 3}) if small else evaluation_prompts()
        )

    @cached_property
    def images(self) -> np.ndarray:
        """The untouched model's images of everything asked, uint8 [n, 64, 64, 3]."""
        self.reporter.start("images", len(self.prompts))
        runtime = resolve_runtime(self.spec.runtime)
        made = drawn(
            self.base, self.prompts, self.spec, runtime, lambda n: self.reporter.advance("images", n)
        )
        self.reporter.finish("images")
        return made

    def untouched(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return the figures of the untouched model, and the same of renderings: the judge's ceiling."""
        truth, labels = rendered(self.prompts, self.seed)
        others, _ = rendered(self.prompts, self.seed + 1)
        seen, said = judge_images(self.judge, self.images)
        true, said_true = judge_images(self.judge, truth)
        softened, _ = judge_images(self.judge, self._round_trip(others))
        floor = frechet_distance(softened, true)
        figures = accuracies(self.prompts, labels, said)
        figures |= {"frechet": frechet_distance(seen, true) / floor, "frechet_floor": floor}
        return figures, accuracies(self.prompts, labels, said_true)

    def scorers(self) -> dict[str, float]:
        """Return the figures of DINO-mini and CLIP-mini."""
        subjects = 6 if self.small else 24
        figures = identity_aucs(self.encoders, subjects, self.seed + 1, self._round_trip)
        return {**figures, "retrieval": caption_retrieval(self.encoders, self.seed)}

    def dreambooth(self, run: Path) -> dict[str, float]:
        """Return the figures of a finished run against the untouched model."""
        found = fidelity(run, self.prompts, self.images, self.encoders)
        return {
            "closed": found.closed,
            "clip_t_kept": found.clip_t_kept,
            "minutes": found.minutes,
            "dino_photos": found.dino_photos,
            "dino_run": found.dino_run,
            "dino_untouched": found.dino_untouched,
            "clip_t_run": found.clip_t_run,
            "clip_t_untouched": found.clip_t_untouched,
        }

    def write_samples(self, file: Path, each: int = 12) -> None:
        """Write a sheet of the untouched model's images: a row of plain ones, one of prompts, per class."""
        rows = []
        for noun in dict.fromkeys(one.noun for one in self.prompts):
            for plain in (True, False):
                mine = [
                    i for i, a in enumerate(self.prompts) if a.noun == noun and (a.kind == "plain") == plain
                ]
                spread = np.linspace(0, len(mine) - 1, each).astype(int)
                rows += [self.images[mine[i]] for i in spread]
        write_grid(np.stack(rows), 2 * each, file)

    def _round_trip(self, images: np.ndarray) -> np.ndarray:
        vae: Any = self.base.frozen("vae")
        return round_trip(vae, images, noise=0.0)
