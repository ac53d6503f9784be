"""A run without its images: small enough to publish, whole enough to make every table and claim again."""

from __future__ import annotations

import shutil
from pathlib import Path

from safetensors.numpy import load_file, save_file

from dreambench.errors import DreambenchError
from dreambench.models.encoder_keys import encoder_key
from dreambench.store.files import sha256_of, write_folder_atomically, write_text
from dreambench.store.run_folder import RunFolder

_TABLES = ("images", "diversity", "prior", "photos")


def keep_tables(run: RunFolder, to: Path) -> None:
    """Copy the log, the score tables and the photos' embeddings to ``to``, in place of an older copy.

    Reading it needs neither images nor photos. Photos are named ``<subject>/<file>``, and machines are left
    out: a published file holds no path and no host name of the computer that made it. Raises
    DreambenchError where ``to`` holds anything else.
    """
    if to.exists() and ((to / "images").exists() or not (to / "run.json").exists()):
        raise DreambenchError(f"{to} exists and is no copy of a run's tables", "give another folder")
    photos = {
        subject: [f"{subject}/{Path(photo).name}" for photo in found]
        for subject, found in run.record.photos.items()
    }
    record = run.record.model_copy(update={"photos": photos, "made_on": {}})

    def fill(temporary: Path) -> None:
        kept = RunFolder(temporary, record)
        for table in _TABLES:
            if run.score_file(table).exists():
                kept.score_file(table).parent.mkdir(exist_ok=True)
                shutil.copyfile(run.score_file(table), kept.score_file(table))
        _keep_photo_embeddings(run, kept)
        write_text(temporary / "run.json", record.model_dump_json(indent=1) + "\n")

    if to.exists():
        shutil.rmtree(to)
    write_folder_atomically(to, fill)


def _keep_photo_embeddings(run: RunFolder, kept: RunFolder) -> None:
    """Copy what CLIP and DINO say of the photos, by the photos' names; one that is gone is left out."""
    protocol = run.record.spec.protocol
    for key in (encoder_key("clip", protocol.clip), encoder_key("dino", protocol.dino)):
        for subject, photos in run.record.photos.items():
            names = dict(zip(photos, kept.record.photos[subject], strict=True))
            file = run.embedding_file(key, subject)
            rows = load_file(file) if file.exists() else {}
            digests = {names[photo]: sha256_of(Path(photo)) for photo in photos if Path(photo).exists()}
            found = {name: rows[digest] for name, digest in digests.items() if digest in rows}
            if found:
                to = kept.embedding_file(key, subject)
                to.parent.mkdir(parents=True, exist_ok=True)
                save_file(found, to)
