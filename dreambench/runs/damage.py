"""Lost or damaged files of a finished subject: found before a run resumes, and made again.

An image is drawn again (which trains its model again; the same seeds give the same image). A note is written
again if all images exist. A loss log is dropped, because no score depends on it and training takes long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from dreambench.store import RunFolder
from dreambench.store.files import remove_all, sha256_of

_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def set_damage_aside(
    run_folder: RunFolder, subject: str, images: Iterable[Path], say: Callable[[str], None]
) -> None:
    """Remove a subject's damaged images and logs, so that they are made again, and say so.

    ``images`` are all images that the subject should have. The caller holds the run's lock.
    """
    wanted = list(images)
    note = run_folder.subject_note(subject)
    known: dict[str, Any] = (note or {}).get("images_sha256") or {}
    damaged = [file for file in wanted if _is_damaged(file, known.get(file.name))]
    if damaged:
        remove_all(damaged)
        say(f"{subject}: {len(damaged)} images were damaged ({damaged[0].name} ...); drawing them again")
    if note is not None and run_folder.losses_changed(subject):
        remove_all([run_folder.loss_file(subject)])
        say(f"{subject}: its loss log was damaged and is dropped; no score depends on it")
    note_file = run_folder.subject_file(subject)
    if note is None and (note_file.exists() or note_file.is_symlink()):
        remove_all([note_file])
        if all(file.exists() for file in wanted):
            run_folder.save_subject(subject, {"images": len(wanted), "made_now": 0})
            say(f"{subject}: its note was damaged; writing it again")


def _is_damaged(file: Path, known: str | None) -> bool:
    """Whether a file exists but has changed; without a hash to compare: whether it is not a complete PNG."""
    if not (file.exists() or file.is_symlink()):
        return False
    if not file.is_file():
        return True
    if known is not None:
        return sha256_of(file) != known
    with open(file, "rb") as opened:
        head = opened.read(len(_PNG))
        opened.seek(max(0, file.stat().st_size - len(_PNG_END)))
        return head != _PNG or opened.read() != _PNG_END
