"""The photo of each subject that a reference method shows: chosen before a run, from the photos alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dreambench.dataset import Dataset, Subject, read_image
from dreambench.errors import DreambenchError
from dreambench.methods.reference import ReferenceOptions
from dreambench.spec.run_spec import RunSpec

if TYPE_CHECKING:
    from torch import Tensor

    from dreambench.models.device import Runtime

#: Similarities that agree to this many decimals are a tie, because devices differ in the last ones.
_DECIMALS = 5


def with_shown_photos(spec: RunSpec, dataset: Dataset, runtime: Runtime) -> RunSpec:
    """Return the spec with each subject's photo by ``method.photo``; unchanged if that is the first.

    Considers all of the dataset's subjects, so that a run of some is comparable with a run of all. Raises
    DreambenchError if the protocol's DINO cannot be loaded.
    """
    options = spec.method
    if not isinstance(options, ReferenceOptions) or options.photo == "first" or options.shown is not None:
        return spec
    if options.photo == "best":
        shown = _best(spec, dataset, runtime)
    else:
        number = options.photo
        having = [s for s in dataset.subjects if len(s.photos) >= number]
        shown = {s.name: s.photos[number - 1].path.name for s in having}
    return spec.evolve(method={"shown": shown})


def shown_note(spec: RunSpec, subjects: Sequence[Subject]) -> list[str]:
    """Return a run log's note on the shown photos; empty if they are the first ones."""
    shown = spec.method.shown_photos()
    if shown is None:
        return []
    return [f"Shown photos: {', '.join(f'{s.name} {shown[s.name]}' for s in subjects)}."]


def medoid(embeddings: Tensor) -> int:
    """Return the row of embeddings [n, d] whose mean cosine with the others is the largest.

    The first one wins a tie. Raises DreambenchError if an embedding is not finite.

    Example:
        >>> import torch
        >>> medoid(torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
        1
    """
    import torch

    if not bool(embeddings.isfinite().all()):
        raise DreambenchError("an embedding of a photo is not finite", "check protocol.dino.weights")
    if len(embeddings) < 3:  # one photo, or two that are equally similar to each other
        return 0
    unit = torch.nn.functional.normalize(embeddings.double(), dim=1)
    cosines = unit @ unit.T
    means = (cosines.sum(dim=1) - cosines.diagonal()) / (len(unit) - 1)
    ranked = [round(float(mean), _DECIMALS) for mean in means]
    return ranked.index(max(ranked))


def _best(spec: RunSpec, dataset: Dataset, runtime: Runtime) -> dict[str, str]:
    """Return each subject's medoid by the protocol's DINO, as file names."""
    from dreambench.spec.registries import get_metric

    dino, encoder = get_metric("dino"), None
    shown = {}
    for subject in dataset.subjects:
        photos = sorted((photo.path for photo in subject.photos), key=lambda path: path.name)
        row = 0
        if len(photos) > 2:  # fewer photos need no encoder
            encoder = encoder or dino.load_encoder(dino.settings(spec.protocol), runtime.device)
            row = medoid(encoder.embed_images([read_image(path, "photo") for path in photos]))
        shown[subject.name] = photos[row].name
    return shown
