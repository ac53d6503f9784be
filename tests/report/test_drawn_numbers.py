"""The numbers in the page's figures: a dot is at its subject's score, a bar is its interval."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dreambench.analysis import read_run_scores
from dreambench.analysis.paired import mean_interval
from dreambench.analysis.summary import Row, Score, Summary
from dreambench.report import leaderboard, protocol_table, score_figures
from dreambench.report.inline_svg import color_of
from dreambench.report.score_figures import draw_losses
from dreambench.store import RunFolder
from tests.analysis.material import image_row, make_run, make_spec

KINDS = ("recontextualization", "property modification")
#: By subject: the DINO of two images of a prompt of the first kind, and of one of the second.
OURS = {"ant": (0.1, 0.2, 0.6), "bee": (0.3, 0.5, 0.7), "cow": (0.2, 0.2, 0.3), "dog": (0.6, 0.4, 0.8)}
THEIRS = {"dog": (0.4, 0.4, 0.5), "ant": (0.2, 0.4, 0.2), "elk": (0.1, 0.1, 0.1), "cow": (0.3, 0.3, 0.9)}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """The figures that were drawn, by name, before they are SVG."""
    found: dict[str, Figure] = {}

    def keep(size: tuple[float, float], draw: Any, name: str, alt: str) -> Markup:
        found[name] = Figure(figsize=size)
        draw(found[name])
        return Markup("")

    for module in (score_figures, leaderboard, protocol_table):
        monkeypatch.setattr(module, "draw_svg", keep)
    return found


def run_of(path: Path, scores: dict[str, tuple[float, float, float]], steps: int = 3) -> RunFolder:
    """CLIP-I is DINO + 0.1, CLIP-T is 0.4 - DINO / 10."""
    rows = []
    for name, of_images in scores.items():
        for (prompt, image), dino in zip(((0, 0), (0, 1), (1, 0)), of_images, strict=True):
            rows.append(
                image_row(name, prompt, image, (dino, dino + 0.1, 0.4 - dino / 10), kind=KINDS[prompt])
            )
    photos = [
        {"subject": name, "photo_a": "0.png", "photo_b": "1.png", "dino": 0.9 - n / 10, "clip_i": 0.9}
        for n, name in enumerate(scores)
    ]
    spec = make_spec()
    spec = spec.model_copy(update={"method": spec.method.model_copy(update={"steps": steps})})
    return make_run(path, rows, spec=spec, subjects=scores, tables={"photos": photos})


def lines(axes: Axes, marker: str, color: str | None = None) -> list[tuple[list[float], list[float]]]:
    """Return x and y of the lines with a marker ("None" for lines alone), and with a color."""
    found = [line for line in axes.lines if line.get_marker() == marker]
    return [
        (pytest.approx(list(map(float, line.get_xdata()))), pytest.approx(list(map(float, line.get_ydata()))))
        for line in found
        if color is None or line.get_color() == color
    ]


def means(scores: dict[str, tuple[float, float, float]]) -> list[float]:
    return [sum(own) / 3 for own in scores.values()]


def named(texts: Iterable[Any]) -> list[str]:
    return [text.get_text() for text in texts]


def test_each_subject_has_a_dot_of_each_run_in_its_row(tmp_path: Path, drawn: dict[str, Figure]) -> None:
    runs = [run_of(tmp_path / "ours", OURS), run_of(tmp_path / "theirs", THEIRS)]
    score_figures.score_figures(read_run_scores(runs))
    panels = drawn["by-subject"].axes
    assert [axes.get_title("left").split()[0] for axes in panels] == ["DINO", "CLIP-I", "CLIP-T"]
    dino, clip_i, clip_t = panels
    assert named(dino.get_yticklabels()) == ["ant", "bee", "cow", "dog", "elk"]
    assert dino.get_ylim() == (4.5, -0.5)  # the first subject at the top
    assert lines(dino, "o", color_of(0)) == [(means(OURS), [-0.2, 0.8, 1.8, 2.8])]
    assert lines(dino, "o", color_of(1)) == [(means(THEIRS), [3.2, 0.2, 4.2, 2.2])]
    assert lines(dino, "|") == [([0.9, 0.8, 0.7, 0.6], [0, 1, 2, 3])]
    assert lines(clip_i, "o", color_of(0)) == [([mean + 0.1 for mean in means(OURS)], [-0.2, 0.8, 1.8, 2.8])]
    assert lines(clip_i, "|") == [([0.9] * 4, [0, 1, 2, 3])]
    assert lines(clip_t, "o", color_of(1)) == [([0.4 - m / 10 for m in means(THEIRS)], [3.2, 0.2, 4.2, 2.2])]
    assert lines(clip_t, "|") == []


def test_each_kind_of_prompt_has_the_mean_over_subjects_with_its_interval(
    tmp_path: Path, drawn: dict[str, Figure]
) -> None:
    score_figures.score_figures(read_run_scores([run_of(tmp_path / "ours", OURS)]))
    dino = drawn["by-kind"].axes[0]
    assert named(dino.get_yticklabels()) == list(KINDS)
    first = [(a + b) / 2 for a, b, _ in OURS.values()]
    second = [c for *_, c in OURS.values()]
    assert lines(dino, "o") == [([sum(first) / 4], [0]), ([sum(second) / 4], [1])]
    assert lines(dino, "None") == [
        (list(mean_interval(first) or ()), [0, 0]),
        (list(mean_interval(second) or ()), [1, 1]),
    ]


def test_up_is_dino_and_right_is_clip_t(tmp_path: Path, drawn: dict[str, Figure]) -> None:
    runs = [run_of(tmp_path / "late", OURS, steps=9), run_of(tmp_path / "early", THEIRS, steps=2)]
    score_figures.score_figures(read_run_scores(runs))
    (axes,) = drawn["trade-off"].axes
    assert axes.get_xlabel().startswith("CLIP-T")
    assert axes.get_ylabel().startswith("DINO")
    assert lines(axes, "o", color_of(0)) == [([0.4 - mean / 10 for mean in means(OURS)], means(OURS))]
    assert lines(axes, "o", color_of(1)) == [([0.4 - mean / 10 for mean in means(THEIRS)], means(THEIRS))]
    (axes,) = drawn["along-training"].axes
    dino = [sum(means(THEIRS)) / 4, sum(means(OURS)) / 4]  # by steps: 2, 9
    assert lines(axes, "o") == [([0.4 - mean / 10 for mean in dino], dino)]
    assert [(note.get_text(), note.xy) for note in axes.texts] == [
        ("2", pytest.approx((0.4 - dino[0] / 10, dino[0]))),
        ("9", pytest.approx((0.4 - dino[1] / 10, dino[1]))),
    ]


def test_one_runs_dots_have_their_subjects_names(tmp_path: Path, drawn: dict[str, Figure]) -> None:
    score_figures.score_figures(read_run_scores([run_of(tmp_path / "ours", OURS)]))
    (axes,) = drawn["trade-off"].axes
    found = {note.get_text(): note.xy[1] for note in axes.texts}
    assert found == pytest.approx(dict(zip(OURS, means(OURS), strict=True)))


def test_the_loss_is_the_median_of_subjects_in_bins_of_steps(tmp_path: Path) -> None:
    """160 steps in 80 bins of two: subject n has the loss n (1 + step), and twice that of the class."""
    run = run_of(tmp_path / "run", OURS)
    for number, name in enumerate(OURS, start=1):
        steps = pd.Series(range(1, 161))
        photo = number * (1.0 + steps)
        frame = pd.DataFrame({"step": steps, "photo": photo, "prior": 2 * photo, "total": photo})
        run.loss_file(name).parent.mkdir(exist_ok=True)
        frame.to_csv(run.loss_file(name), index=False)
    figure = Figure()
    draw_losses(figure, read_run_scores([run]))
    for axes, factor in zip(figure.axes, (1, 2), strict=True):
        ((x, y),) = [(line.get_xdata(), line.get_ydata()) for line in axes.lines]
        assert list(x) == [1.5 + 2 * bin_ for bin_ in range(80)]
        assert list(y) == pytest.approx([factor * 2.5 * (1 + middle) for middle in x])
        (band,) = axes.collections
        corners = band.get_paths()[0].vertices
        first = sorted({round(float(height), 9) for at, height in corners if at == 1.5})
        assert first == pytest.approx([factor * 2.5 * 1.3, factor * 2.5 * 3.7])  # of 1, 2, 3, 4: 10% and 90%


def test_a_board_draws_both_intervals_through_each_dot(tmp_path: Path, drawn: dict[str, Figure]) -> None:
    leaderboard.make_boards(read_run_scores([run_of(tmp_path / "ours", OURS)]))
    ((axes,),) = [figure.axes for figure in drawn.values()]
    dino = means(OURS)
    clip_t = [0.4 - mean / 10 for mean in dino]
    x, y = sum(clip_t) / 4, sum(dino) / 4
    assert lines(axes, "o") == [([x], [y])]
    across, up = lines(axes, "None")
    assert across == (list(mean_interval(clip_t) or ()), [y, y])
    assert up == ([x, x], list(mean_interval(dino) or ()))


def test_protocols_are_drawn_without_their_scales(drawn: dict[str, Figure]) -> None:
    def summary(scale: float, signature: str, **others: Any) -> Summary:
        def row(name: str, mean: float) -> Row:
            low, high = mean - 0.1, mean + 0.2
            return Row(
                method=name, n_images=4, dino=Score(mean=mean * scale, ci95=(low * scale, high * scale))
            )

        rows = (row("real", 0.9), row("ours", 0.5), row("theirs", 0.7))
        return Summary(
            signature=signature, name="x", n_images=4, unscored=0, rows=rows, subjects={}, **others
        )

    plain = summary(1, "dreambench:0.1|n:4")
    both = {"paper": plain, "kosmos-g": summary(100, "dreambench:0.1|scale:dino*100|n:4")}
    protocol_table.protocol_figure(summary(1, plain.signature, protocols=both))
    (axes,) = drawn["protocols"].axes
    assert named(axes.get_yticklabels()) == ["paper", "kosmos-g"]
    for position, mean in enumerate((0.5, 0.7)):
        places = [-0.2 + 0.4 * position, 0.8 + 0.4 * position]
        color = color_of(position)
        assert lines(axes, "o", color) == [([mean], [place]) for place in places]
        assert lines(axes, "None", color) == [([mean - 0.1, mean + 0.2], [place] * 2) for place in places]
