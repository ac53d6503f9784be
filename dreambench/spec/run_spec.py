"""RunSpec: one frozen, hashed description of everything that changes a result."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, cast, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from dreambench.errors import DreambenchError
from dreambench.spec.frozen import Frozen

SchedulerName = Literal["default", "ddim", "ddpm", "dpmsolver++", "euler", "euler-ancestral", "pndm", "unipc"]


def _known_metric(name: str) -> str:
    from dreambench.spec.registries import METRICS

    try:
        METRICS.get(name)
    except DreambenchError as error:
        raise PydanticCustomError("unknown_metric", "{line}", {"line": str(error)}) from error
    return name


#: The name of a metric that is installed; the error for another name names the nearest.
MetricName = Annotated[str, AfterValidator(_known_metric)]


class Section(Frozen):
    """A frozen part of a spec; an unknown field is an error, and so is ``true`` where a number is due."""

    model_config = ConfigDict(validate_default=True)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_not_one(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields.get(info.field_name or "")
        kinds = _kinds(field.annotation) if field else set()
        if isinstance(value, bool) and kinds & {int, float} and bool not in kinds:
            raise ValueError("a number is needed")
        return value


def _kinds(annotation: Any) -> set[Any]:
    """Return the types that an annotation such as ``int | None`` is made of."""
    parts = get_args(annotation)
    return {annotation} | {kind for part in parts for kind in _kinds(part)}


class DataSpec(Section):
    """Where the subjects and their photos come from.

    ``folder`` is the official dataset, its parent, or a user's own (None: the downloaded one).
    ``label`` and ``fingerprint`` are filled in when the folder has been read.
    """

    folder: str | None = None
    label: str | None = None
    fingerprint: str | None = None


class BaseSpec(Section):
    """The text-to-image model that is personalized: a hub id or a folder in diffusers' layout.

    ``fingerprint`` is filled in when the model has been found: the hub's commit, or a hash of the
    folder's files. With it, the place where the model lies no longer counts.
    """

    model: str
    revision: str | None = None
    variant: str | None = None
    fingerprint: str | None = None


class SamplerSpec(Section):
    """How images are drawn from a model: scheduler by name, number of steps, guidance."""

    scheduler: SchedulerName = "ddim"
    steps: int = Field(50, ge=1, le=1000)
    guidance_scale: float = Field(7.5, ge=0, le=100)
    negative_prompt: str = ""

    @model_validator(mode="after")
    def _guides_by_its_negative_prompt(self) -> SamplerSpec:
        if self.negative_prompt and self.guidance_scale <= 1:
            raise ValueError(
                "negative_prompt has no effect at guidance_scale 1 or less: leave it out, or raise that"
            )
        return self


class IdentifierSpec(Section):
    """The unique identifier: a given ``text``, or a rare-token lookup of ``length`` tokens (paper, 3.2).

    ``drawn``, the lookup's result, is filled in before a run starts.
    """

    text: str | None = Field(None, min_length=1, max_length=80, pattern=r"^\S+( \S+){0,2}$")
    length: int = Field(1, ge=1, le=3)
    seed: int = Field(0, ge=0)
    drawn: str | None = None


class ClassNounSpec(Section):
    """The class noun of training and prompts (paper, 4.3): the ``correct`` one, a ``wrong`` one, or ``none``.

    A wrong noun is drawn at random, seeded, from the official nouns that are not the subject's.
    """

    variant: Literal["correct", "wrong", "none"] = "correct"
    seed: int = Field(0, ge=0)


class EncoderSpec(Section):
    """The settings of an encoder: its weights are a name of its library's, or a local file.

    ``fingerprint``, the SHA-256 of a local file, is filled in when the file has been found.
    """

    weights: str = "hub"
    fingerprint: str | None = None


class ClipSpec(EncoderSpec):
    """The CLIP model of CLIP-I and CLIP-T: an open_clip name, and a pretrained tag or a local file."""

    #: Where a protocol has these settings, for errors.
    place: ClassVar[str] = "protocol.clip"
    model: str = "ViT-B-32"
    weights: str = "openai"


class DinoSpec(EncoderSpec):
    """The DINO model: a timm name, ``hub`` or a local file, and DINO's evaluation transform in pixels."""

    model: str = "vit_small_patch16_224.dino"
    resize: int = Field(256, ge=8, le=4096)
    crop: int = Field(224, ge=8, le=4096)
    #: Whether the model is made for every input size, so that its weights may be of another one.
    any_size: ClassVar[bool] = False


class LpipsSpec(EncoderSpec):
    """The LPIPS network of DIV: ``alex``, ``vgg`` or ``squeeze``, and ``hub`` or a local file.

    ``size`` is what the network sees: images at their ``native`` size, or of that many pixels a side (the
    short side resized, bicubic, and the center cropped). The distance depends on it.
    """

    net: Literal["alex", "vgg", "squeeze"] = "alex"
    size: Literal["native"] | Annotated[int, Field(ge=32, le=4096)] = "native"


def _default_metrics() -> tuple[str, ...]:
    from dreambench.spec.registries import get_metric, standard_metrics

    return tuple(name for name in standard_metrics() if get_metric(name).by_default)


def _as_encoder_specs(value: Any) -> Any:
    from dreambench.spec.registries import METRICS, get_metric

    if not isinstance(value, dict):
        return value
    settings = {m.encoder: m.Settings for m in map(get_metric, METRICS.names())}
    unknown = sorted(value.keys() - settings.keys())
    if unknown:
        raise ValueError(f"no installed metric has the encoder {unknown[0]}")
    return {
        name: settings[name].model_validate(fields) if isinstance(fields, dict) else fields
        for name, fields in value.items()
    }


class ProtocolSpec(Section):
    """How images become numbers: metrics, encoders, transforms, references, captions, averaging, scale.

    The standard metrics' encoders are ``clip``, ``dino`` and ``lpips``; those of other metrics are in
    ``encoders``, by the encoder's name.

    ``references`` says with which of a subject's photos an image is compared: ``all`` of them, the ``listed``
    one (``input_photos``: a file name without suffix by subject, the first photo where none is named), or
    ``paired``: image i of a prompt with photo i. ``leave_input_out`` removes the photo that the model was
    shown, the listed one, first. ``images`` is how many images of each prompt count (None: all);
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
    prior_images: int = Field(16, ge=1, description="images of `a [class noun]` per subject for PRES")
    references: Literal["all", "listed", "paired"] = "all"
    input_photos: dict[str, str] = Field(default_factory=dict)
    leave_input_out: bool = False
    images: int | None = Field(None, ge=1, description="images of each prompt that count; None: all")
    averaging: Literal["subjects", "images"] = "subjects"
    scale: dict[MetricName, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    clipped: tuple[MetricName, ...] = ()

    #: What protocols had no choice of before version 0.2: a field with this value is in no key.
    SINCE_0_2: ClassVar[dict[str, Any]] = {
        "references": "all",
        "input_photos": {},
        "leave_input_out": False,
        "images": None,
        "averaging": "subjects",
        "scale": {},
        "clipped": [],
    }

    @field_validator("metrics")
    @classmethod
    def _in_order(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        from dreambench.spec.registries import in_table_order

        # The order in which metrics are named is no part of the protocol.
        return in_table_order(metrics)

    @model_validator(mode="after")
    def _with_default_encoders(self) -> ProtocolSpec:
        from dreambench.spec.registries import get_metric

        for asked in map(get_metric, self.metrics):
            if asked.encoder not in ProtocolSpec.model_fields and asked.encoder not in self.encoders:
                self.encoders[asked.encoder] = asked.Settings()
        return self

    def __hash__(self) -> int:
        return hash(self.model_dump_json())  # pydantic's own cannot hash the dictionary of encoders

    def encoder_spec(self, encoder: str) -> EncoderSpec:
        """Return the settings of an encoder by its name."""
        found = getattr(self, encoder) if encoder in ProtocolSpec.model_fields else self.encoders[encoder]
        return cast(EncoderSpec, found)

    def reference_label(self, shown: int | None = None) -> str:
        """Return how a signature names the photos that an image is compared with.

        ``shown`` is the number of first photos that a model was trained on, where it is known.
        """
        if self.references != "listed" and not self.leave_input_out:
            return self.references
        listed = hashlib.sha256(json.dumps(self.input_photos, sort_keys=True).encode()).hexdigest()[:8]
        which = f"first-{shown}" if shown else listed if self.input_photos else "first"
        return f"{self.references}@{which}" + ("/input-out" if self.leave_input_out else "")

    def images_of(self, drawn: int) -> int:
        """Return how many of the ``drawn`` images of a prompt count."""
        return min(drawn, self.images or drawn)

    def prior_images_needed(self) -> int:
        """Return how many images of ``a [class noun]`` a subject needs: none if no metric looks at them."""
        from dreambench.spec.registries import get_metric

        return self.prior_images if any(get_metric(m).compares == "prior" for m in self.metrics) else 0

    def with_metrics(self, metrics: Sequence[str]) -> ProtocolSpec:
        """Return the protocol with other metrics, and default settings for encoders that it did not have."""
        fields = self.model_dump() | {"metrics": tuple(metrics), "encoders": dict(self.encoders)}
        return ProtocolSpec.model_validate(fields)

    def with_encoder_specs(self, changes: dict[str, EncoderSpec]) -> ProtocolSpec:
        """Return the protocol with other settings for some encoders, by name."""
        own = {name: spec for name, spec in changes.items() if name in ProtocolSpec.model_fields}
        others = {name: spec for name, spec in changes.items() if name not in own}
        return self.model_copy(update={**own, "encoders": {**self.encoders, **others}})


class RuntimeSpec(Section):
    """How the work is done on this machine. Nothing here enters the key."""

    device: str = "auto"
    precision: Literal["auto", "fast", "fp32", "bf16", "fp16"] = "auto"
    generation_batch_size: int | None = Field(None, ge=1, description="None: by the GPU's memory")
    scoring_batch_size: int = Field(32, ge=1)
    gradient_checkpointing: bool = False
    fused_optimizer: bool = True
    compile: bool = Field(False, description="compile the denoiser with torch.compile")
    deterministic: bool = Field(False, description="the same bits on the same GPU, at a cost of speed")
    decode_threads: int | None = Field(None, ge=1, le=64, description="None: the cores, at most 16")


#: Fields of methods that came later, and the value under which a run is what it was before.
_LATER_FIELDS = {"prior_source": "class-images", "targets": None}


class MethodOptions(Section):
    """The base of every method's hyperparameters; ``name`` says which method they belong to."""

    #: Fields that are inherited and have no effect on the method: whoever sets one is told.
    without_effect: ClassVar[frozenset[str]] = frozenset()
    name: str = ""

    def trains(self) -> bool:
        """Whether the method changes weights, so that a subject costs a training."""
        return True

    def training_steps(self) -> int:
        """Return the steps of one subject's training: the field ``steps``, if the method has one."""
        return int(getattr(self, "steps", 0)) if self.trains() else 0

    def images_per_step(self) -> int:
        """Return how many images one training step sees."""
        return int(getattr(self, "batch_size", 1))

    def class_image_needs(self) -> tuple[SamplerSpec, int] | None:
        """Return the sampler and the number of the class images that a training needs; None for none."""
        return None

    def trained_components(self, family: Any) -> tuple[str, ...]:
        """Return the components of the pipeline whose weights a training writes; ``family`` is a Family."""
        return (family.denoiser,)

    def trained_parameters(self, shapes: Mapping[str, Mapping[str, tuple[int, ...]]], family: Any) -> int:
        """Return how many numbers a training changes, from the base model's shapes by component and name."""
        if not self.trains():
            return 0
        wanted = [s for name in self.trained_components(family) for s in shapes.get(name, {}).values()]
        return sum(math.prod(shape) for shape in wanted)


def _as_method_options(value: Any) -> Any:
    if isinstance(value, dict):
        from dreambench.spec.registries import METHODS

        return METHODS.get(str(value.get("name", ""))).Options.model_validate(value)
    return value


class RunSpec(Section):
    """Exactly how a run is done: what is asked, of which model, by which method, and how it is scored.

    Two specs with the same ``images_key`` ask for the same images, with the same ``key`` also for the
    same scores.
    """

    # It names folders: no path, no control character, no dot at its start.
    preset: str = Field("custom", max_length=100, pattern=r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]*$")
    data: DataSpec = DataSpec()
    base: BaseSpec
    method: Annotated[SerializeAsAny[MethodOptions], BeforeValidator(_as_method_options)]
    identifier: IdentifierSpec = IdentifierSpec()
    class_noun: ClassNounSpec = ClassNounSpec()
    training_photos: int | None = Field(None, ge=1, description="train on a subject's first photos only")
    image_size: int = Field(512, ge=8, le=4096, multiple_of=8)
    sampler: SamplerSpec = SamplerSpec()
    subjects: Literal["all"] | tuple[str, ...] = "all"
    prompts: str = "all"
    images_per_prompt: int = Field(4, ge=1, le=1000)
    seed: int = Field(0, ge=0, lt=2**63)
    protocol: ProtocolSpec = Field(default_factory=ProtocolSpec)
    runtime: RuntimeSpec = RuntimeSpec()

    NOT_IN_KEY: ClassVar[frozenset[str]] = frozenset({"preset", "runtime"})

    def identity(self) -> dict[str, Any]:
        """Return the fields that change results, as plain data; a fingerprint stands for its path."""
        fields = self.model_dump(mode="json", exclude=set(self.NOT_IN_KEY))
        for name, usual in _LATER_FIELDS.items():
            if fields["method"].get(name, usual) == usual:
                fields["method"].pop(name, None)  # keys of runs from before these fields existed stay
        protocol = fields["protocol"]
        if protocol["lpips"]["size"] == "native":
            del protocol["lpips"]["size"]  # likewise
        for name, value in ProtocolSpec.SINCE_0_2.items():
            if protocol[name] == value:
                del protocol[name]  # likewise
        if fields["identifier"]["drawn"] is None:
            del fields["identifier"]["drawn"]
        others = protocol["encoders"] or protocol.pop("encoders")  # without metrics of others: as ever
        encoders = [protocol["clip"], protocol["dino"], protocol["lpips"], *others.values()]
        hashed = [(fields["data"], ("folder", "label")), (fields["base"], ("model", "revision"))]
        for part, paths in [*hashed, *((encoder, ("weights",)) for encoder in encoders)]:
            if part["fingerprint"]:
                for path in paths:
                    part.pop(path)
        return fields

    @property
    def key(self) -> str:
        """16 hexadecimal digits that name the images and the scores: a hash of ``identity()``."""
        return _digest(self.identity())

    @property
    def images_key(self) -> str:
        """16 hexadecimal digits that name the images alone: the same images can be scored again."""
        return _digest(self.images_identity())

    def images_identity(self) -> dict[str, Any]:
        """Return the fields that change the images: all of ``identity()`` but the protocol."""
        return {name: value for name, value in self.identity().items() if name != "protocol"}


def _digest(fields: dict[str, Any]) -> str:
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _flatten(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, item in value.items():
        if isinstance(item, dict):
            flat.update(_flatten(item, f"{prefix}{name}."))
        else:
            flat[prefix + name] = item
    return flat


def differences(ours: RunSpec, theirs: RunSpec) -> list[str]:
    """Return one ``field: ours, not theirs`` per field in which two specs ask for different images."""
    left, right = _flatten(ours.images_identity()), _flatten(theirs.images_identity())
    names = sorted(left.keys() | right.keys())
    return [f"{n}: {left.get(n)}, not {right.get(n)}" for n in names if left.get(n) != right.get(n)]


def refuse_differences(message: str, fields: Sequence[str], remedy: str, lead: str = "asked for ") -> None:
    """Raise DreambenchError if ``fields``, as ``differences`` returns them, is not empty; it names three."""
    if fields:
        more = f" and {len(fields) - 3} more" if len(fields) > 3 else ""
        raise DreambenchError(f"{message} ({lead}{', '.join(fields[:3])}{more})", remedy)
