"""dreambench: the standard instrument for subject-driven image generation.

Everything here is imported when it is first used: ``import dreambench`` imports no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreambench.spec.version import __version__

if TYPE_CHECKING:
    from dreambench.analysis.scores import Scores, compare, load
    from dreambench.methods.method import Method
    from dreambench.metrics.scorer import Scorer
    from dreambench.spec.metric import Metric
    from dreambench.spec.protocol_spec import ProtocolSpec as Protocol

__all__ = [
    "Method",
    "Metric",
    "Protocol",
    "Scorer",
    "Scores",
    "__version__",
    "compare",
    "load",
    "report",
    "run",
    "score",
]

_PLACES = {
    "Method": "dreambench.methods.method:Method",
    "Metric": "dreambench.spec.metric:Metric",
    "Protocol": "dreambench.spec.protocol_spec:ProtocolSpec",
    "Scorer": "dreambench.metrics.scorer:Scorer",
    "Scores": "dreambench.analysis.scores:Scores",
    "compare": "dreambench.analysis.scores:compare",
    "load": "dreambench.analysis.scores:load",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'dreambench' has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return __all__


def score(source: Any, protocol: str | Path | Sequence[str] = "paper", **asked: Any) -> Scores:
    """Score images of any method by a named protocol, or by several in one pass, and return its scores.

    ``source`` is a folder (``FOLDER/<subject>/<prompt_index>-<image_index>.png``), a CSV manifest, a
    DataFrame (columns ``subject``, ``prompt`` or ``prompt_index``, ``file`` or ``image``), or images in
    memory as ``{subject: {prompt: [PIL images]}}``. ``protocol`` is a name or a YAML file, or several (a
    list; ``scores.protocols`` then has each one's scores); a preset of the first one's name brings its
    dataset. ``asked`` may have ``data`` (a dataset's folder), ``subjects``, ``prompts``,
    ``images_per_prompt``, ``metrics``, ``overrides``, ``device``, ``name`` and ``out`` (the folder of the
    scores; below results/ without it). Images that are missing are NaN and are counted. Raises
    DreambenchError naming what is wrong and the remedy.

    Example:
        >>> import dreambench, tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as out:
        ...     images = {"dog": {0: [Image.new("RGB", (64, 64), color) for color in ("red", "blue")]}}
        ...     scores = dreambench.score(images, "mini", subjects=["dog"], prompts="0",
        ...                               images_per_prompt=2, metrics=["dino"], out=out + "/scores")
        ...     print(len(scores.images), scores.table.index.name, "dino" in scores.table)
        2 method True
    """
    from dreambench.analysis.scores import load
    from dreambench.runs.asked import asked_protocols
    from dreambench.runs.score import score as score_images
    from dreambench.spec.presets import preset_names

    first = asked_protocols({"protocol": protocol})[0]
    preset = asked.pop("preset", first if first in preset_names() else None)
    folder, _ = score_images(source, preset=preset, protocol=protocol, **asked)
    return load(folder.path)


def run(preset: str | None = None, **asked: Any) -> Scores:
    """Personalize a base model for each subject, draw the prompts, score the images; return the scores.

    ``preset`` (None: ``paper-sd15`` with a GPU, else ``mini``) is a name or a YAML file. ``asked`` may have
    ``subjects``, ``prompts``, ``images_per_prompt``, ``method``, ``base``, ``data``, ``protocol``,
    ``metrics``, ``seed``, ``overrides``, ``device``, ``out``, ``keep_checkpoints`` and ``executor``. The same
    call resumes a run that was interrupted. Raises DreambenchError naming what is wrong and the remedy.
    ``dreambench.runs.run.run`` works several presets and seeds at once.

    Example:
        >>> import dreambench, tempfile
        >>> with tempfile.TemporaryDirectory() as out:
        ...     scores = dreambench.run("mini", subjects=["dog"], prompts="0", images_per_prompt=1,
        ...         metrics=["dino"], out=out + "/run", device="cpu", overrides={"method.steps": 1,
        ...         "method.prior_preservation": False, "sampler.steps": 1})
        ...     print(list(scores.subjects.index), list(scores.subjects.columns))
        ['dog'] ['dino']
    """
    from dreambench.analysis.scores import load
    from dreambench.runs.run import run as work_runs

    (folder,) = work_runs(preset, **asked)
    return load(folder.path)


def report(*runs: str | Path | Scores, out: str | Path | None = None, force: bool = False) -> Path:
    """Write the report of one run, or of several side by side, and return the page's path.

    ``runs`` are run folders or ``Scores``. ``out`` is the report's folder (None: in the one run's folder, or
    below results/). Raises DreambenchError where the signatures differ, unless ``force``.
    """
    from dreambench.report.write import write_report_of

    return write_report_of(*runs, out=out, force=force)
