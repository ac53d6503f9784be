"""Arrays with a checksum: whatever is not what was written under a name is damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from dreambench.errors import DreambenchError
from dreambench.store.sealed_rows import read_rows, write_rows

ROWS = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.zeros(4, np.float32)}


def test_what_is_written_is_read_again_in_any_order(tmp_path: Path) -> None:
    file = tmp_path / "dino" / "dog.safetensors"
    write_rows(file, ROWS)
    found = read_rows(file)
    assert found.keys() == ROWS.keys()
    assert all(np.array_equal(found[name], values) for name, values in ROWS.items())


@pytest.mark.parametrize(
    "other",
    [
        {**ROWS, "b": ROWS["b"].reshape(3, 2)},
        {**ROWS, "b": ROWS["b"].view(np.int32)},
        {"c": ROWS["b"], "a": ROWS["a"]},
        {"b": ROWS["b"]},
    ],
    ids=["another shape", "another type", "another name", "one is missing"],
)
def test_the_same_bytes_as_something_else_are_damaged(tmp_path: Path, other: dict[str, np.ndarray]) -> None:
    file = tmp_path / "dog.safetensors"
    write_rows(file, ROWS)
    with safe_open(file, framework="np") as opened:
        metadata = opened.metadata()
    save_file(other, file, metadata=metadata)
    with pytest.raises(DreambenchError, match=r"dog\.safetensors is damaged"):
        read_rows(file)
