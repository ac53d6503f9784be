"""VQAScore, ImageReward and HPSv3, each computed by its package in an environment of its own.

Their dependencies conflict with ours. ``python`` names the interpreter of an environment with the package;
``programs/reward_program.py`` runs in it.
"""

from __future__ import annotations

import math
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from dreambench.errors import DreambenchError
from dreambench.metrics.command_metric import in_words, last_line, run_program
from dreambench.metrics.kept_scores import KeptScores, content_key
from dreambench.metrics.running_program import RunningProgram
from dreambench.paths import sha256_of
from dreambench.spec.file_metric import FileMetric, FileMetricSpec, ScoredFile, missing_scores
from dreambench.spec.protocol_spec import ProtocolSpec

if TYPE_CHECKING:
    import torch

PROGRAM = Path(__file__).parent / "programs" / "reward_program.py"


class RewardSpec(FileMetricSpec):
    """The interpreter that has the package, the package's model, and the limit in seconds per subject."""

    python: str = ""
    model: str = ""
    device: str = "auto"
    timeout: float = Field(default=3600, gt=0)


@cache
def _checked(command: tuple[str, ...]) -> tuple[str | None, str]:
    """Return why a program cannot start, in one line (None if it can), and its package's version."""
    try:
        code, out, err = run_program(command, "", timeout=60)
    except subprocess.TimeoutExpired:
        return "it did not start within a minute", ""
    except (OSError, UnicodeDecodeError) as error:
        return in_words(error), ""
    return (last_line(err), "") if code else (None, out.strip())


class RewardMetric(FileMetric):
    """A package's score of an image and its caption. Scores are stored by the content of both."""

    #: The package's name on PyPI.
    package: ClassVar[str]

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the package with its version, and its model."""
        spec = self.settings(protocol)
        package = f"{self.package}-{spec.fingerprint}" if spec.fingerprint else self.package
        return {self.encoder: f"{package}/{Path(spec.model).name}"}

    def check(self, settings: RewardSpec) -> None:
        """Raise DreambenchError if no interpreter is named, or if it does not exist."""
        field = f"protocol.encoders.{self.encoder}.python"
        if not settings.python:
            raise DreambenchError(
                f"{field} names no interpreter",
                f"install {self.package} into its own environment and give --set {field}=FOLDER/bin/python",
            )
        problem, _ = self._checked(settings)
        if problem:
            raise DreambenchError(f"{field}={settings.python}: {problem}", "use an environment that has it")

    def version(self, settings: RewardSpec) -> str | None:
        """Return the version of the package in its environment."""
        return self._checked(settings)[1] or None

    def _checked(self, settings: RewardSpec) -> tuple[str | None, str]:
        return _checked((settings.python, str(PROGRAM), self.encoder, "--check"))

    def score_files(
        self, files: Sequence[ScoredFile], settings: RewardSpec, kept: Path, note: Callable[[str], None]
    ) -> list[float]:
        """Start the program for these files alone."""
        return self.score_with(files, settings, kept, note, partial(self.load_encoder, settings, "auto"))

    def load_encoder(self, settings: RewardSpec, device: str | torch.device) -> RunningProgram:
        """Return the package's program, on the device of its own settings."""
        words = ("--model", settings.model, "--device", settings.device)
        return RunningProgram((settings.python, str(PROGRAM), self.encoder, *words))

    def score_with(
        self,
        files: Sequence[ScoredFile],
        settings: RewardSpec,
        kept: Path,
        note: Callable[[str], None],
        load: Callable[[], RunningProgram],
    ) -> list[float]:
        """Compute the scores that are not stored yet; NaN where the program returns nothing."""
        self.check(settings)
        scores, version = KeptScores(kept), settings.fingerprint or ""
        by = (self.package, version, settings.model)
        keys = [content_key(*by, file.caption, sha256_of(file.image)) for file in files]
        asked = {key: file for key, file in zip(keys, files, strict=True) if key not in scores}
        if asked:
            lines = [{"image": str(f.image), "caption": f.caption} for f in asked.values()]
            found, problem = load().scores(lines, settings.timeout)
            if problem:
                note(f"{self.name}: {problem}; {missing_scores(sum(map(math.isnan, found)))}")
            scores.add(dict(zip(asked, found, strict=True)))
        return [scores.get(key) for key in keys]


class VqaScoreSpec(RewardSpec):
    """VQAScore's interpreter and model."""

    model: str = "clip-flant5-xxl"


class VqaScore(RewardMetric):
    """The probability that a vision-language model says yes when asked if the image shows its caption."""

    title = "VQAScore"
    definition = "probability that a question-answering model says yes, the image shows its caption"
    source = (
        "Lin et al. 2024 (Evaluating Text-to-Visual Generation with Image-to-Text Generation), t2v-metrics"
    )
    encoder = "vqascore"
    package = "t2v-metrics"
    licence = "Apache-2.0 (t2v-metrics); the model's own"
    Settings = VqaScoreSpec
    range = (0.0, 1.0)
    rank = 31


class ImageRewardSpec(RewardSpec):
    """ImageReward's interpreter and model."""

    model: str = "ImageReward-v1.0"


class ImageReward(RewardMetric):
    """A reward learned from experts' comparisons of images for one caption; about 0 on average."""

    title = "ImageReward"
    definition = "reward for image and caption, learned from people's comparisons of images"
    source = "Xu et al. 2023 (ImageReward)"
    encoder = "image_reward"
    package = "image-reward"
    licence = "Apache-2.0 (ImageReward)"
    agreement = "65.1% of the pairs of its own test set (figure of HPSv3's authors); not measured here"
    Settings = ImageRewardSpec
    range = (-math.inf, math.inf)
    rank = 32


class HpsV3Spec(RewardSpec):
    """HPSv3's interpreter, and ``HPSv3`` or a checkpoint."""

    model: str = "HPSv3"


class HpsV3(RewardMetric):
    """A preference score of a vision-language model, learned from people's comparisons of images."""

    title = "HPSv3"
    definition = "preference score of image and caption, learned from people's comparisons of images"
    source = "Ma et al. 2025 (HPSv3)"
    encoder = "hpsv3"
    package = "hpsv3"
    licence = "MIT (HPSv3)"
    agreement = (
        "76.9% of the pairs of HPDv3, 66.8% of ImageReward's (its authors' figures); not measured here"
    )
    Settings = HpsV3Spec
    range = (-math.inf, math.inf)
    rank = 33
