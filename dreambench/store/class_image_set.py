"""Sets of class images: made once by a frozen model, shared by all subjects of a class, checked by hash."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock

from dreambench.errors import DreambenchError
from dreambench.paths import sha256_of, text_sha256
from dreambench.spec.method_options import SamplerSpec
from dreambench.store import files


@dataclass(frozen=True)
class ClassImageSet:
    """A set of ``count`` images of ``a [class noun]`` by one base model and one sampler, in a cache folder.

    ``base`` is the base model's fingerprint, ``image_size`` is in pixels, ``weights`` says which of the
    model's weights draw where they are not the plain ones (``fp16``, ``nf4``). A hash of everything that the
    images depend on names the folder, so that a set of another model, noun, sampler, count or size is
    another folder. The set may not exist yet.
    """

    cache: Path
    base: str
    class_noun: str
    sampler: SamplerSpec
    count: int
    image_size: int
    weights: str = ""

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that the images depend on."""
        return {
            "base": self.base,
            "class_noun": self.class_noun,
            "sampler": self.sampler.model_dump(mode="json"),
            "image_size": self.image_size,
            "count": self.count,
            **({"weights": self.weights} if self.weights else {}),
        }

    @cached_property
    def folder(self) -> Path:
        """The set's folder."""
        digest = text_sha256(json.dumps(self.identity, sort_keys=True))[:16]
        noun = self.class_noun.replace(" ", "-").replace("/", "-")
        return self.cache / "class-images" / f"{noun}-{digest}"

    @property
    def images(self) -> list[Path]:
        """The paths of all images of the set."""
        return [self.folder / f"{index:05d}.png" for index in range(self.count)]

    @property
    def latents(self) -> Path:
        """The path of the set's VAE posteriors, which every subject of the class needs."""
        return self.folder / "latents.safetensors"

    @property
    def manifest(self) -> Path:
        """The path of the file that completes a set: its identity and the SHA-256 of every image."""
        return self.folder / "set.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from making the same set; they wait, then find it complete."""
        remedy = "remove what is there, or set DREAMBENCH_CACHE to another folder"
        with files.no_space_is_one_line(self.folder, remedy):
            self.folder.mkdir(parents=True, exist_ok=True)
            if (self.folder / ".lock").is_dir():
                raise DreambenchError(f"{self.folder / '.lock'} is a folder, where the lock belongs", remedy)
        with FileLock(self.folder / ".lock"):
            files.remove_leftovers(self.folder)
            files.roll_forward(self.folder)
            yield

    def commit(self, images: Mapping[Path, Any]) -> None:
        """Write a batch of images: all of them, or none."""
        files.commit_images(images)

    def seal(self) -> None:
        """Write the manifest, which makes the set complete."""
        hashes = {path.name: sha256_of(path) for path in self.images}
        files.write_json(self.manifest, {"identity": self.identity, "files": hashes})

    def is_complete(self) -> bool:
        """Return whether the manifest and all images exist (their bytes are not read)."""
        return self.manifest.exists() and all(path.exists() for path in self.images)

    def remove_corrupt_images(self) -> list[str]:
        """Compare the images with the manifest and remove those that differ.

        Returns the names of missing and changed files; an empty list means that the set is intact, or
        that it has no manifest yet.
        """
        if not self.manifest.exists():
            # Without hashes, only what is not a file can be told from an image.
            files.remove_all(path for path in self.images if path.exists() and not path.is_file())
            return []
        try:
            content = json.loads(self.manifest.read_text(encoding="utf-8"))
            hashes = dict(content["files"]) if content["identity"] == self.identity else {}
        except (OSError, ValueError, KeyError, TypeError):
            hashes = {}
        bad = [p for p in self.images if not p.is_file() or sha256_of(p) != hashes.get(p.name)]
        if bad:
            files.remove_all([self.manifest, self.latents, *bad])
        return [path.name for path in bad]
