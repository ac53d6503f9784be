"""Where the package's own data files are, in a checkout and in an installed wheel alike."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
#: How a spec names a file of the package's own: the same words on every machine.
BUILTIN = "builtin:"


def data_folder() -> Path:
    """Return the folder of the benchmark's data files (``data/`` of a checkout, packaged in a wheel)."""
    packaged = _PACKAGE / "data"
    return packaged if packaged.is_dir() else _PACKAGE.parent / "data"


def located(name: str) -> Path:
    """Return the path that a spec's field means: ``builtin:`` is the package's data folder, ``~`` is home."""
    if name.startswith(BUILTIN):
        return data_folder() / name.removeprefix(BUILTIN)
    return Path(name).expanduser()


def cache_folder() -> Path:
    """Return the folder of downloaded data: ``DREAMBENCH_CACHE`` if set, else the platform's cache folder."""
    chosen = os.environ.get("DREAMBENCH_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("dreambench"))
