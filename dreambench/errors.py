"""The one exception that a user is meant to see."""

from __future__ import annotations


class DreambenchError(Exception):
    """Bad input or a missing piece, in one line.

    ``message`` names the file or the field and what is wrong with it; ``remedy`` says what to do
    about it. The command line prints ``str(error)`` on stderr and exits with code 2; library users
    catch it like any exception.
    """

    def __init__(self, message: str, remedy: str | None = None) -> None:
        self.message = " ".join(message.split())
        self.remedy = " ".join(remedy.split()) if remedy else None
        super().__init__(f"{self.message}; {self.remedy}" if self.remedy else self.message)
