"""Tokens that cannot be guessed, and stamps that cannot be forged."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

_STAMP = re.compile(r"([0-9]{1,15})\.([0-9a-f]{32})")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")


def new_token() -> str:
    """Return a random token of 128 bits, 22 characters that are safe in an address."""
    return secrets.token_urlsafe(16)


def token_hash(token: str) -> str:
    """Return what the database keeps of a token.

    128 random bits cannot be searched, so a plain SHA-256 is enough: no salt, no slow hash. Whoever
    reads the database can then not answer in a rater's name.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def is_token(text: str) -> bool:
    """Whether a text has the form of a token."""
    return _TOKEN.fullmatch(text) is not None


def stamp(key: str, rater: str, position: int, milliseconds: int) -> str:
    """Return the time at which a question was shown, signed for this rater and this question.

    It travels through the rater's form, so that showing a page writes nothing, and a killed server
    forgets nothing.
    """
    return f"{milliseconds}.{_signature(key, rater, position, milliseconds)}"


def read_stamp(key: str, rater: str, position: int, text: str) -> int | None:
    """Return the milliseconds of a stamp, or None where it is malformed or was not made for this."""
    match = _STAMP.fullmatch(text)
    if match is None:
        return None
    milliseconds = int(match[1])
    genuine = hmac.compare_digest(match[2], _signature(key, rater, position, milliseconds))
    return milliseconds if genuine else None


def _signature(key: str, rater: str, position: int, milliseconds: int) -> str:
    message = f"{rater}/{position}/{milliseconds}".encode()
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()[:32]
