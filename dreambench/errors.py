"""The one exception that a user is meant to see, and the kind of it that another machine may not raise."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class DreambenchError(Exception):
    """Bad input or a missing piece, in one line.

    ``message`` names the file or the field and what is wrong with it; ``remedy`` says what to do
    about it. The command line prints ``str(error)`` on stderr and exits with code 2; library users
    catch it like any exception.
    """

    def __init__(self, message: str, remedy: str | None = None) -> None:
        self.message = printable(message)
        self.remedy = printable(remedy) if remedy else None
        super().__init__(f"{self.message}; {self.remedy}" if self.remedy else self.message)


class NotHereError(DreambenchError):
    """This machine lacks what is asked for: a device, its memory, or a package. Another one may have it."""


def printable(text: str) -> str:
    """Return text as one line for a terminal: control characters, as in a file's name, become escapes.

    Example:
        >>> print(printable("a\\x1b[2J.png\\n is  empty"))
        a\\x1b[2J.png is empty
    """
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)


def shortened(text: str) -> str:
    """Return a path or another name for a message: of a long one, its two ends."""
    return text if len(text) <= 200 else f"{text[:80]}...{text[-80:]}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return names in one line, of many the first.

    Example:
        >>> listed(["dog", "cat", "vase"], most=2)
        'dog, cat and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the beginning of a remedy that names the nearest known name; "" where none is near.

    Case does not count. ``cutoff`` is difflib's: 0 accepts any name, 1 the same name alone.

    Example:
        >>> did_you_mean("DGO", ["dog", "cat"])
        "did you mean 'dog'? "
    """
    folded = {each.casefold(): each for each in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=cutoff)
    return f"did you mean {folded[near[0]]!r}? " if near else ""
