"""Similarities of a run's images and photos, from the embeddings that its folder contains."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from dreambench.analysis.run_scores import RunScores
from dreambench.paths import sha256_of
from dreambench.store.sealed_rows import read_rows

CONTEXT = "recontextualization"


@dataclass(frozen=True)
class Similarities:
    """Cosine similarities by DINO.

    ``images`` has the rows of a run's images table: ``nearest_photo`` (the highest over the photos),
    ``nearest_name`` (that photo's file name) and ``other_contexts`` (the mean over the subject's images of
    other prompts); NaN or None where there is no embedding and, for ``other_contexts``, where the prompt is
    not a recontextualization prompt. ``photos`` has one row per subject: ``closest_pair`` (the highest
    between two photos), NaN where photos have been moved.
    """

    images: pd.DataFrame
    photos: pd.DataFrame


def similarities(run: RunScores) -> Similarities:
    """Compute the similarities of one run; each image file is read, because its hash names its embedding."""
    key = run.record.spec.protocol.encoder_key("dino")
    columns = ["nearest_photo", "other_contexts"]
    images = pd.DataFrame(np.nan, index=run.tables.images.index, columns=columns)
    images["nearest_name"] = None
    photos = pd.DataFrame(np.nan, index=list(run.record.subjects), columns=["closest_pair"])
    for subject, rows in run.tables.images.groupby("subject"):
        kept = read_rows(run.folder.embedding_file(key, str(subject)))
        files = [Path(photo) for photo in run.record.photos.get(str(subject), [])]
        own = _vectors(kept, files)
        known = np.isfinite(own).all(axis=1)
        own, names = own[known], [file.name for file, there in zip(files, known, strict=True) if there]
        if len(own) >= 2:
            pairs = np.triu_indices(len(own), 1)
            photos.loc[str(subject), "closest_pair"] = (own @ own.T)[pairs].max()
        made = _vectors(kept, [None if pd.isna(f) else run.folder.resolve(str(f)) for f in rows["file"]])
        if len(own):
            near = pd.DataFrame(made @ own.T, index=rows.index)
            images.loc[rows.index, "nearest_photo"] = near.max(axis=1)
            places = near.dropna().idxmax(axis=1)
            images.loc[places.index, "nearest_name"] = [names[place] for place in places]
        images.loc[rows.index, "other_contexts"] = _other_contexts(made, rows)
    return Similarities(images, photos)


def photo_embeddings(run: RunScores, kind: str) -> dict[str, np.ndarray]:
    """Return each subject's photo embeddings [photos, d] by ``dino`` or ``clip``.

    Embeddings are keyed by the hash of their image file; in a published run, by the photo's name. A subject
    whose photos have been moved, or have no embeddings, is omitted. Raises DreambenchError for a damaged
    file.
    """
    key = run.record.spec.protocol.encoder_key(kind)
    kept = run.folder.published_photos_file(key)
    found = {}
    for subject, photos in run.record.photos.items():
        try:
            if kept.exists():
                rows, names = read_rows(kept), photos
            else:
                rows = read_rows(run.folder.embedding_file(key, subject))
                names = [sha256_of(Path(photo)) for photo in photos]
            found[subject] = np.stack([rows[name] for name in names])
        except (OSError, KeyError, ValueError):
            continue
    return found


def _vectors(kept: dict[str, np.ndarray], files: list[Path | None] | list[Path]) -> np.ndarray:
    """Return unit vectors [files, d], NaN for a file without an embedding."""
    size = next(iter(kept.values())).size if kept else 1
    rows = np.full((len(files), size), np.nan)
    for position, file in enumerate(files):
        try:
            row = None if file is None else kept.get(sha256_of(file))
        except OSError:
            continue
        if row is not None:
            flat = row.astype(float).ravel()
            rows[position] = flat / np.linalg.norm(flat)
    return rows


def _other_contexts(made: np.ndarray, rows: pd.DataFrame) -> np.ndarray:
    prompts = rows["prompt_index"].to_numpy()
    judged = (rows["kind"] == CONTEXT).to_numpy() & np.isfinite(made).all(axis=1)
    between = made @ made.T
    other = (prompts[:, None] != prompts[None, :]) & judged[:, None] & judged[None, :]
    sums = np.where(other, between, 0).sum(axis=1)
    counts = other.sum(axis=1)
    return np.divide(sums, counts, out=np.full(len(rows), np.nan), where=counts > 0)
