"""Creating a study: from two runs to a folder that needs nothing else, with copies of all its pictures."""

from __future__ import annotations

import os
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from dreambench.analysis import RunScores, read_run_scores
from dreambench.dataset import read_image
from dreambench.errors import DreambenchError
from dreambench.human.preference_table import UNDECIDED
from dreambench.progress import each_in_threads
from dreambench.store import open_run
from dreambench.store.files import write_folder_atomically, write_json
from dreambench.store.record import now
from dreambench.study.candidates import CommonCell, common_cells
from dreambench.study.database import create_database
from dreambench.study.draw import NamePicture, Sizes, draw_checks, draw_pairs, draw_raters
from dreambench.study.folder import StudyFolder
from dreambench.study.links import new_token, token_hash, write_links
from dreambench.study.study_plan import STUDIES, RunNote, StudyName, StudyPlan

DEFAULT_URL = "http://127.0.0.1:8000"
SIDE = 768  # pixels: larger than a column on most screens, small enough for a phone's connection
QUALITY = 95  # of WebP


def create_study(
    path_a: Path,
    path_b: Path,
    out: Path,
    *,
    sizes: Sizes | None = None,
    studies: Sequence[StudyName] = STUDIES,
    seed: int = 0,
    url: str = DEFAULT_URL,
    contact: str | None = None,
    quiet: bool = False,
) -> StudyPlan:
    """Draw a study of two runs and write it to ``out``, which must not exist: all of it, or nothing.

    ``url`` is where the raters will reach the server; their links begin with it. The draw depends on the
    runs, ``sizes`` and ``seed``; tokens and picture names are random, so that no seed reveals them. Raises
    DreambenchError where the runs have too little in common, or an image cannot be read.
    """
    sizes = sizes or Sizes()
    if out.exists():
        raise DreambenchError(f"--out {out} already exists", "give a new folder, or remove it")
    run_a, run_b = read_run_scores([open_run(path_a), open_run(path_b)])
    _refuse_undecided(run_a, run_b)
    cells = common_cells(run_a, run_b)
    photos = _photos(cells, run_a)
    # The random name of each shown file, which reveals nothing; a file that is shown twice has one.
    names: dict[Path, str] = defaultdict(lambda: f"{secrets.token_hex(8)}.webp")

    def of_run(run: RunScores) -> NamePicture:
        return lambda file: names[run.folder.resolve(file)]

    def of_photo(photo: str) -> str:
        return names[Path(photo)]

    shown = of_run(run_a), of_run(run_b)
    pairs = [pair for study in studies for pair in draw_pairs(cells, study, sizes, seed, *shown)]
    checks = [check for study in studies for check in draw_checks(photos, study, sizes, seed, of_photo)]
    raters = [rater for study in studies for rater in draw_raters([*pairs, *checks], study, sizes, seed)]
    rated = sorted({pair.subject for pair in pairs if pair.study == "subject"})
    plan = StudyPlan(
        created=now(),
        seed=seed,
        contact=contact,
        run_a=_note(run_a),
        run_b=_note(run_b),
        photos={subject: tuple(map(of_photo, photos[subject][1])) for subject in rated},
        pairs=tuple(pairs),
        checks=tuple(checks),
        raters=tuple(raters),
    )

    def fill(temporary: Path) -> None:
        folder = StudyFolder(temporary)
        write_pictures(names, folder.pictures, quiet)
        write_json(folder.plan_file, plan)
        _write_tokens(folder, plan, url.rstrip("/"))

    write_folder_atomically(out, fill)
    return plan


def _photos(cells: Iterable[CommonCell], run: RunScores) -> dict[str, tuple[str, list[str]]]:
    """Return each subject's class noun and photos. Raises DreambenchError for a subject without any."""
    photos = {cell.subject: (cell.class_noun, run.record.photos.get(cell.subject, [])) for cell in cells}
    for subject, (_, files) in photos.items():
        if not files:
            raise DreambenchError(
                f"{run.folder.path}/run.json: subject {subject} has no photos", "run it again"
            )
    return photos


def _refuse_undecided(*runs: RunScores) -> None:
    for run in runs:
        if run.label == UNDECIDED:
            raise DreambenchError(
                f'run {run.folder.path} is named "{UNDECIDED}", like an answer', "rename its folder"
            )


def _note(run: RunScores) -> RunNote:
    if run.record.kind != "run":
        return RunNote(name=run.label)
    return RunNote(name=run.label, method=run.record.spec.method.name, base=run.record.spec.base.model)


def _write_tokens(folder: StudyFolder, plan: StudyPlan, url: str) -> None:
    """Draw the tokens: the database gets their hashes, and only links.csv the tokens themselves."""
    organizer, tokens = new_token(), {rater.name: new_token() for rater in plan.raters}
    settings = {"organizer_hash": token_hash(organizer), "stamp_key": secrets.token_hex(32)}
    create_database(folder.database_file, {r: token_hash(t) for r, t in tokens.items()}, settings)
    folder.database_file.chmod(0o600)
    write_links(folder.links_file, url, organizer, {r: tokens[r.name] for r in plan.raters})


def write_pictures(names: dict[Path, str], folder: Path, quiet: bool) -> None:
    """Write every source's picture into ``folder``, with a bar on stderr unless ``quiet``.

    Raises DreambenchError naming the first source that is missing or damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def write(source: Path) -> None:
        write_picture(source, folder / names[source])

    each_in_threads("pictures", list(names), write, os.cpu_count(), quiet)


def write_picture(source: Path, target: Path) -> None:
    """Write one image as WebP of at most ``SIDE`` pixels a side, without any metadata."""
    image = read_image(source, "image of the study")
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    # Some versions of Pillow write the color profile of the image that they read; a new image has none.
    bare = Image.new("RGB", image.size)
    bare.paste(image)
    bare.save(target, format="WEBP", quality=QUALITY, method=4)
