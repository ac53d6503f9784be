"""gallery.json: what a gallery shows, and from which run."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from dreambench.dataset.prompt_sets import PromptGroup, PromptSet
from dreambench.dataset.prompts import Category
from dreambench.paths import text_sha256
from dreambench.spec.version import __version__


class GallerySubject(BaseModel):
    """A subject of a gallery: its class noun, its name in prompts (``called``), photos (absolute paths)."""

    model_config = ConfigDict(extra="forbid")

    class_noun: str
    category: Category
    identifier: str | None
    called: str | None
    photos: list[str]


class GalleryRecord(BaseModel):
    """The contents of gallery.json.

    ``images`` counts the images of each prompt, ``images_key`` and ``run`` name the run whose models draw
    them, ``preset`` and ``method`` are that run's. ``subjects`` may grow; the other fields of
    ``identity()`` fix the images.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: Literal[1] = 1
    run: str
    images_key: str
    preset: str
    method: str
    prompts: PromptSet
    images: int
    seed: int
    subjects: dict[str, GallerySubject]
    status: Literal["started", "interrupted", "failed", "complete"] = "started"
    created: str = ""
    updated: str = ""
    dreambench: str = __version__
    notes: list[str] = []
    error: str | None = None

    def groups(self, subject: str) -> tuple[PromptGroup, ...]:
        """Return the groups of prompts that apply to a subject."""
        return self.prompts.for_category(self.subjects[subject].category)

    def identity(self) -> dict[str, Any]:
        """Return what the images depend on beside their subject, by the names that a user knows."""
        prompts = [[list(g.suits), [p.template for p in g.prompts]] for g in self.prompts.groups]
        return {"run": self.images_key, "prompts": prompts, "images": self.images, "seed": self.seed}

    @property
    def folder_name(self) -> str:
        """The folder's name in a run: the same for the same images, another one for changed prompts."""
        return f"{self.prompts.name}-{text_sha256(json.dumps(self.identity(), sort_keys=True))[:8]}"
