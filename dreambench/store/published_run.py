"""A published run: a run without its images, small, but enough to make every table and claim again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.numpy import save_file

from dreambench.errors import DreambenchError
from dreambench.paths import sha256_of
from dreambench.spec.metric import SCORE_TABLES
from dreambench.spec.registries import metrics_that_compare
from dreambench.store.files import write_folder_atomically, write_json
from dreambench.store.run_folder import LOG, RunFolder
from dreambench.store.sealed_rows import read_rows

if TYPE_CHECKING:
    import pandas as pd


def publish_run(run: RunFolder, to: Path, photos_too: bool = True) -> None:
    """Keep the log, the score tables (packed) and the photos' embeddings of ``run`` in the new folder ``to``.

    ``photos_too`` is False where another kept run has the same photos' embeddings.
    Reading it needs neither images nor photos. Photos are named ``<subject>/<file>``, and machines are left
    out: a published file contains no path and no host name of the computer that made it. Raises
    DreambenchError if ``to`` exists, or if a table or an embedding is damaged or has changed.
    """
    if to.exists():
        raise DreambenchError(f"{to} already exists", "remove it, or give another folder")
    photos = {
        subject: [f"{subject}/{Path(photo).name}" for photo in found]
        for subject, found in run.record.photos.items()
    }
    record = run.record.model_copy(update={"photos": photos, "made_on": {}})

    def fill(temporary: Path) -> None:
        published = RunFolder(temporary, record)
        packed = dict(record.tables)
        for table in SCORE_TABLES:
            if run.score_file(table).exists():
                published.score_file(table).parent.mkdir(exist_ok=True)
                _pack(run.scores(table), published.score_file(table))
                packed[table] = sha256_of(published.score_file(table))
        if photos_too:
            _publish_photo_embeddings(run, published)
        write_json(temporary / LOG, record.model_copy(update={"tables": packed}))

    write_folder_atomically(to, fill)


def _pack(table: pd.DataFrame, file: Path) -> None:
    """Write a table as Parquet, in about three quarters of its usual size: floats split by byte, all zstd."""
    floats = [name for name, dtype in table.dtypes.items() if dtype.kind == "f"]
    table.to_parquet(
        file,
        index=False,
        compression="zstd",
        compression_level=19,
        use_dictionary=[name for name in table.columns if name not in floats],
        use_byte_stream_split=floats,
    )


def _publish_photo_embeddings(run: RunFolder, published: RunFolder) -> None:
    """Copy the photos' embeddings, by the photos' names; a deleted photo is left out."""
    protocol = run.record.spec.protocol
    encoders = {metric.encoder for metric in metrics_that_compare(["photos"], protocol.metrics)}
    for key in sorted(map(protocol.encoder_key, encoders)):
        found = {}
        for subject, photos in run.record.photos.items():
            rows = read_rows(run.embedding_file(key, subject))
            for photo, name in zip(photos, published.record.photos[subject], strict=True):
                digest = sha256_of(Path(photo)) if Path(photo).exists() else ""
                if digest in rows:
                    found[name] = rows[digest]
        if found:
            file = published.published_photos_file(key)
            file.parent.mkdir(exist_ok=True)
            save_file(found, file)
