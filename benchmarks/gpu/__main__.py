"""Checks and measures a GPU in one command, for docs/performance.md::

    python -m benchmarks.gpu --out FOLDER

No network and no weights are needed: Stable Diffusion 1.5, CLIP B/32, DINO S/16 and LPIPS are built in full
size with random weights. First the device's scores, losses and pictures are compared with the CPU's, then
training, drawing, scoring and memory are measured. FOLDER/gpu.md is the table, gpu.json has its figures.
Exit code 1 where a bar is missed, 2 without a GPU. ``--device cpu --tiny`` runs the same code on tiny models.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from benchmarks.gpu import checks, drawing, families, large, training  # noqa: E402
from benchmarks.gpu.rows import Row, Section, rows_of, write  # noqa: E402
from benchmarks.gpu.setup import build_setup  # noqa: E402
from dreambench.errors import DreambenchError  # noqa: E402
from dreambench.models.device import resolve_runtime  # noqa: E402
from dreambench.spec.run_spec import RuntimeSpec  # noqa: E402

SECTIONS: dict[str, Section] = {
    "scores": checks.scores_agree,
    "losses": checks.losses_agree,
    "precisions": checks.precisions_agree,
    "resume": checks.killed_run_resumes,
    "families": families.families_agree,
    "training": training.training_speed,
    "drawing": drawing.drawing_speed,
    "scoring": drawing.scoring_speed,
    "memory": training.memory_of_two_subjects,
    "large": large.large_models,
    "compiled": training.compiled_speed,
}


def main() -> int:
    """Run the sections one after the other; the table is written anew after each of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description="Check and measure a GPU.")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the table")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="tiny models: only whether everything runs")
    parser.add_argument("--only", help=f"some sections, by commas: {', '.join(SECTIONS)}")
    options = parser.parse_args()
    asked = options.only.split(",") if options.only else list(SECTIONS)
    if unknown := sorted(set(asked) - SECTIONS.keys()):
        parser.error(f"no section {unknown[0]}; there are {', '.join(SECTIONS)}")
    try:
        device = resolve_runtime(RuntimeSpec(device=options.device)).device
    except DreambenchError as error:
        print(f"benchmarks.gpu: {error}", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    os.environ["DREAMBENCH_CACHE"] = str(options.out.resolve() / "work" / "cache")
    setup = build_setup(options.out.resolve() / "work", device, options.tiny)
    rows: list[Row] = []
    for name in asked:
        for row in rows_of(name, SECTIONS[name], setup):
            rows.append(row)
            print(
                f"[{time.monotonic() - began:4.0f} s] {row.what}: {row.value}  {row.beside}", file=sys.stderr
            )
            table = write(options.out, device, rows, time.monotonic() - began)
    print(table.read_text(encoding="utf-8"), end="")
    return 1 if any(row.met is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
