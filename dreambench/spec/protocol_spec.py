"""ProtocolSpec: the metrics of a protocol, their encoders, and how images become numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializeAsAny,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from dreambench.errors import DreambenchError
from dreambench.paths import text_sha256
from dreambench.spec.frozen import Section
from dreambench.spec.registries import METRICS, get_metric, in_table_order, standard_metrics

#: Between the names of two subjects that an image shows together.
TOGETHER = "+"


def _known_metric(name: str) -> str:
    try:
        METRICS.get(name)
    except DreambenchError as error:
        raise PydanticCustomError("unknown_metric", "{line}", {"line": str(error)}) from error
    return name


#: The name of a metric that is installed; the error for another name names the nearest.
MetricName = Annotated[str, AfterValidator(_known_metric)]


class EncoderSpec(Section):
    """The settings of an encoder: its weights are a name of its library's, or a local file.

    ``fingerprint``, the SHA-256 of a local file, is filled in when the file has been found.
    """

    #: Where a protocol has these settings, for errors; that of another package is ``protocol.encoders.NAME``.
    place: ClassVar[str]
    #: Fields that may change without anything being computed again, such as a time limit.
    beside: ClassVar[frozenset[str]] = frozenset()
    weights: str = "hub"
    fingerprint: str | None = None


class ClipSpec(EncoderSpec):
    """The CLIP model of CLIP-I and CLIP-T: an open_clip name, and a pretrained tag or a local file."""

    place: ClassVar[str] = "protocol.clip"
    model: str = "ViT-B-32"
    weights: str = "openai"


class DinoSpec(EncoderSpec):
    """The DINO model: a timm name, ``hub`` or a local file, and DINO's evaluation transform in pixels."""

    place: ClassVar[str] = "protocol.dino"
    model: str = "vit_small_patch16_224.dino"
    resize: int = Field(default=256, ge=8, le=4096)
    crop: int = Field(default=224, ge=8, le=4096)
    #: Whether the model is made for every input size, so that its weights may be of another one.
    any_size: ClassVar[bool] = False


class LpipsSpec(EncoderSpec):
    """The LPIPS network of DIV: ``alex``, ``vgg`` or ``squeeze``, and ``hub`` or a local file.

    ``size`` is what the network sees: images at their ``native`` size, or of that many pixels a side (the
    short side resized, bicubic, and the center cropped). The distance depends on it.
    """

    place: ClassVar[str] = "protocol.lpips"
    net: Literal["alex", "vgg", "squeeze"] = "alex"
    size: Literal["native"] | Annotated[int, Field(ge=32, le=4096)] = "native"


def _default_metrics() -> tuple[str, ...]:
    return tuple(name for name in standard_metrics() if get_metric(name).by_default)


def _as_encoder_specs(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    settings = {m.encoder: m.Settings for m in map(get_metric, METRICS.names())}
    unknown = sorted(value.keys() - settings.keys())
    if unknown:
        raise ValueError(f"no installed metric has the encoder {unknown[0]}")
    # One model of all of them, so that an error names the encoder that it is in.
    fields: Any = {name: (settings[name], ...) for name in value}
    checked = create_model("Encoders", **fields).model_validate(value)
    return {name: getattr(checked, name) for name in value}


class ProtocolSpec(Section):
    """How images become numbers: metrics, encoders, transforms, references, captions, averaging, scale.

    The standard metrics' encoders are ``clip``, ``dino`` and ``lpips``; those of other metrics are in
    ``encoders``, by the encoder's name.

    ``references`` says with which of a subject's photos an image is compared: ``all`` of them, the ``listed``
    one (``input_photos``: a file name without suffix by subject, the first photo where none is named), or
    ``paired``: image i of a prompt with photo i. ``leave_input_out`` removes the photo that the model was
    shown, the listed one, first. With ``subject_pairs``, each image shows two subjects, and its score by the
    photos is the mean of its scores for both. ``images`` is how many images of each prompt count (None: all);
    ``averaging`` over ``images`` gives each image the same weight instead of each subject. A score of a
    ``clipped`` metric below 0 counts as 0, and is multiplied by the metric's ``scale`` (1 where absent).
    """

    metrics: tuple[MetricName, ...] = Field(default_factory=_default_metrics, min_length=1)
    clip: ClipSpec = ClipSpec()
    dino: DinoSpec = DinoSpec()
    lpips: LpipsSpec = LpipsSpec()
    encoders: Annotated[dict[str, SerializeAsAny[EncoderSpec]], BeforeValidator(_as_encoder_specs)] = Field(
        default_factory=dict
    )
    caption: Literal["no-identifier", "identifier"] = "no-identifier"
    prior_images: int = Field(default=16, ge=1, description="images of `a [class noun]` per subject for PRES")
    references: Literal["all", "listed", "paired"] = "all"
    input_photos: dict[str, str] = Field(default_factory=dict)
    leave_input_out: bool = False
    subject_pairs: tuple[tuple[str, str], ...] = ()
    images: int | None = Field(default=None, ge=1, description="images of each prompt that count; None: all")
    averaging: Literal["subjects", "images"] = "subjects"
    scale: dict[MetricName, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    clipped: tuple[MetricName, ...] = ()

    #: What protocols had no choice of before version 0.2: a field with this value is in no key.
    SINCE_0_2: ClassVar[dict[str, Any]] = {
        "references": "all",
        "input_photos": {},
        "leave_input_out": False,
        "subject_pairs": [],
        "images": None,
        "averaging": "subjects",
        "scale": {},
        "clipped": [],
    }

    @field_validator("metrics")
    @classmethod
    def _in_order(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        # The order in which metrics are named does not belong to the protocol.
        return in_table_order(metrics)

    @field_validator("subject_pairs")
    @classmethod
    def _of_two(cls, pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        names = list(map(TOGETHER.join, pairs))
        if same := [name for name, pair in zip(names, pairs, strict=True) if pair[0] == pair[1]]:
            raise ValueError(f"{same[0]} is one subject twice")
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"{twice[0]} is listed twice")
        return pairs

    @model_validator(mode="after")
    def _with_default_encoders(self) -> ProtocolSpec:
        for asked in map(get_metric, self.metrics):
            if asked.encoder not in ProtocolSpec.model_fields and asked.encoder not in self.encoders:
                self.encoders[asked.encoder] = asked.default_settings(self)
        return self

    def __hash__(self) -> int:
        return hash(self.model_dump_json())  # pydantic's own cannot hash the dictionary of encoders

    def encoder_spec(self, encoder: str) -> EncoderSpec:
        """Return the settings of an encoder by its name."""
        found = getattr(self, encoder) if encoder in ProtocolSpec.model_fields else self.encoders[encoder]
        return cast(EncoderSpec, found)

    def encoder_key(self, encoder: str) -> str:
        """Return the name under which an encoder's embeddings are kept: a hash of model, weights, transform.

        A fingerprint stands for the weights' path, so moving a file changes nothing and changing it changes
        the key. Nothing is loaded.
        """
        spec = self.encoder_spec(encoder)
        fields = spec.model_dump(mode="json", exclude=set(spec.beside))
        if fields.get("size") == "native":
            fields.pop("size")  # embeddings of runs from before it could be chosen stay
        if fields["fingerprint"]:
            fields.pop("weights")
        return f"{encoder}-{_digest(fields, 12)}"

    def reference_label(self, shown: int | Mapping[str, str] | None = None) -> str:
        """Return how a signature names the photos that an image is compared with.

        ``shown`` is the number of first photos that a model was trained on, or the one photo's file name by
        subject, where it is known.
        """
        if self.references != "listed" and not self.leave_input_out:
            return self.references
        if isinstance(shown, Mapping):
            which = f"shown-{_digest([self.input_photos, dict(shown)])}"
        else:
            which = "first" if not self.input_photos else _digest(self.input_photos)
            which = f"first-{shown}" if shown else which
        return f"{self.references}@{which}" + ("/input-out" if self.leave_input_out else "")

    def named_pairs(self) -> dict[str, tuple[str, str]]:
        """Return the pairs of subjects by the names that they have as one subject, such as ``cat+dog``."""
        return {TOGETHER.join(pair): pair for pair in self.subject_pairs}

    def pairs_label(self) -> str:
        """Return how a signature names the pairs of subjects in the images; "" where each shows one."""
        return f"pairs@{_digest(sorted(self.named_pairs()))}" if self.subject_pairs else ""

    def images_of(self, drawn: int) -> int:
        """Return how many of the ``drawn`` images of a prompt count."""
        return min(drawn, self.images or drawn)

    def prior_images_needed(self) -> int:
        """Return how many images of ``a [class noun]`` a subject needs: none if no metric looks at them."""
        return self.prior_images if any(get_metric(m).compares == "prior" for m in self.metrics) else 0

    def with_metrics(self, metrics: Sequence[str]) -> ProtocolSpec:
        """Return the protocol with other metrics, and default settings for encoders that it did not have."""
        fields = self.model_dump() | {"metrics": tuple(metrics), "encoders": dict(self.encoders)}
        return ProtocolSpec.model_validate(fields)

    def with_encoder_specs(self, changes: dict[str, EncoderSpec]) -> ProtocolSpec:
        """Return the protocol with other settings for some encoders, by name."""
        own = {name: spec for name, spec in changes.items() if name in ProtocolSpec.model_fields}
        others = {name: spec for name, spec in changes.items() if name not in own}
        return self.evolve(**own, encoders={**self.encoders, **others})


def _digest(value: Any, digits: int = 8) -> str:
    return text_sha256(json.dumps(value, sort_keys=True))[:digits]
