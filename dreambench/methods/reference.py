"""Reference methods: nothing is trained, the model is shown photos of the subject as it draws."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from dreambench.dataset import Subject, read_image
from dreambench.errors import DreambenchError
from dreambench.methods.method import Context, Personalized, SubjectPhrase
from dreambench.models.base_folder import first_line
from dreambench.models.base_model import BaseModel
from dreambench.models.hub import commit_of, snapshot
from dreambench.paths import located, sha256_of
from dreambench.spec.method_options import MethodOptions
from dreambench.spec.run_spec import RunSpec

if TYPE_CHECKING:
    from PIL import Image

_IP_ADAPTER = "h94/IP-Adapter"


class ReferenceOptions(MethodOptions):
    """Which weights turn photos into conditioning, and how strongly; models that see photos need none.

    ``adapter`` is IP-Adapter's: a folder or a hub id, with ``subfolder`` and ``weight_name`` in it, for
    Stable Diffusion and SDXL (Ye et al. 2023, arXiv 2308.06721). ``scale`` is its weight beside the text,
    0.6 in the authors' demo.

    ``photo`` says which photo is shown where ``training_photos=1``: the ``first`` by name, one by its number
    from 1 on, or the ``best``: the one whose mean DINO cosine with the subject's other photos is the largest
    (their medoid), as the run's own protocol computes DINO; the first by name of several. It depends on the
    photos alone, never on generated images.
    """

    name: str = "reference"
    adapter: str = _IP_ADAPTER
    subfolder: str = "models"
    weight_name: str = "ip-adapter_sd15.safetensors"
    scale: float = Field(default=0.6, ge=0, le=1)
    photo: Literal["first", "best"] | Annotated[int, Field(ge=1)] = "first"
    fingerprint: str | None = Field(default=None, description="of the adapter's weights; found by the run")
    shown: dict[str, str] | None = Field(
        default=None,
        description="the shown photo's file by subject, unless it is the first; found by the run",
    )

    def trains(self) -> bool:
        """Return False: no weights change."""
        return False

    def shows_photos(self) -> bool:
        """Return True: photos are the method's input."""
        return True

    def shown_photos(self) -> Mapping[str, str] | None:
        """Return the file name of each subject's shown photo, once the run has chosen it."""
        return self.shown


class Reference:
    """Draws ``a [class noun] ...`` with a model that is shown the subject's photos.

    ``training_photos`` is how many it is shown: the first ones, or the one that ``photo`` chooses. With it,
    protocols that leave a model's input out score against the others.
    """

    name: ClassVar[str]
    Options: ClassVar[type[MethodOptions]] = ReferenceOptions

    def check(self, base: BaseModel, spec: RunSpec) -> None:
        """Refuse families that cannot be shown a photo, and more photos than a model takes."""
        if base.family.references is None:
            raise DreambenchError(
                f"{base.family.name} models cannot be shown a photo",
                "use a base model of the family sd, sdxl (by IP-Adapter), flux-kontext, flux2, flux2-klein, "
                "qwen-image-edit or qwen-image-edit-plus",
            )
        options = spec.method
        assert isinstance(options, ReferenceOptions)
        if options.photo != "first" and spec.training_photos != 1:
            raise DreambenchError(
                f"method.photo={options.photo} shows one photo", "add --set training_photos=1"
            )
        if base.family.references == "one photo" and spec.training_photos != 1:
            raise DreambenchError(
                f"{base.family.name} models are shown one photo", "add --set training_photos=1"
            )
        if base.family.references == "ip-adapter":
            _require_adapter(options)

    def resolved(self, base: BaseModel, spec: RunSpec) -> ReferenceOptions:
        """Return the options with the fingerprint of the adapter's weights, where it needs any."""
        options = spec.method
        assert isinstance(options, ReferenceOptions)
        if base.family.references != "ip-adapter":
            return options
        return options.evolve(fingerprint=_fingerprint(options))

    def phrase(self, subject: Subject, identifier: str) -> SubjectPhrase:
        """Return the class noun only: the photo says which one is meant."""
        return SubjectPhrase(None, subject.class_noun)

    def personalize(self, subject: Subject, base: BaseModel, spec: RunSpec, context: Context) -> Personalized:
        """Return a pipeline and the photos that it is shown in every call."""
        options = spec.method
        assert isinstance(options, ReferenceOptions)
        photos = [_square(read_image(photo.path), spec.image_size) for photo in subject.photos]
        if base.family.references == "ip-adapter":
            # The adapter changes the U-Net's attention: never the shared one's.
            pipeline = base.pipeline(unet=base.fresh("unet").requires_grad_(False))
            _load_adapter(pipeline, options, base)
            return Personalized(pipeline, call_arguments={"ip_adapter_image": [photos]})
        shown = photos[0] if base.family.references == "one photo" else photos
        return Personalized(base.pipeline(), call_arguments={"image": shown})

    def save(self, personalized: Personalized, folder: Path) -> None:
        """Write nothing, because nothing was trained."""

    def load(self, folder: Path, base: BaseModel, context: Context) -> Personalized:
        """Refuse: a run of a method that trains nothing keeps no weights."""
        raise DreambenchError(f"{folder} belongs to a method that trains weights", "remove it")


def _square(image: Image.Image, size: int) -> Image.Image:
    """Return a photo as the trained methods see it: the center's square, of the run's size."""
    from PIL import Image, ImageOps

    return ImageOps.fit(image.convert("RGB"), (size, size), Image.Resampling.BICUBIC)


def _require_adapter(options: ReferenceOptions) -> None:
    """Raise DreambenchError where the adapter's weights are not there, before anything is written."""
    place, file = located(options.adapter), f"{options.subfolder}/{options.weight_name}"
    if not options.weight_name.endswith(".safetensors"):
        raise DreambenchError(
            f"{_where(options)} is not a safetensors file", "pickled weights are never read"
        )
    if place.is_dir():
        if not (place / file).is_file():
            raise DreambenchError(
                f"{_where(options)} does not exist", "set method.subfolder and method.weight_name"
            )
        _encoder_files(place, options)
        return
    try:
        commit_of(options.adapter, file)
    except Exception as error:
        raise _not_here(options) from error


def _not_here(options: ReferenceOptions) -> DreambenchError:
    return DreambenchError(
        f"{_where(options)} does not exist here and could not be downloaded",
        f"run `hf download {options.adapter}` where there is a network and give method.adapter=FOLDER",
    )


def _fingerprint(options: ReferenceOptions) -> str:
    """Return what names the adapter's content: the hub's commit, or the hash of its files here."""
    place = located(options.adapter)
    if not place.is_dir():
        return commit_of(options.adapter, f"{options.subfolder}/{options.weight_name}")
    weights = place / options.subfolder / options.weight_name
    return "-".join(sha256_of(file)[:20] for file in (weights, *_encoder_files(place, options)))


def _encoder_files(folder: Path, options: ReferenceOptions) -> list[Path]:
    """Return the weights of the adapter's image encoder: one file, or its parts.

    Raises DreambenchError where there are none: pickled ones would be read instead.
    """
    encoder = folder / options.subfolder / "image_encoder"
    whole = encoder / "model.safetensors"
    found = [whole] if whole.is_file() else sorted(encoder.glob("*.safetensors"))
    if not found:
        raise DreambenchError(
            f"method.adapter={options.adapter}: {options.subfolder}/image_encoder has no safetensors file",
            "add its model.safetensors; pickled weights are never read",
        )
    return found


def _folder_of(options: ReferenceOptions) -> Path:
    """Return the adapter's folder: the one that is named, or the hub's at the commit in the run's key."""
    place, inside = located(options.adapter), options.subfolder
    if place.is_dir():
        return place
    encoder = f"{inside}/image_encoder"
    files = (f"{inside}/{options.weight_name}", f"{encoder}/config.json", f"{encoder}/*.safetensors")
    try:
        folder = snapshot(options.adapter, options.fingerprint or _fingerprint(options), files)
    except Exception as error:
        raise _not_here(options) from error
    _encoder_files(folder, options)
    return folder


def _where(options: ReferenceOptions) -> str:
    return f"method.adapter={options.adapter} ({options.subfolder}/{options.weight_name})"


def _load_adapter(pipeline: Any, options: ReferenceOptions, base: BaseModel) -> None:
    folder = str(_folder_of(options))
    try:
        pipeline.load_ip_adapter(folder, subfolder=options.subfolder, weight_name=options.weight_name)
    except Exception as error:
        raise DreambenchError(
            f"{_where(options)} does not fit this base model or cannot be loaded: {first_line(error)}",
            "IP-Adapter has weights of its own for each family; download them and give method.adapter=FOLDER",
        ) from error
    pipeline.set_ip_adapter_scale(options.scale)
    for module in (pipeline.unet, pipeline.image_encoder):
        module.to(base.device, dtype=base.frozen_dtype).eval().requires_grad_(False)
