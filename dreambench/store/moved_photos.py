"""The photos of a run that was moved: found again by their dataset, whose hashes must be those of the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dreambench.dataset import Dataset, load_dataset
from dreambench.errors import DreambenchError
from dreambench.paths import located
from dreambench.store.run_folder import RunFolder


def find_photos(run: RunFolder, data: Path | None = None) -> RunFolder:
    """Return the run with photos that are there, where they can be found.

    A run's log names its photos by absolute paths, which mean nothing on another machine. They are looked
    for in ``data`` (a dataset's folder), in the folder that the run was asked for, and where the official
    photos are kept; only a dataset with the run's own fingerprint counts. Where none is found, the run is
    returned as it is, with a notice. Raises DreambenchError where ``data`` is another dataset.
    """
    lost = [photo for photos in run.record.photos.values() for photo in photos if not Path(photo).exists()]
    if not lost and data is None:
        return run
    spec = run.record.spec.data
    for folder in _places(run, data):
        dataset = _dataset(folder)
        if dataset is not None and spec.fingerprint in (None, dataset.fingerprint):
            return _with_photos_of(run, dataset)
        if data is not None:
            raise DreambenchError(
                f"--data {data} is not the dataset of {run.path} ({spec.label})", "give the run's own photos"
            )
    run.notices.append(
        f"{run.path.name}: {len(lost)} photos are not at their place ({lost[0]} ...); name their dataset's "
        "folder with --data"
    )
    return run


def _places(run: RunFolder, data: Path | None) -> Iterator[Path | None]:
    if data is not None:
        yield data
        return
    folder = run.record.spec.data.folder
    if folder is not None:
        yield located(folder)
        yield run.path / folder  # a folder that moved together with the run
    yield None


def _dataset(folder: Path | None) -> Dataset | None:
    try:
        return load_dataset(folder, check=False)
    except DreambenchError:
        return None


def _with_photos_of(run: RunFolder, dataset: Dataset) -> RunFolder:
    here = {
        (s.name, photo.path.name): str(photo.path.resolve()) for s in dataset.subjects for photo in s.photos
    }
    pairs = run.record.spec.protocol.subject_pairs  # then a photo's subject is its folder's name

    def place(subject: str, photo: Path) -> str:
        owner = photo.parent.name if pairs else subject
        return here.get((owner, photo.name), str(photo))

    photos = {
        subject: [place(subject, Path(photo)) for photo in names]
        for subject, names in run.record.photos.items()
    }
    found = RunFolder(run.path, run.record.model_copy(update={"photos": photos}))
    found.notices += run.notices
    return found
