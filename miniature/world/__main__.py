"""Draw the photos of the miniature's subjects again: data/mini/photos, and their manifest."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dreambench.paths import data_folder
from miniature.world.photos import write_manifest, write_photos


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m miniature.world", description=__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        default=data_folder(),
        metavar="FOLDER",
        help="default: the package's data folder",
    )
    data = parser.parse_args(arguments).data
    (data / "manifests").mkdir(parents=True, exist_ok=True)
    folder = write_photos(data / "mini" / "photos")
    write_manifest(folder, data / "manifests" / "mini.csv")
    print(f"{len(list(folder.glob('*/*.png')))} photos in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
