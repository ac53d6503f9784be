"""A run's tables without its images: small enough to publish, whole enough to make every table again."""

from __future__ import annotations

import shutil
from pathlib import Path

from dreambench.errors import DreambenchError
from dreambench.store.files import write_folder_atomically, write_text
from dreambench.store.run_folder import RunFolder

_TABLES = ("images", "diversity", "prior", "photos")


def keep_tables(run: RunFolder, to: Path) -> None:
    """Copy ``run.json`` and the score tables to ``to``; reading it needs no image. An older copy is replaced.

    Photos are named ``<subject>/<file>``, and machines are left out: a published file holds no path and no
    host name of the computer that made it. Raises DreambenchError where ``to`` holds anything else.
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
        write_text(temporary / "run.json", record.model_dump_json(indent=1) + "\n")

    if to.exists():
        shutil.rmtree(to)
    write_folder_atomically(to, fill)
