"""RunSpec: one frozen, hashed description of everything that changes a result."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny

from dreambench.errors import DreambenchError, listed
from dreambench.paths import text_sha256
from dreambench.spec.frozen import Section
from dreambench.spec.method_options import MethodOptions, SamplerSpec
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.registries import METHODS


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


class IdentifierSpec(Section):
    """The unique identifier: a given ``text``, or a rare-token lookup of ``length`` tokens (paper, 3.2).

    ``drawn``, the lookup's result, is filled in before a run starts.
    """

    text: str | None = Field(default=None, min_length=1, max_length=80, pattern=r"^\S+( \S+){0,2}$")
    length: int = Field(default=1, ge=1, le=3)
    seed: int = Field(default=0, ge=0)
    drawn: str | None = None


class ClassNounSpec(Section):
    """The class noun of training and prompts (paper, 4.3): the ``correct`` one, a ``wrong`` one, or ``none``.

    A wrong noun is drawn at random, seeded, from the official nouns that are not the subject's.
    """

    variant: Literal["correct", "wrong", "none"] = "correct"
    seed: int = Field(default=0, ge=0)


class RuntimeSpec(Section):
    """How the work is done on this machine. Nothing here enters the key."""

    device: str = "auto"
    precision: Literal["auto", "fast", "fp32", "bf16", "fp16"] = "auto"
    generation_batch_size: int | None = Field(default=None, ge=1, description="None: by the GPU's memory")
    scoring_batch_size: int = Field(default=32, ge=1)
    gradient_checkpointing: bool = False
    fused_optimizer: bool = True
    compile: bool = Field(default=False, description="compile the denoiser with torch.compile")
    deterministic: bool = Field(
        default=False, description="the same bits on the same GPU, at a cost of speed"
    )
    quantize: Literal["none", "nf4", "fp8"] = Field(
        default="none",
        description="how the large models' frozen weights are held: nf4 by bitsandbytes, fp8 by torchao",
    )
    ignore_memory: bool = Field(
        default=False, description="start although the GPU is too small by arithmetic (--force)"
    )
    decode_threads: int | None = Field(default=None, ge=1, le=64, description="None: the cores, at most 16")


#: Fields of methods that came later, and the value under which a run is what it was before.
_LATER_FIELDS = {
    "prior_source": "class-images",
    "targets": None,
    "fingerprint": None,
    "photo": "first",
    "shown": None,
}


def _as_method_options(value: Any) -> Any:
    if isinstance(value, dict):
        return METHODS.get(str(value.get("name", ""))).Options.model_validate(value)
    return value


class RunSpec(Section):
    """Exactly how a run is done: what is asked, of which model, by which method, and how it is scored.

    Two specs with the same ``images_key`` ask for the same images, with the same ``key`` also for the
    same scores.
    """

    # It names folders: no path, no control character, no dot at its start.
    preset: str = Field(default="custom", max_length=100, pattern=r"^[^./\\\x00-\x1f][^/\\\x00-\x1f]*$")
    data: DataSpec = DataSpec()
    base: BaseSpec
    method: Annotated[SerializeAsAny[MethodOptions], BeforeValidator(_as_method_options)]
    identifier: IdentifierSpec = IdentifierSpec()
    class_noun: ClassNounSpec = ClassNounSpec()
    training_photos: int | None = Field(
        default=None, ge=1, description="train on a subject's first photos only"
    )
    image_size: int = Field(default=512, ge=8, le=4096, multiple_of=8)
    sampler: SamplerSpec = SamplerSpec()
    subjects: Literal["all"] | tuple[str, ...] = "all"
    prompts: str = "all"
    images_per_prompt: int = Field(default=4, ge=1, le=1000)
    seed: int = Field(default=0, ge=0, lt=2**63)
    protocol: ProtocolSpec = Field(default_factory=ProtocolSpec)
    runtime: RuntimeSpec = RuntimeSpec()

    NOT_IN_KEY: ClassVar[frozenset[str]] = frozenset({"preset", "runtime"})

    def identity(self) -> dict[str, Any]:
        """Return the fields that change results, as plain data; a fingerprint stands for its path."""
        fields = self.model_dump(mode="json", exclude=set(self.NOT_IN_KEY))
        for name, usual in _LATER_FIELDS.items():
            if fields["method"].get(name, usual) == usual:
                fields["method"].pop(name, None)  # keys of runs from before these fields existed stay
        if "fingerprint" in fields["method"]:
            fields["method"].pop("adapter", None)  # the place where weights lie does not change an image
        protocol = fields["protocol"]
        if protocol["lpips"]["size"] == "native":
            del protocol["lpips"]["size"]  # likewise
        for name, value in ProtocolSpec.SINCE_0_2.items():
            if protocol[name] == value:
                del protocol[name]  # likewise
        if fields["identifier"]["drawn"] is None:
            del fields["identifier"]["drawn"]
        if self.runtime.quantize != "none":  # of the runtime, this alone is another model
            fields["runtime"] = {"quantize": self.runtime.quantize}
        others = protocol["encoders"] or protocol.pop("encoders")  # without metrics of others: as ever
        encoders = [protocol["clip"], protocol["dino"], protocol["lpips"], *others.values()]
        hashed = [(fields["data"], ("folder", "label")), (fields["base"], ("model", "revision"))]
        for part, paths in [*hashed, *((encoder, ("weights",)) for encoder in encoders)]:
            if part["fingerprint"]:
                for path in paths:
                    part.pop(path)
        return fields

    def photos_seen(self) -> int | Mapping[str, str] | None:
        """Return which photos the model saw: how many of the first, or one's file name by subject.

        None where it saw all of them.
        """
        return self.method.shown_photos() or self.training_photos

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
    return text_sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")))[:16]


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
        raise DreambenchError(f"{message} ({lead}{listed(fields, most=3)})", remedy)
