"""The run folder: the only module that knows the paths of a run's files and who may write them."""

from __future__ import annotations

import glob
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreambench.errors import DreambenchError
from dreambench.paths import refuse_special, sha256_of
from dreambench.store import files
from dreambench.store.record import RunRecord, Status, now

if TYPE_CHECKING:
    import pandas as pd

#: A run's log, and its copy.
LOG, COPY = "run.json", ".run.json"
_ENDED = ("partial", "complete")
_AGAIN = "repeat the command that made it: the tables are made again from the images"
LOSS_COLUMNS = ["step", "photo", "prior", "total"]


def report_page(folder: Path) -> Path:
    """Return the page of the report of the run in ``folder``."""
    return folder / "report" / "index.html"


class RunFolder:
    """The files of one run below ``path``.

    Reading needs no lock, because every file is whole or absent. Only the holder of ``locked_run`` writes.
    ``notices`` are lines for the user about files that were damaged.
    ``protocol`` names the protocol whose score tables these are; empty for the run's own.
    """

    def __init__(self, path: Path, record: RunRecord, protocol: str = "") -> None:
        self.path = path
        self.record = record
        self.notices: list[str] = []
        self.protocol = protocol

    def of_protocol(self, name: str) -> RunFolder:
        """Return this folder with the score tables of another protocol; its log names that one alone."""
        record = self.record
        if name in record.protocols:
            spec = record.spec.evolve(protocol=record.protocols[name])
            name = "" if next(iter(record.protocols)) == name else name
            record = record.model_copy(update={"spec": spec, "key": spec.key, "protocols": {}})
        view = RunFolder(self.path, record, name)
        view.notices = self.notices
        return view

    # -- layout ---------------------------------------------------------------------------------

    def image_file(self, subject: str, prompt_index: int, image_index: int) -> Path:
        """Return the path of one generated image."""
        return self.path / "images" / subject / f"{prompt_index:02d}-{image_index}.png"

    def prior_file(self, subject: str, index: int) -> Path:
        """Return the path of one image of ``a [class noun]`` by the fine-tuned model (PRES)."""
        return self.path / "images" / subject / f"class-{index:03d}.png"

    def drift_file(self, subject: str, label: str, base: bool = False) -> Path:
        """Return the path of one image of an unrelated prompt by the fine-tuned model, or the base model.

        ``label`` names the prompt.
        """
        name = f"drift-{'base-' if base else ''}{label}.png"
        return self.path / "images" / subject / name

    def weights_folder(self, subject: str) -> Path:
        """Return the folder of a trained subject's weights until its last image is made."""
        return self.path / "work" / subject

    def checkpoint_folder(self, subject: str) -> Path:
        """Return the folder of a subject's weights with ``--keep-checkpoints``."""
        return self.path / "checkpoints" / subject

    def loss_file(self, subject: str) -> Path:
        """Return the path of a subject's loss log (CSV, one row per step)."""
        return self.path / "logs" / f"{subject}-loss.csv"

    def log_file(self, subject: str) -> Path:
        """Return the path of a subject's log: stages, machines, failures."""
        return self.path / "logs" / f"{subject}.log"

    def subject_file(self, subject: str) -> Path:
        """Return the path of the note that ends a subject, written after its last image."""
        return self.path / "subjects" / f"{subject}.json"

    def score_file(self, table: str) -> Path:
        """Return the path of a score table: images, diversity, prior, drift or photos."""
        return self.path / "scores" / self.protocol / f"{table}.parquet"

    def embedding_file(self, encoder: str, subject: str) -> Path:
        """Return the path of a subject's embeddings by one encoder."""
        return self.path / "embeddings" / encoder / f"{subject}.safetensors"

    def reply_file(self, metric: str, subject: str) -> Path:
        """Return the path of what a metric of files keeps of a subject, such as a judge's replies."""
        return self.path / "replies" / metric / f"{subject}.json"

    def published_photos_file(self, encoder: str) -> Path:
        """Return the path of all photos' embeddings by one encoder in a published run."""
        return self.path / "embeddings" / f"{encoder}-photos.safetensors"

    @property
    def report_folder(self) -> Path:
        """Return the folder of this run's own report."""
        return report_page(self.path).parent

    @property
    def galleries_folder(self) -> Path:
        """Return the folder of this run's galleries, one folder each."""
        return self.path / "galleries"

    def resolve(self, file: str) -> Path:
        """Return the absolute path of a ``file`` column's entry (relative to the run, or absolute)."""
        return self.path / file

    def relative(self, file: Path) -> str:
        """Return the ``file`` column's entry of an image: relative if it is inside the run."""
        inside = file.is_relative_to(self.path)
        return (file.relative_to(self.path) if inside else file.resolve()).as_posix()

    def subject_files(self, subject: str) -> list[Path]:
        """Return a subject's existing files that stay: images, embeddings, losses, its note."""
        images = sorted((self.path / "images" / subject).glob("[!.]*.png"))
        embeddings = sorted(self.path.glob(f"embeddings/[!.]*/{glob.escape(subject)}.safetensors"))
        single = [self.loss_file(subject), self.subject_file(subject)]
        return [*images, *embeddings, *(file for file in single if file.exists())]

    # -- writing --------------------------------------------------------------------------------

    def save_record(self, status: Status | None = None, **changes: Any) -> None:
        """Write run.json, and its copy, with a new status or other changed fields.

        A run that ends takes the checksums of its tables into its log.
        """
        changes = {**changes, "updated": now()}
        if status is not None:
            changes["status"] = status
            changes["tables"] = self._checksums() if status in _ENDED else {}
        record = self.record.model_copy(update=changes)
        files.write_json(self.path / LOG, record)
        self.record = record  # not before: an interrupted write must not count as written
        files.write_json(self.path / COPY, record)

    def _checksums(self) -> dict[str, str]:
        folder = self.path / "scores"
        tables = sorted(file for file in folder.rglob("*.parquet") if not file.name.startswith("."))
        return {self._name_of(file.relative_to(folder)): sha256_of(file) for file in tables}

    def _name_of(self, table: Path) -> str:
        """Return a table's name in the log: ``images``, or ``uno/images`` of a further protocol."""
        return table.with_suffix("").as_posix()

    def recover_subject(self, subject: str) -> None:
        """Finish or undo the work of a killed writer of one subject, while others write other subjects."""
        files.roll_forward(self.path / "images" / subject)
        files.remove_leftovers(self.path / "images" / subject)
        # Not "*": ".dog.*.tmp" is also a file of the subject "dog.2", which another worker may be writing.
        name, drawn = glob.escape(subject), files.DRAWN_NAME
        for pattern in (
            f"work/.{name}.{drawn}",
            f"logs/.{name}-loss.csv.{drawn}",
            f"subjects/.{name}.json.{drawn}",
            f"embeddings/*/.{name}.safetensors.{drawn}",
        ):
            files.remove_all(self.path.glob(pattern))

    def save_subject(self, subject: str, note: Mapping[str, Any]) -> None:
        """Write the note that ends a subject: its images and its wall time."""
        files.write_json(self.subject_file(subject), note)

    def save_scores(self, table: str, frame: pd.DataFrame) -> None:
        """Write one score table as Parquet."""
        files.write_atomically(self.score_file(table), lambda path: frame.to_parquet(path, index=False))

    # -- reading --------------------------------------------------------------------------------

    def subject_note(self, subject: str) -> dict[str, Any] | None:
        """Return a finished subject's note; None without one, and where it is damaged."""
        file = self.subject_file(subject)
        if not file.is_file():  # a pipe would be waited for
            return None
        try:
            note = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return note if isinstance(note, dict) else None

    def scores(self, table: str) -> pd.DataFrame:
        """Read one score table; a missing one is an empty frame.

        Raises DreambenchError where it cannot be read, or where it is not, or is no longer, the table that
        the run's log knows.
        """
        import pandas as pd

        file = self.score_file(table)
        known = self.record.tables.get(self._name_of(Path(self.protocol) / table))
        try:
            if known is not None and sha256_of(file) != known:
                raise DreambenchError(f"{file} has changed since the run ended (its SHA-256 differs)", _AGAIN)
            return pd.read_parquet(file)
        except FileNotFoundError as error:
            if known is not None:
                raise DreambenchError(f"{file} is gone", _AGAIN) from error
            return pd.DataFrame()
        except (OSError, ValueError) as error:  # pyarrow's errors are of these kinds
            raise DreambenchError(f"{file} is damaged: it is not a whole Parquet file", _AGAIN) from error

    def losses(self, subject: str) -> pd.DataFrame:
        """Read a subject's loss log; a missing one is an empty frame.

        Raises DreambenchError where it cannot be read, or is not the log that the subject's note knows.
        """
        import pandas as pd

        file = self.loss_file(subject)
        refuse_special(file)
        try:
            frame = pd.read_csv(file)
        except FileNotFoundError:
            return pd.DataFrame()
        except (OSError, ValueError) as error:  # pandas' errors are of these kinds
            raise _damaged_losses(file) from error
        numbers = [kind.kind in "if" for kind in frame.dtypes]
        if list(frame.columns) != LOSS_COLUMNS or not all(numbers) or self.losses_changed(subject):
            raise _damaged_losses(file)
        return frame

    def losses_changed(self, subject: str) -> bool:
        """Whether a subject's loss log is there, and is not the one that the subject's note knows."""
        known, file = (self.subject_note(subject) or {}).get("losses_sha256"), self.loss_file(subject)
        return known is not None and file.exists() and (not file.is_file() or sha256_of(file) != known)


def _damaged_losses(file: Path) -> DreambenchError:
    return DreambenchError(f"{file} is damaged, or of something else", "remove it: no score comes from it")
