"""The miniature's evaluation: what is asked, what the figures mean, and the card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dreambench.errors import DreambenchError
from miniature.evaluate.__main__ import main
from miniature.evaluate.card import BARS, figures_table, write_into_card
from miniature.evaluate.evaluation_prompts import evaluation_prompts, rendered
from miniature.evaluate.fidelity import Fidelity
from miniature.evaluate.judged import accuracies, frechet_distance
from miniature.train.data import LABELS
from miniature.world import CLASS_NOUNS


@pytest.fixture(scope="module")
def prompts_and_labels() -> tuple[list, np.ndarray]:
    prompts = evaluation_prompts(1, {"object": 1, "live": 1})
    return prompts, rendered(prompts, 0)[1]


def test_every_official_prompt_of_every_class_is_asked() -> None:
    prompts = evaluation_prompts(2, {"object": 1, "live": 3})
    assert len(prompts) == 15 * 2 + 13 * 25 + 2 * 25 * 3
    assert {each.noun for each in prompts if each.kind == "plain"} == set(CLASS_NOUNS)
    assert len({each.prompt for each in prompts if each.kind != "plain"}) == 15 * 25
    assert sum(each.kind == "accessorization" for each in prompts) == 2 * 10 * 3
    assert all("{" not in each.prompt for each in prompts)


def test_renderings_show_what_was_asked(prompts_and_labels: tuple[list, np.ndarray]) -> None:
    prompts, labels = prompts_and_labels
    columns = list(LABELS)
    for each, row in zip(prompts, labels, strict=True):
        told = {c: row[i] < len(LABELS[c]) for i, c in enumerate(columns)}
        assert LABELS["class"][row[0]] == each.noun
        assert told["context"] == (each.kind == "recontextualization")
        assert told["accessory"] == (each.kind == "accessorization")
        assert told["property"] == (each.kind == "property modification")


def _logits(labels: np.ndarray) -> list[np.ndarray]:
    return [np.eye(len(names) + 1)[labels[:, i]] for i, names in enumerate(LABELS.values())]


def test_accuracies_are_of_what_was_asked(prompts_and_labels: tuple[list, np.ndarray]) -> None:
    prompts, labels = prompts_and_labels
    assert set(accuracies(prompts, labels, _logits(labels)).values()) == {1.0}
    # A judge that sees no accessory and no property anywhere, and everything else.
    blind = labels.copy()
    for name in ("accessory", "property"):
        blind[:, list(LABELS).index(name)] = len(LABELS[name])
    shares = accuracies(prompts, labels, _logits(blind))
    assert shares["property"] == shares["color"] == 0
    assert shares["accessory"] == pytest.approx(0.1)  # ten ways: "none" is no answer, the first one is
    assert shares["class"] == shares["context"] == 1


def test_frechet_distance_of_known_gaussians() -> None:
    features = np.random.default_rng(0).normal(size=(4000, 3))
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(features, features + np.array([3, 0, 4])) == pytest.approx(25, abs=1e-6)
    # Deviations s and 2 s in each direction: the trace is the sum of (s - 2 s) squared.
    expected = np.trace(np.cov(features, rowvar=False)) + np.square(features.mean(0)).sum()
    assert frechet_distance(features, 2 * features) == pytest.approx(expected, rel=1e-6)


def test_the_share_that_dreambooth_closes() -> None:
    found = Fidelity(0.9, 0.7, 0.4, 0.27, 0.30, 12.0)
    assert found.closed == pytest.approx(0.6)
    assert found.clip_t_kept == pytest.approx(0.9)


def test_the_card_tells_what_is_missed(tmp_path: Path) -> None:
    table = figures_table({"class": 0.94, "frechet": 2.5, "minutes": 31}, {"class": 0.999})
    assert "| ≥ 95.0% | 94.0% (missed) | 99.9% |" in table
    assert "| ≤ 3 | 2.5 |  |" in table
    assert "| ≤ 30 | 31 (missed) |" in table
    card = tmp_path / "card.md"
    with pytest.raises(DreambenchError, match="has no place for figures"):
        write_into_card(card, table)
    card.write_text("a\n<!-- figures: begin -->\nold\n<!-- figures: end -->\nb\n")
    write_into_card(card, table)
    write_into_card(card, table)
    assert card.read_text() == f"a\n<!-- figures: begin -->\n{table}\n<!-- figures: end -->\nb\n"
    assert len({bar.key for bar in BARS}) == len(BARS)


def test_without_a_judge_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--work", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "run the stage `judge` first" in error
    assert error.count("\n") == 1
