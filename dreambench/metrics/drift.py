"""Drift: how far a fine-tuned model's images of unrelated prompts have moved from the base model's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from dreambench.errors import DreambenchError
from dreambench.metrics.dinov2 import DinoV2, DinoV2Spec
from dreambench.metrics.image_similarity import unit_vectors
from dreambench.paths import BUILTIN, text_sha256
from dreambench.spec.protocol_spec import DinoSpec, EncoderSpec, ProtocolSpec
from dreambench.spec.registries import get_metric

if TYPE_CHECKING:
    from torch import Tensor

#: How many unrelated prompts each subject's model draws.
IMAGES = 10

#: Places, people at something, paintings, lettering, things that do not exist: none names a class of the
#: official subjects, and no noun comes twice, so that a subject of another class loses one prompt, not many.
PROMPTS = (
    "a photo of a lighthouse at night",
    "a watercolor painting of a harbor with sailing boats",
    "an old woman reading a newspaper on a bench",
    "a plate of spaghetti with basil",
    "a green tractor in a field",
    "a violin lying on sheet music",
    "an elephant crossing a river",
    "a shop window with a sign that says open",
    "a pencil drawing of a cathedral",
    "a helicopter above a snowy mountain",
    "an astronaut playing chess",
    "a 3d rendering of a castle made of ice",
    "a close-up of a bee on a sunflower",
    "the Statue of Liberty in the rain",
    "a bicycle leaning against a brick wall",
)
#: The miniature knows its 15 classes and the official contexts alone: a prompt for each class.
MINIATURE_PROMPTS = (
    "a cat on the beach",
    "a red teapot",
    "a clock on top of a wooden floor",
    "a dog in the snow",
    "a backpack with a mountain in the background",
    "a purple bowl",
    "a vase on top of pink fabric",
    "a sneaker on top of a dirt road",
    "a candle with a city in the background",
    "a toy in the jungle",
    "a can on top of a white rug",
    "a boot with a blue house in the background",
    "a stuffed animal on a cobblestone street",
    "a glasses on top of a mirror",  # without grammar, as the official prompts have it
    "a cartoon floating on top of water",
)
_FUNCTION_WORDS = frozenset({"a", "an", "the", "of", "in", "on", "at", "to", "by", "with", "and", "that"})


class DriftSpec(DinoV2Spec):
    """The DINOv2 model of drift, and the prompts that it may draw: ten of them, as ``unrelated_to`` says."""

    place: ClassVar[str] = "protocol.encoders.drift"
    prompts: Annotated[tuple[str, ...], Field(min_length=1)] = PROMPTS

    def unrelated_to(self, nouns: Iterable[str]) -> list[tuple[int, str]]:
        """Return the first ten prompts, with their indices, that share no word with the class nouns.

        Plurals count as the same word. Fewer where fewer are left; raises DreambenchError where none is.

        Example:
            >>> DriftSpec(prompts=("two old dogs", "a harbor")).unrelated_to(["dog"])
            [(1, 'a harbor')]
        """
        own = set().union(*map(_words, nouns))
        left = [(i, prompt) for i, prompt in enumerate(self.prompts) if not own & _words(prompt)]
        if not left:
            raise DreambenchError(
                f"each of {self.place}.prompts mentions the class {' or '.join(sorted(set(nouns)))}",
                "add prompts that do not",
            )
        return left[:IMAGES]


def _words(text: str) -> set[str]:
    """Return the content words of a text, each with its possible singulars."""
    found = set(re.findall(r"\w+", text.casefold())) - _FUNCTION_WORDS
    return found | {word.removesuffix(end) for word in found for end in ("s", "es")}


class Drift(DinoV2):
    """1 - the cosine of class-token embeddings of two images: same prompt, same noise, two models.

    One is by the subject's fine-tuned model, the other by the base model; the prompts have nothing to do with
    the subject. 0 where the model has not changed, high where everything that it draws has.
    """

    title = "Drift"
    definition = (
        "distance of the fine-tuned model's images of unrelated prompts to the base model's, by DINOv2 "
        "embeddings, image by image from the same noise"
    )
    source = "huggingface/peft, method_comparison/image-gen/run.py, measure_drift"
    compares = "base"
    encoder = "drift"
    Settings = DriftSpec
    higher_is_better = False
    range = (0.0, 2.0)
    aggregation = "mean over the images of unrelated prompts by a subject's model, then over subjects"
    rank = 14

    def default_settings(self, protocol: ProtocolSpec) -> EncoderSpec:
        """Return the protocol's DINOv2, where it has one; in the miniature its DINO and its own prompts."""
        miniature = protocol.dino.weights.startswith(f"{BUILTIN}mini/")
        like = protocol.encoders.get("dinov2", protocol.dino if miniature else DinoV2Spec())
        assert isinstance(like, DinoSpec)
        return DriftSpec(**like.model_dump(), prompts=MINIATURE_PROMPTS if miniature else PROMPTS)

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the model with its weights and its transform in pixels, and a digest of the prompts."""
        digest = text_sha256(json.dumps(self.settings(protocol).prompts))[:8]
        return {name: f"{value}/{digest}" for name, value in super().signature(protocol).items()}

    def score(self, images: Tensor, references: Tensor) -> list[float]:
        """Return 1 - the cosine of each of n images [n, d] with the base model's of its prompt [n, d].

        Half the squared distance of the unit vectors, which is the same, and exactly 0 for equal ones.

        Example:
            >>> import torch
            >>> get_metric("drift").score(torch.eye(2), torch.tensor([[2.0, 0.0], [1.0, 0.0]]))
            [0.0, 1.0]
        """
        apart = unit_vectors(images) - unit_vectors(references)
        return [float(row) for row in apart.square().sum(dim=1) / 2]


def file_label(index: int, prompt: str) -> str:
    """Return what the files of a prompt's images are called by: its place in ``PROMPTS``, or a hash.

    Another list of prompts in the same run's folder then never finds an image of another prompt.

    Example:
        >>> file_label(4, "a green tractor in a field"), file_label(4, "a harbor")
        ('04', 'b1be4e29')
    """
    if PROMPTS[index : index + 1] == (prompt,):
        return f"{index:02d}"
    return text_sha256(prompt)[:8]


def drift_settings(protocol: ProtocolSpec) -> DriftSpec | None:
    """Return the settings of the protocol's metric of unrelated prompts; None where it has none.

    Raises DreambenchError where the settings of such a metric name no prompts.
    """
    asked = next((m for m in map(get_metric, protocol.metrics) if m.compares == "base"), None)
    if asked is None:
        return None
    settings = asked.settings(protocol)
    if not isinstance(settings, DriftSpec):
        raise DreambenchError(
            f"the metric {asked.name} compares with the base model, and its settings name no prompts",
            "derive its Settings from dreambench.metrics.drift.DriftSpec",
        )
    return settings
