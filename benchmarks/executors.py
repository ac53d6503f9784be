"""How much faster two one-thread workers are than one, and whether their tables are the local executor's.

Six subjects of the miniature, by the same command three times: in one process, on Ray with one worker, on
Ray with two. Each way has a cache of its own, so each makes its class images. The seconds are of the whole
command, the start of Ray and of its workers and the report included.
Run: ``python benchmarks/executors.py [--steps 60] [--folder FOLDER]`` on a machine with two free cores.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dreambench.store import open_run

SUBJECTS = "dog,dog2,cat,cat2,vase,can"
WAYS = {
    "local": [],
    "one worker": ["--executor", "ray", "--workers", "1"],
    "two workers": ["--executor", "ray", "--workers", "2"],
}
BAR = 0.6


def run(out: Path, steps: int, where: list[str]) -> float:
    """Run the benchmark's command and return its seconds."""
    command = [
        *(sys.executable, "-m", "dreambench", "run", "--preset", "mini", "--subjects", SUBJECTS),
        *("--prompts", "0-9", "--images-per-prompt", "2", "--set", f"method.steps={steps}"),
        *("--set", "method.class_images=20", "--out", str(out), *where),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DREAMBENCH_CACHE": f"{out}-cache"}
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def same(ours: Path, theirs: Path) -> bool:
    """Whether two runs have the same images byte for byte, and the same tables."""
    found = [
        {p.relative_to(run): p.read_bytes() for p in run.glob("images/*/*.png")} for run in (ours, theirs)
    ]
    tables = ("images", "diversity", "photos")
    equal = (open_run(ours).scores(t).equals(open_run(theirs).scores(t)) for t in tables)
    return bool(found[0]) and found[0] == found[1] and all(equal)


def main() -> None:
    """Measure and print the seconds of each way, their ratio and whether the results are equal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="where the runs are kept [default: nowhere]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        top = (options.folder or Path(scratch)).absolute()
        seconds = {}
        for name, where in WAYS.items():
            out = top / name.replace(" ", "-")
            seconds[name] = run(out, options.steps, where)
            load = os.getloadavg()[0]
            equal = "" if name == "local" else f", results as local's: {same(out, top / 'local')}"
            print(f"{name:12} {seconds[name]:8.1f} s (load {load:.1f}){equal}", flush=True)
    print(f"ratio        {seconds['two workers'] / seconds['one worker']:8.2f} (bar: {BAR})")


if __name__ == "__main__":
    main()
