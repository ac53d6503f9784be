"""The cells of two runs: which subjects and prompts both have images of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dreambench.analysis import RunScores
from dreambench.dataset import Prompt, official_prompts
from dreambench.errors import DreambenchError
from dreambench.store import RunRecord


@dataclass(frozen=True)
class CommonCell:
    """A subject and a prompt of which both runs have images.

    ``text`` is the prompt without the identifier, which raters do not know. ``files_a`` and ``files_b`` are
    the score tables' ``file`` entries of all images, at least one each.
    """

    subject: str
    class_noun: str
    prompt_index: int
    text: str
    files_a: tuple[str, ...]
    files_b: tuple[str, ...]


def common_cells(run_a: RunScores, run_b: RunScores) -> list[CommonCell]:
    """Return the common cells of two runs, ordered by subject and prompt.

    Raises DreambenchError where the runs use different datasets, or one has no images in its table.
    """
    labels = [run.record.spec.data.label for run in (run_a, run_b)]
    if labels[0] != labels[1]:
        raise DreambenchError(
            f"{run_a.folder.path} uses the dataset {labels[0]}, {run_b.folder.path} uses {labels[1]}",
            "give runs of the same photos",
        )
    images_a, images_b = _images(run_a), _images(run_b)
    return [
        CommonCell(*place[:2], place[3], _text(run_a.record, *place), files, images_b[place])
        for place, files in sorted(images_a.items())
        if place in images_b
    ]


def _images(run: RunScores) -> dict[tuple[str, str, str, int], tuple[str, ...]]:
    """Return the files that a run has, by (subject, class noun, category, prompt index)."""
    table = run.tables.images
    present = table[table["file"].notna()]
    if present.empty:
        raise DreambenchError(
            f"{run.folder.path} has no image in its score table",
            "finish it with `dreambench run` or `dreambench score` first",
        )
    keys = ["subject", "class_noun", "category", "prompt_index"]
    files: dict[Any, tuple[str, ...]] = present.groupby(keys, dropna=False)["file"].agg(tuple).to_dict()
    return {(str(s), str(n), str(c), int(p)): own for (s, n, c, p), own in files.items()}


def _text(record: RunRecord, subject: str, class_noun: str, category: str, prompt_index: int) -> str:
    own = [Prompt(index, text, "") for index, text in enumerate(record.prompts.get(subject, ()))]
    prompts = own or official_prompts(category)  # type: ignore[arg-type]  # it refuses an unknown category
    if not 0 <= prompt_index < len(prompts):
        raise DreambenchError(
            f"prompt {prompt_index} of category {category!r} does not exist", "score the images again"
        )
    return prompts[prompt_index].text(class_noun)
