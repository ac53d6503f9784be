"""From images to score tables: each image is decoded once, embedded once per encoder, and scored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from dreambench.errors import DreambenchError
from dreambench.metrics.embeddings import EmbeddingStore
from dreambench.metrics.encoders import ProtocolEncoders
from dreambench.metrics.references import PhotosSeen
from dreambench.metrics.subject_embeddings import ProtocolImages, SubjectEmbeddings, SubjectImages
from dreambench.metrics.subject_scores import SubjectScorer
from dreambench.metrics.tables import BenchmarkImage, as_table, tables_of
from dreambench.models.exact_float32 import float32_by_default
from dreambench.models.weights import with_fingerprints
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.registries import get_metric
from dreambench.store import RunFolder

__all__ = ["BenchmarkImage", "ScoredProtocol", "SubjectImages", "embed_subject", "score_images"]


@dataclass(frozen=True)
class ScoredProtocol:
    """Another protocol for scoring the same images: its name, and its cells with its captions."""

    name: str
    protocol: ProtocolSpec
    cells: Sequence[BenchmarkImage]


@float32_by_default()
def score_images(
    run: RunFolder,
    images: Mapping[str, SubjectImages],
    protocol: ProtocolSpec,
    *,
    device: str,
    batch_size: int,
    decode_threads: int,
    others: Sequence[ScoredProtocol] = (),
    shown: PhotosSeen | None = None,
    note: Callable[[str], None] = lambda line: None,
    on_image: Callable[[int], None] = lambda count: None,
) -> None:
    """Score a run's images and write its tables (protocol: paper sections 4.1 and 4.3).

    ``images`` has every subject's images by its name. The tables are

    - ``images``: one row per cell, with a column per metric that compares it with photos or a caption;
    - ``diversity``: one row per pair of a subject's and prompt's cells (metrics of pairs);
    - ``prior``: one row per prior image (metrics of the prior);
    - ``drift``: one row per unrelated prompt, only where a metric compares with the base model;
    - ``photos``: one row per pair of a subject's photos, the Real Images row.

    ``others`` are further protocols, whose tables are kept beside: each image is decoded once for all of
    them, and embedded once by each encoder. ``shown`` is how many of its first photos a model was trained
    on, or the file name of the one that it was shown, by subject (None: not known), ``note`` takes a line on
    scores that could not be had. A missing image's scores, and those of a standard metric that was not asked
    for, are NaN. Embeddings and distances are kept in the run folder, by encoder and by the SHA-256 of the
    image file: what is there is not computed again, and an encoder that is not needed is not loaded.
    ``on_image`` gets numbers of images done, which add up to the files of ``images``.

    Raises DreambenchError, one line, if an image cannot be read, a subject has no photos, or an encoder
    cannot be loaded; what was embedded by then stays stored.
    """
    first = ScoredProtocol("", protocol, [cell for own in images.values() for cell in own.cells])
    loaded: dict[str, Any] = {}
    counted = map(_counted, (first, *others))
    asked = [(each, ProtocolEncoders(each.protocol, device, loaded)) for each in counted]
    for subject, given in images.items():
        if not given.photos:
            raise DreambenchError(f"subject {subject} has no photos to compare with", "check the dataset")
    rows: dict[str, dict[str, list[Any]]] = {
        each.name: {table: [] for table in tables_of(each.protocol.metrics)} for each, _ in asked
    }
    captions = _embed_captions(run, asked)
    with ThreadPoolExecutor(decode_threads) as pool:
        for subject, given in images.items():
            own = {}
            for each, encoders in asked:
                cells = [cell for cell in each.cells if cell.subject == subject]
                own[each.name] = ProtocolImages(encoders, replace(given, cells=cells))
            embeddings = SubjectEmbeddings(run, subject, list(own.values()), pool)
            embeddings.embed(batch_size, on_image)
            for name, wanted in own.items():
                found = SubjectScorer(run, subject, wanted, embeddings, shown, note).rows(captions)
                for table, lines in rows[name].items():
                    lines.extend(found[table])
    for each, _ in asked:
        folder = run.of_protocol(each.name)
        for table, lines in rows[each.name].items():
            folder.save_scores(table, as_table(table, lines, each.protocol.metrics))


def _counted(asked: ScoredProtocol) -> ScoredProtocol:
    """Return the protocol with its weights' fingerprints and the number of images that count per prompt."""
    protocol = with_fingerprints(asked.protocol)
    limit = protocol.images
    cells = [cell for cell in asked.cells if limit is None or cell.image_index < limit]
    return ScoredProtocol(asked.name, protocol, cells)


@float32_by_default()
def embed_subject(
    run: RunFolder,
    subject: str,
    images: SubjectImages,
    encoders: ProtocolEncoders,
    pool: ThreadPoolExecutor,
    *,
    batch_size: int,
    on_image: Callable[[int], None] = lambda count: None,
) -> None:
    """Embed one subject's images and measure their distances without writing a table.

    The run folder then has what ``score_images`` needs of this subject, bit for bit as it would compute it.
    Raises DreambenchError like ``score_images``.
    """
    SubjectEmbeddings(run, subject, [ProtocolImages(encoders, images)], pool).embed(batch_size, on_image)


def _embed_captions(
    run: RunFolder, asked: Sequence[tuple[ScoredProtocol, ProtocolEncoders]]
) -> dict[str, dict[str, Tensor]]:
    """Return the embedding of each distinct caption of the existing images, by encoder."""
    texts: dict[str, dict[str, None]] = {}
    users: dict[str, tuple[ProtocolEncoders, str]] = {}
    for each, encoders in asked:
        for metric in map(get_metric, each.protocol.metrics):
            if metric.compares == "caption":
                key = encoders.key(metric.encoder)
                texts.setdefault(key, {}).update(dict.fromkeys(c.caption for c in each.cells if c.file))
                users[key] = encoders, metric.encoder
    return {key: _embed_texts(run, list(wanted), key, *users[key]) for key, wanted in texts.items()}


def _embed_texts(
    run: RunFolder, texts: Sequence[str], key: str, encoders: ProtocolEncoders, encoder: str
) -> dict[str, Tensor]:
    """Return the embedding of each text by one encoder, from the run folder or computed and stored there."""
    keys = {text: hashlib.sha256(text.encode()).hexdigest() for text in texts}
    vectors = EmbeddingStore(run.embedding_file(f"{key}-text", "captions"))
    if vectors.damaged:
        run.notices.append("the embeddings of captions were damaged; they are computed again")
    missing = [text for text in texts if keys[text] not in vectors]
    if missing:
        for text, row in zip(missing, encoders.load(encoder).embed_texts(missing), strict=True):
            vectors.add(keys[text], row)
        vectors.save()
    return {text: vectors[keys[text]] for text in texts}
