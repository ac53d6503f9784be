"""From images to score tables: each image decoded once, embedded once per encoder, and scored from that."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from torch import Tensor

from dreambench.errors import DreambenchError
from dreambench.metrics.embeddings import EmbeddingStore
from dreambench.metrics.encoders import ProtocolEncoders
from dreambench.metrics.subject_scores import SubjectImages, SubjectRows, keep_embeddings, score_subject
from dreambench.metrics.tables import TABLES, BenchmarkImage, PriorImage, as_table
from dreambench.models.weights import with_fingerprints
from dreambench.spec.registries import get_metric
from dreambench.spec.run_spec import ProtocolSpec
from dreambench.store import RunFolder

__all__ = ["BenchmarkImage", "PriorImage", "embed_subject", "score_images"]


def _ignore(_: int) -> None:
    pass


def score_images(
    run: RunFolder,
    cells: Sequence[BenchmarkImage],
    priors: Sequence[PriorImage],
    photos: Mapping[str, Sequence[Path]],
    protocol: ProtocolSpec,
    *,
    device: str,
    batch_size: int,
    decode_threads: int,
    on_image: Callable[[int], None] = _ignore,
) -> None:
    """Score a run's images and write its four tables (protocol: paper sections 4.1 and 4.3).

    ``cells`` are all expected images, the missing ones with ``file=None``; ``photos`` holds the real
    photos of every subject that occurs in ``cells`` or ``priors``. The tables are

    - ``images``: one row per cell, with a column per metric that compares it with photos or a caption;
    - ``diversity``: one row per pair of a subject's and prompt's cells (metrics of pairs);
    - ``prior``: one row per prior image (metrics of the prior);
    - ``photos``: one row per pair of a subject's photos, the Real Images row.

    A missing image's scores, and those of a standard metric that was not asked for, are NaN. Embeddings and
    distances are kept in the run folder, by encoder and by the SHA-256 of the image file: what is there is
    not computed again, and an encoder that is not needed is not loaded. ``on_image`` gets numbers of
    images done, which add up to the files of ``cells``, ``priors`` and their subjects' photos.

    Raises DreambenchError, one line, where an image cannot be read, a subject has no photos, or an encoder
    cannot be loaded; what was embedded by then is kept.
    """
    protocol = with_fingerprints(protocol)
    encoders = ProtocolEncoders(protocol, device)
    subjects = list(dict.fromkeys([cell.subject for cell in cells] + [prior.subject for prior in priors]))
    for subject in subjects:
        if not photos.get(subject):
            raise DreambenchError(f"subject {subject} has no photos to compare with", "check the dataset")
    rows: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES}
    users = [m for m in map(get_metric, protocol.metrics) if m.compares == "caption"]
    captions = {m.encoder: _embed_captions(run, cells, encoders, m.encoder) for m in users}
    with ThreadPoolExecutor(decode_threads) as pool:
        for subject, images in _by_subject(subjects, cells, priors, photos):
            scores = score_subject(
                run, subject, images, captions, encoders, pool, batch_size=batch_size, on_image=on_image
            )
            _add(rows, scores)
    for table, found in rows.items():
        run.save_scores(table, as_table(table, found, protocol.metrics))


def embed_subject(
    run: RunFolder,
    subject: str,
    cells: Sequence[BenchmarkImage],
    priors: Sequence[PriorImage],
    photos: Sequence[Path],
    encoders: ProtocolEncoders,
    pool: ThreadPoolExecutor,
    *,
    batch_size: int,
    on_image: Callable[[int], None] = _ignore,
) -> None:
    """Embed one subject's images and measure their distances, and write no table.

    What ``score_images`` asks for of this subject is then in the run folder, bit for bit as it would have
    computed it. Raises DreambenchError like it.
    """
    images = SubjectImages(list(cells), list(priors), list(photos))
    keep_embeddings(run, subject, images, encoders, pool, batch_size=batch_size, on_image=on_image)


def _add(rows: dict[str, list[dict[str, Any]]], scores: SubjectRows) -> None:
    for table, found in scores.items():
        rows[table].extend(found)


def _by_subject(
    subjects: Sequence[str],
    cells: Iterable[BenchmarkImage],
    priors: Iterable[PriorImage],
    photos: Mapping[str, Sequence[Path]],
) -> Iterable[tuple[str, SubjectImages]]:
    grouped = {subject: SubjectImages([], [], list(photos[subject])) for subject in subjects}
    for cell in cells:
        grouped[cell.subject].cells.append(cell)
    for prior in priors:
        grouped[prior.subject].priors.append(prior)
    return grouped.items()


def caption_key(text: str) -> str:
    """Return the key of a caption's embedding: the SHA-256 of its UTF-8 text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _embed_captions(
    run: RunFolder, cells: Iterable[BenchmarkImage], encoders: ProtocolEncoders, encoder: str
) -> dict[str, Tensor]:
    """Return the embedding of each distinct caption of the images that are there."""
    texts = list(dict.fromkeys(cell.caption for cell in cells if cell.file is not None))
    vectors = EmbeddingStore(run.embedding_file(f"{encoders.key(encoder)}-text", "captions"))
    if vectors.damaged:
        run.notices.append("the embeddings of captions were damaged and are computed again")
    missing = [text for text in texts if caption_key(text) not in vectors]
    if missing:
        for text, row in zip(missing, encoders.load(encoder).embed_texts(missing), strict=True):
            vectors.add(caption_key(text), row)
        vectors.save()
    return {text: vectors[caption_key(text)] for text in texts}
