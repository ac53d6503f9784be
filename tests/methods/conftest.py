"""Training of a method on a tiny, real Stable Diffusion pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dreambench.dataset import load_dataset
from dreambench.methods.method import Context
from dreambench.models.base_model import BaseModel, open_base
from dreambench.models.device import resolve_runtime
from dreambench.runs.class_images import ensure_class_images
from dreambench.runs.training_subject import training_subject
from dreambench.spec.presets import build_spec
from dreambench.spec.registries import METHODS
from dreambench.store.class_image_set import ClassImageSet
from tests.executors.material import Silent

SMALL = (
    "image_size=64", "method.steps=3", "method.class_images=4", "method.class_sampler.steps=2",
    "method.learning_rate=1e-3", "sampler.steps=2",
)  # fmt: skip


class TinyTrainer:
    """A base model, a subject, and a spec with changes."""

    def __init__(self, tiny: dict[str, str], cache: Path, base: BaseModel | None = None) -> None:
        self.tiny, self.cache = tiny, cache
        self.base = base or open_base(self.spec().base)
        self.subject = load_dataset(Path(tiny["data"]))["dog"]
        self.class_nouns: list[str] = []

    def spec(self, *changes: str, method: str = "dreambooth"):
        fields = {"base.model": self.tiny["base"], "data.folder": self.tiny["data"], "method": method}
        chosen = [s for s in SMALL if method.startswith("dreambooth") or "class" not in s]
        if method == "pretrained":
            chosen = [s for s in chosen if not s.startswith("method.")]
        return build_spec("paper-sd15", fields, [*chosen, *changes])

    def context(self, spec) -> Context:
        runtime = resolve_runtime(spec.runtime)

        def class_images(noun, sampler, count):
            self.class_nouns.append(noun)
            wanted = ClassImageSet(self.cache, self.base.fingerprint, noun, sampler, count, spec.image_size)
            return ensure_class_images(wanted, self.base, runtime, Silent())

        return Context(runtime, "sks", class_images)

    def train(self, *changes: str, method: str = "dreambooth"):
        spec = self.spec(*changes, method=method)
        subject = training_subject(spec, self.subject)
        return METHODS.get(method)().personalize(subject, self.base, spec, self.context(spec))

    def image(self, pipeline, prompt: str = "a sks dog") -> bytes:
        """Return the pixels of one image that a pipeline draws from a fixed noise."""
        for part in (pipeline.unet, pipeline.vae):
            part.to(memory_format=torch.channels_last)  # the last bits follow the layout
        rng = torch.Generator().manual_seed(0)
        drawn = pipeline(prompt, num_inference_steps=2, height=64, width=64, generator=rng)
        return drawn.images[0].tobytes()


@pytest.fixture(scope="module")
def trainer(tiny, tmp_path_factory) -> TinyTrainer:
    return TinyTrainer(tiny, tmp_path_factory.mktemp("class-images"))
