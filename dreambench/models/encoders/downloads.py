"""Weights by name: found in the libraries' own caches, downloaded once, or named in one line."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dreambench.errors import DreambenchError
from dreambench.models.hub import cached_file, fetched_file, is_not_there

if TYPE_CHECKING:
    from torch import Tensor


def torch_hub() -> Path:
    """Return the folder of torch's downloads (``torch.hub.get_dir()``), for which torch is not imported."""
    if "torch" in sys.modules:
        import torch

        return Path(torch.hub.get_dir())  # a program may have set another
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser() / "hub"


@dataclass(frozen=True)
class HubFile:
    """One safetensors file of a Hugging Face repository, needed for the spec's ``field``.

    ``by_hand`` is the ``--set`` options that use the file once it was downloaded by hand.
    """

    repo: str
    file: str
    field: str
    by_hand: str

    def __str__(self) -> str:
        return f"{self.file} of {self.repo} (hub)"

    def cached(self) -> Path | None:
        """Return the file in the hub's cache, without any network access."""
        return cached_file(self.repo, self.file)

    def fetch(self) -> Path:
        """Return the file, downloading it where it is not in the hub's cache. Raises DreambenchError."""
        try:
            return fetched_file(self.repo, self.file)
        except Exception as error:  # the hub's, the network library's and the system's errors alike
            if is_not_there(error):
                raise DreambenchError(
                    f"{self.field}: {self.repo} has no {self.file} on the hub; pickles are never read",
                    f"use other weights, or convert it and pass the file with {self.by_hand}",
                ) from error
            raise DreambenchError(
                f"{self.field}: {self} is not in the hub's cache and could not be downloaded "
                f"({type(error).__name__})",
                f"run `hf download {self.repo} {self.file}` where there is a network and pass the file with "
                f"{self.by_hand}, or leave its metrics out with --metrics",
            ) from error


@dataclass(frozen=True)
class TorchvisionFile:
    """One of torchvision's own weights files, needed for the spec's ``field``.

    It is a pickle, the only form that torchvision publishes: it is read by torch's restricted
    unpickler, which makes tensors and nothing else, after its checksum was compared.
    """

    url: str
    field: str

    def __str__(self) -> str:
        return self.url

    @property
    def place(self) -> Path:
        """Where torch keeps the file."""
        return torch_hub() / "checkpoints" / os.path.basename(self.url)

    def cached(self) -> Path | None:
        """Return the file in torch's cache, without any network access."""
        return self.place if self.place.is_file() else None

    def fetch(self) -> Path:
        """Return the file, downloading it where it is not in torch's cache. Raises DreambenchError."""
        import torch

        path = self.place
        try:
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                prefix = path.stem.rsplit("-", 1)[-1]
                torch.hub.download_url_to_file(self.url, str(path), hash_prefix=prefix, progress=False)
        except Exception as error:
            raise DreambenchError(
                f"{self.field}: {self.url} could not be downloaded ({type(error).__name__})",
                f"put the file into {path.parent}, or pass one with --set {self.field}=FILE.safetensors, "
                "or leave div out with --metrics",
            ) from error
        return path

    def tensors(self) -> dict[str, Tensor]:
        """Return its tensors, downloading the file where it is not in torch's cache."""
        import torch

        path = self.fetch()
        try:
            tensors: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise DreambenchError(
                f"{self.field}: {path} is damaged", "delete it, to download it again"
            ) from error
        return tensors
