"""Train the miniature from nothing, stage by stage; the same command goes on where it was ended."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from dreambench.errors import DreambenchError

#: In the order in which they depend on each other.
STAGES = ("vae", "text", "unet", "dino", "lpips", "judge")


def stage_classes() -> dict[str, type]:
    """Return the stages' classes by name."""
    from miniature.train.train_clip import TextStage
    from miniature.train.train_dino import DinoStage
    from miniature.train.train_judge import JudgeStage
    from miniature.train.train_lpips import LpipsStage
    from miniature.train.train_unet import UnetStage
    from miniature.train.train_vae import VaeStage

    return {kind.name: kind for kind in (VaeStage, TextStage, UnetStage, DinoStage, LpipsStage, JudgeStage)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m miniature.train", description=__doc__)
    told = f"{', '.join(STAGES)}, export; all of them, in this order, by default"
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=told)
    parser.add_argument("--work", type=Path, default=Path("mini-work"), help="checkpoints, losses, samples")
    parser.add_argument("--out", type=Path, help="where export writes; default: the package's data/mini")
    told = "exported folder to start from where --work has no checkpoint"
    parser.add_argument("--from", dest="source", type=Path, metavar="FOLDER", help=told)
    parser.add_argument("--minutes", type=float, help="the longest session of each stage")
    parser.add_argument("--steps", type=int, help="the planned number of steps (of one stage)")
    parser.add_argument("--threads", type=int, help="threads of torch; default: all cores")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _check(names: Sequence[str], options: argparse.Namespace) -> None:
    unknown = [name for name in names if name not in (*STAGES, "export")]
    if unknown:
        raise DreambenchError(f"unknown stage {unknown[0]!r}", f"known: {', '.join(STAGES)}, export")
    if options.steps is not None and (len(names) != 1 or options.steps < 1):
        raise DreambenchError("--steps is a positive number for one stage", "name the stage")
    if options.source and not (options.source / "pipeline").is_dir():
        raise DreambenchError(
            f"--from {options.source} holds no pipeline/", "give a folder that export wrote"
        )


def _train(names: Sequence[str], options: argparse.Namespace, console: Console) -> None:
    import torch

    from dreambench.models.load_module import without_file_bars
    from dreambench.paths import data_folder
    from miniature.train.export_pipeline import export
    from miniature.train.stage import TrainingSession
    from miniature.train.training_session import Loop

    if options.threads:
        torch.set_num_threads(options.threads)
    session = TrainingSession(options.work, options.source, options.minutes, options.seed, options.steps)
    with without_file_bars():
        for name in names:
            if name == "export":
                export(session, options.out or data_folder() / "mini", console)
                continue
            loop = Loop(stage_classes()[name](session), console)
            if not loop.run():
                told = f"{name}: {loop.step} of {loop.stage.steps} steps; the same command goes on from here"
                console.print(told, highlight=False)
            if loop.ended:
                raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0, 2 for bad input, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    names = tuple(options.stages) or (*STAGES, "export")
    try:
        _check(names, options)
        _train(names, options, Console(stderr=True))
    except DreambenchError as error:
        print(f"miniature.train: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
