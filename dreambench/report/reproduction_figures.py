"""The two figures of a reproduction's page: the claims' effects, and scores along training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreambench.analysis.run_scores import RunScores
from dreambench.analysis.verdicts import ClaimVerdict
from dreambench.report.inline_svg import svg_text
from dreambench.store.files import write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLORS = {"holds": "#1a7f37", "fails": "#cf222e", "undecided": "#6e7781"}
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
Points = Mapping[str, Sequence[tuple[int, float, float]]]


def training_points(scored: Iterable[RunScores]) -> dict[str, list[tuple[int, float, float]]]:
    """Return (steps, DINO, CLIP-T) in the order of steps for each method, means over subjects."""
    points: dict[str, list[tuple[int, float, float]]] = {}
    for run in scored:
        dino, clip_t = (float(run.subjects[name].mean()) for name in ("dino", "clip_t"))
        method = run.record.spec.method
        points.setdefault(method.name, []).append((method.training_steps(), dino, clip_t))
    return {method: sorted(found) for method, found in points.items()}


def draw_effects(answers: Sequence[ClaimVerdict], file: Path) -> None:
    """Write a row per claim that was tested: its effect with the 95% interval, the paper's as a diamond."""
    tested = [(answer, answer.effect) for answer in answers if answer.effect is not None]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axvline(0, color="0.6", lw=0.8)
        for position, (answer, effect) in enumerate(tested):
            color = _COLORS[answer.verdict]
            if answer.ci95 is not None:
                axes.plot(answer.ci95, [position] * 2, color=color, lw=1.8)
            axes.plot([effect], [position], "o", color=color, ms=5)
            if answer.paper is not None:
                axes.plot([answer.paper], [position], "D", color="0.25", mfc="none", ms=5)
        statements = [answer.statement.partition(" (")[0] for answer, _ in tested]
        axes.set_yticks(range(len(tested)), statements)
        axes.set_ylim(len(tested) - 0.5, -0.5)
        axes.set_xlabel("difference of scores")
        dots = [axes.plot([], [], "o", color=c, label=verdict)[0] for verdict, c in _COLORS.items()]
        diamond = axes.plot([], [], "D", color="0.25", mfc="none", label="the paper's")
        figure.legend(handles=[*dots, *diamond], loc="outside upper right", ncols=4, frameon=False)

    write_text(file, svg_text((9.0, 0.8 + 0.26 * max(1, len(tested))), draw, _SETTINGS))


def _apart(axes: Any, places: Iterable[tuple[int, float, float]]) -> list[tuple[int, float, float]]:
    """Return the points of one line that can be labeled without covering another's label, the last first."""
    kept: list[tuple[int, float, float]] = []
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    for step, x, y in sorted(places, reverse=True):
        near = (abs(x - a) < 0.05 * (right - left) and abs(y - b) < 0.04 * (high - low) for _, a, b in kept)
        if not any(near):
            kept.append((step, x, y))
    return kept


def draw_training(points: Points, file: Path) -> None:
    """Write CLIP-T over DINO, a line per method through its steps."""

    def draw(figure: Figure) -> None:
        axes, lines = figure.subplots(), []
        for position, (method, found) in enumerate(points.items()):
            steps, dino, clip_t = zip(*found, strict=True)
            (line,) = axes.plot(dino, clip_t, "o-", color=f"C{position}", ms=4, lw=1.4, label=method)
            lines.append((steps, dino, clip_t, line.get_color()))
        for steps, dino, clip_t, color in lines:
            for step, x, y in _apart(axes, zip(steps, dino, clip_t, strict=True)):
                axes.annotate(
                    str(step), (x, y), (3, 4), textcoords="offset points", color=color, fontsize=7.5
                )
        axes.set_xlabel("DINO: is it the subject?")
        axes.set_ylabel("CLIP-T: is it the prompt?")
        figure.legend(loc="outside upper right", ncols=3, frameon=False)

    write_text(file, svg_text((7.0, 4.2), draw, _SETTINGS))
