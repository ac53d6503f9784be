"""Measure the miniature by the drawn world's ground truth: the bars of its model card."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from dreambench.errors import DreambenchError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m miniature.evaluate", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("mini-work"), help="where the judge was trained")
    parser.add_argument(
        "--run", type=Path, metavar="FOLDER", help="a finished run of preset mini, for DreamBooth"
    )
    parser.add_argument("--card", type=Path, metavar="FILE", help="write the table into this model card")
    parser.add_argument(
        "--samples", type=Path, metavar="FILE", help="write some of the drawn images as one PNG"
    )
    parser.add_argument("--small", action="store_true", help="fewer images: a first look, not the figures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    return parser


def _evaluate(options: argparse.Namespace) -> tuple[dict[str, float], dict[str, float]]:
    from dreambench.progress import reporter
    from miniature.evaluate.measure import Measurement

    with reporter() as shown:
        measurement = Measurement(options.work, options.seed, options.small, shown)
        figures, judged = measurement.untouched()
        figures |= measurement.scorers()
        if options.run:
            figures |= measurement.dreambooth(options.run)
        if options.samples:
            measurement.write_samples(options.samples)
    return figures, judged


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0, or 2 for bad input."""
    from miniature.evaluate.card import figures_table, write_into_card

    options = _parser().parse_args(arguments)
    try:
        figures, judged = _evaluate(options)
        table = figures_table(figures, judged)
        if options.card:
            write_into_card(options.card, table)
    except DreambenchError as error:
        print(f"miniature.evaluate: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(json.dumps({"figures": figures, "renderings": judged}) if options.json else table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
