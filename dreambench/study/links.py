"""The links of raters and organizer: tokens that cannot be guessed, and the file that lists them."""

from __future__ import annotations

import csv
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from dreambench.paths import text_sha256
from dreambench.study.study_plan import Rater

COLUMNS = ("role", "study", "questionnaire", "rater", "link")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")


def new_token() -> str:
    """Return a random token of 128 bits, 22 characters that are safe in an address."""
    return secrets.token_urlsafe(16)


def token_hash(token: str) -> str:
    """Return what the database stores of a token.

    128 random bits cannot be searched, so a plain SHA-256 is enough: no salt, no slow hash. Someone who
    reads the database still cannot answer in a rater's name.
    """
    return text_sha256(token)


def is_token(text: str) -> bool:
    """Return whether a text has the form of a token."""
    return _TOKEN.fullmatch(text) is not None


def write_links(file: Path, url: str, organizer: str, raters: Mapping[Rater, str]) -> None:
    """Write one line for the organizer's token and one for each rater's; only the owner can read the file."""
    file.touch(mode=0o600)  # anyone who reads it can answer for every rater
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(COLUMNS)
        writer.writerow(("organizer", "", "", "", f"{url}/o/{organizer}"))
        for rater, token in raters.items():
            writer.writerow(("rater", rater.study, rater.questionnaire, rater.name, f"{url}/r/{token}"))
