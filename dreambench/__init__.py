"""dreambench: the standard instrument for subject-driven image generation.

Everything here is imported when it is first used: ``import dreambench`` imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreambench.spec.process import process_kept
from dreambench.spec.version import __version__

if TYPE_CHECKING:
    from dreambench.analysis.scores import Scores, compare, load
    from dreambench.executors.executor_options import ExecutorOptions
    from dreambench.methods.method import Method
    from dreambench.metrics.scorer import Scorer
    from dreambench.progress import ProgressListener
    from dreambench.report.write import write_report_of as report
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
    "report": "dreambench.report",  # the package, which is callable: one thing, whatever is imported first
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'dreambench' has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found


def __dir__() -> list[str]:
    return __all__


@process_kept()
def score(
    source: Any,
    protocol: str | Path | Sequence[str] | None = None,
    *,
    preset: str | Mapping[str, Any] | None = None,
    subjects: str | Sequence[str] | None = None,
    prompts: str | None = None,
    images_per_prompt: int | None = None,
    data: str | Path | None = None,
    metrics: str | Sequence[str] | None = None,
    overrides: Mapping[str, Any] | Iterable[str] | None = None,
    device: str | None = None,
    name: str | None = None,
    pattern: str | None = None,
    root: str | Path | None = None,
    out: str | Path | None = None,
    reporter: ProgressListener | None = None,
) -> Scores:
    """Score images of any method by a named protocol, or by several in one pass, and return its scores.

    ``source`` is a folder (``FOLDER/<subject>/<prompt_index>-<image_index>.png``), a manifest file, a
    DataFrame (columns ``subject``, ``prompt`` or ``prompt_index``, ``file`` or ``image``), or
    ``{subject: {prompt: [PIL images or files]}}``. ``protocol`` (None: the preset's) is a name or a YAML
    file, or several (a list; ``scores.protocols`` then has each one's scores); ``preset`` (None: the one of
    the protocol's name, otherwise ``paper-sd15``) brings its dataset, ``data`` is another dataset's folder.
    ``name`` is the name in tables, ``pattern`` describes a folder's file names
    (``{subject}_{prompt}_{image}.png``), ``root`` is the folder of a manifest's files, ``out`` the folder of
    the scores (None: below results/). The rest is described at ``run``. Images that are missing are NaN and
    are counted. Raises DreambenchError naming what is wrong and the remedy.

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
    from dreambench.runs.submissions.score import score as score_images
    from dreambench.spec.presets import preset_names

    named = [name for name in asked_protocols({"protocol": protocol})[:1] if name in preset_names()]
    folder, _ = score_images(
        source,
        preset=named[0] if preset is None and named else preset,
        protocol=protocol,
        subjects=subjects,
        prompts=prompts,
        images_per_prompt=images_per_prompt,
        data=data,
        metrics=metrics,
        overrides=overrides,
        device=device,
        name=name,
        pattern=pattern,
        root=root,
        out=out,
        reporter=reporter,
    )
    return load(folder.path)


@process_kept()
def run(
    preset: str | Mapping[str, Any] | None = None,
    *,
    subjects: str | Sequence[str] | None = None,
    prompts: str | None = None,
    images_per_prompt: int | None = None,
    method: str | None = None,
    base: str | Path | None = None,
    identifier: str | None = None,
    data: str | Path | None = None,
    protocol: str | Path | Sequence[str] | None = None,
    metrics: str | Sequence[str] | None = None,
    seed: int | None = None,
    overrides: Mapping[str, Any] | Iterable[str] | None = None,
    device: str | None = None,
    out: str | Path | None = None,
    keep_checkpoints: bool = False,
    executor: ExecutorOptions | None = None,
    reporter: ProgressListener | None = None,
) -> Scores:
    """Personalize a base model for each subject, draw the prompts, score the images; return the scores.

    ``preset`` (None: ``paper-sd15`` with a GPU, else ``mini``) is a name or a YAML file; the other fields
    are its own where they are None. ``subjects`` and ``metrics`` are names ("all" subjects), ``prompts`` is
    "all" or indices such as "0-4,7". ``base`` is a hub id or a folder, ``data`` a dataset's folder.
    ``overrides`` sets any field by its dotted name. ``out`` is the run's folder (None: below results/), and
    ``reporter`` (None: bars on stderr) receives the progress. The same call resumes a run that was
    interrupted. Raises DreambenchError naming what is wrong and the remedy. ``dreambench.runs.run.run``
    works several presets and seeds at once.

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
    from dreambench.executors.executor_options import ExecutorOptions
    from dreambench.runs.run import run as work_runs

    (folder,) = work_runs(
        preset,
        subjects=subjects,
        prompts=prompts,
        images_per_prompt=images_per_prompt,
        method=method,
        base=base,
        identifier=identifier,
        data=data,
        protocol=protocol,
        metrics=metrics,
        seed=seed,
        overrides=overrides,
        device=device,
        out=out,
        keep_checkpoints=keep_checkpoints,
        executor=executor or ExecutorOptions(),
        reporter=reporter,
    )
    return load(folder.path)
