"""Where a base model is: a folder, the hub's cache, or the hub; and what names its content there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import huggingface_hub.constants
import pytest

from dreambench.errors import DreambenchError
from dreambench.models.base_model import open_base
from dreambench.models.hub import cached_snapshot
from dreambench.spec.run_spec import BaseSpec

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def fingerprint(folder: Path) -> str:
    return open_base(BaseSpec(model=str(folder))).fingerprint


def refusal(model: str | Path) -> str:
    with pytest.raises(DreambenchError) as caught:
        open_base(BaseSpec(model=str(model)))
    return str(caught.value)


@pytest.mark.parametrize("name", ["stable-diffusion", "./nowhere", "/no/such/folder", "~/nowhere", "a/b/c"])
def test_neither_a_folder_nor_a_hub_id_is_told(name):
    line = refusal(name)
    assert (
        line == f"base.model={name} is neither a folder nor a hub id; give --base FOLDER or --base OWNER/NAME"
    )


def test_a_file_is_not_a_folder(tmp_path):
    (tmp_path / "model.safetensors").write_text("")
    line = refusal(tmp_path / "model.safetensors")
    assert "model.safetensors is a file, and a base model is a folder" in line
    assert "from_single_file(FILE).save_pretrained(FOLDER)" in line


def test_a_hub_id_without_a_network_says_what_to_download():
    line = refusal("owner/no-such-model")
    assert "base model owner/no-such-model is not in the hub's cache and could not be downloaded" in line
    assert "`hf download owner/no-such-model`" in line
    assert "--base FOLDER" in line
    assert cached_snapshot("owner/no-such-model", None) is None


def test_a_model_in_the_hubs_cache_needs_no_network_and_is_named_by_its_commit(tiny, tmp_path, monkeypatch):
    repository = tmp_path / "hub" / "models--owner--tiny"
    (repository / "snapshots").mkdir(parents=True)
    snapshot = shutil.copytree(tiny["base"], repository / "snapshots" / COMMIT, copy_function=os.link)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    base = open_base(BaseSpec(model="owner/tiny"))
    assert (base.fingerprint, base.name) == (COMMIT, "owner/tiny")
    assert base.folder == cached_snapshot("owner/tiny", None) == snapshot
    base.pipeline()


def test_a_folder_of_the_hubs_cache_is_named_by_its_commit_as_long_as_it_has_the_hubs_files(tiny, tmp_path):
    """So that nobody waits for the hash of a large model's files, which the hub has hashed already."""
    repository = tmp_path / "hub" / "models--owner--tiny"
    snapshot, blobs = repository / "snapshots" / COMMIT, repository / "blobs"
    blobs.mkdir(parents=True)

    def link(source: str, target: str) -> None:
        blob = blobs / target.replace(os.sep, "-")
        os.link(source, blob)
        Path(target).symlink_to(os.path.relpath(blob, Path(target).parent))

    shutil.copytree(tiny["base"], snapshot, copy_function=link)
    assert fingerprint(snapshot) == COMMIT
    content = fingerprint(Path(tiny["base"]))
    assert fingerprint(Path(shutil.copytree(snapshot, tmp_path / "copy" / COMMIT))) == content
    config = snapshot / "unet" / "config.json"
    changed = config.read_bytes() + b"\n"
    config.unlink()
    config.write_bytes(changed)  # a file of one's own, in place of a link
    assert fingerprint(snapshot) not in (COMMIT, content)
