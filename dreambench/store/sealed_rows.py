"""Arrays by name in a safetensors file with a checksum inside: one flipped or exchanged byte is noticed.

The checksum covers the names, the values, and what the file is of (its folder's and its own name), so that
a file that was put in another one's place is noticed as well. Files of earlier versions have none, and are
believed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dreambench.errors import DreambenchError
from dreambench.paths import refuse_special
from dreambench.store.files import remove_all, write_atomically

if TYPE_CHECKING:
    import numpy as np

_CHECKSUM = "sha256"


def write_rows(file: Path, rows: Mapping[str, np.ndarray]) -> None:
    """Write arrays atomically, with their checksum. Raises DreambenchError on a full disk."""
    from safetensors.numpy import save_file

    if file.is_dir():  # nothing of ours: the file could not take its place
        remove_all([file])
    metadata = {_CHECKSUM: _digest(file, rows)}
    write_atomically(file, lambda path: save_file(dict(rows), path, metadata=metadata))


def read_rows(file: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file, by name; none for a file that does not exist.

    Raises DreambenchError where the file is not whole, or is not what was written under its name.
    """
    from safetensors import SafetensorError, safe_open

    refuse_special(file)
    try:
        with safe_open(file, framework="np") as opened:
            stated = (opened.metadata() or {}).get(_CHECKSUM)
            rows = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except FileNotFoundError:
        return {}
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise _damaged(file) from error
    if stated is not None and stated != _digest(file, rows):
        raise _damaged(file)
    return rows


def _damaged(file: Path) -> DreambenchError:
    return DreambenchError(f"{file} is damaged", "repeat the command that made the run: it is computed again")


def _digest(file: Path, rows: Mapping[str, np.ndarray]) -> str:
    whole = hashlib.sha256(f"{file.parent.name}/{file.name}\n".encode())
    for name, values in sorted(rows.items()):
        whole.update(f"{name} {values.dtype} {values.shape}\n".encode())
        whole.update(values.tobytes())
    return whole.hexdigest()
