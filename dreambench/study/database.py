"""The answers: an SQLite file that has each one on the disk before the next question is shown."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dreambench.errors import DreambenchError
from dreambench.store.record import now

Choice = Literal["left", "right", "undecided"]
CHOICES: tuple[Choice, ...] = ("left", "right", "undecided")

_SCHEMA = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE raters (name TEXT PRIMARY KEY, token_hash TEXT NOT NULL UNIQUE, consented TEXT);
CREATE TABLE answers (
    rater TEXT NOT NULL REFERENCES raters (name),
    position INTEGER NOT NULL CHECK (position >= 0),
    item TEXT NOT NULL,
    choice TEXT NOT NULL CHECK (choice IN ('left', 'right', 'undecided')),
    seconds REAL NOT NULL CHECK (seconds >= 0),
    answered TEXT NOT NULL,
    PRIMARY KEY (rater, position),
    UNIQUE (rater, item)
);
"""


class OutOfTurnError(Exception):
    """A second, different answer to a question, or an answer to a question that is not this rater's next."""


@dataclass(frozen=True)
class Answer:
    """One answer as it was given: by side, not by run. ``seconds`` count from the showing of the question."""

    rater: str
    position: int
    item: str
    choice: Choice
    seconds: float


@dataclass(frozen=True)
class RaterProgress:
    """How far a rater is: whether consent is given, and how many questions are answered."""

    consented: bool
    answered: int


def create_database(path: Path, hashes: Mapping[str, str], settings: Mapping[str, str]) -> None:
    """Create the file, with the hashes of the raters' tokens and the study's secrets."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_SCHEMA)
        connection.executemany("INSERT INTO raters (name, token_hash) VALUES (?, ?)", hashes.items())
        connection.executemany("INSERT INTO settings VALUES (?, ?)", settings.items())


class Database:
    """The open file. Each thread has its own connection; a lock lets one thread write at a time.

    Raises DreambenchError where the file is missing or is not a study's.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._own = threading.local()
        self._writing = threading.Lock()
        try:
            self.settings: dict[str, str] = dict(self._connection.execute("SELECT name, value FROM settings"))
            # Tokens never change, so they are read once and not at every request.
            self.raters_by_hash: dict[str, str] = dict(
                self._connection.execute("SELECT token_hash, name FROM raters")
            )
            if missing := {"organizer_hash", "stamp_key"} - self.settings.keys():
                raise sqlite3.DatabaseError(f"it has no {min(missing)}")
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: sqlite3.Error) -> DreambenchError:
        return DreambenchError(
            f"{self._path} cannot be read as a study's answers: {error}",
            "restore it, or create the study again",
        )

    @property
    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            # mode=rw: a missing file is an error, not a new, empty study.
            address = f"{self._path.absolute().as_uri()}?mode=rw"
            connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=10)
            # FULL: in WAL mode, NORMAL loses the last commits in a power cut, though not when killed.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            self._own.connection = connection
        return connection

    def progress_of(self, rater: str) -> RaterProgress:
        """Return how far a rater is."""
        row = self._connection.execute(
            "SELECT consented IS NOT NULL, (SELECT count(*) FROM answers WHERE rater = name)"
            " FROM raters WHERE name = ?",
            (rater,),
        ).fetchone()
        return RaterProgress(bool(row[0]), int(row[1]))

    def consent(self, rater: str) -> None:
        """Record that a rater agreed; the first time counts."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE raters SET consented = ? WHERE name = ? AND consented IS NULL", (now(), rater)
            )

    def record(self, answer: Answer) -> None:
        """Commit an answer; once this returns, it survives a killed server and a power cut.

        The same answer sent twice (a double click, a reload) is stored once. Raises OutOfTurnError for
        another answer to an answered question, and for a question that is not the rater's next.
        """
        with self._transaction() as connection:
            given = connection.execute(
                "SELECT choice FROM answers WHERE rater = ? AND position = ?", (answer.rater, answer.position)
            ).fetchone()
            if given is not None:
                if given[0] != answer.choice:
                    raise OutOfTurnError
                return
            count = "SELECT count(*) FROM answers WHERE rater = ?"
            if connection.execute(count, (answer.rater,)).fetchone()[0] != answer.position:
                raise OutOfTurnError
            connection.execute(
                "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?)",
                (answer.rater, answer.position, answer.item, answer.choice, answer.seconds, now()),
            )

    def answers(self) -> list[Answer]:
        """Return all answers, ordered by rater and then by position."""
        question = "SELECT rater, position, item, choice, seconds FROM answers ORDER BY rater, position"
        try:
            return [Answer(*row) for row in self._connection.execute(question)]
        except sqlite3.Error as error:  # a page of the file is damaged
            raise self._unreadable(error) from error

    def progress(self) -> dict[str, RaterProgress]:
        """Return how far every rater is, by name."""
        rows = self._connection.execute(
            "SELECT name, consented IS NOT NULL, count(answers.rater) FROM raters"
            " LEFT JOIN answers ON answers.rater = raters.name GROUP BY name ORDER BY name"
        )
        return {name: RaterProgress(bool(consented), answered) for name, consented, answered in rows}

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing:
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # a full disk may have rolled it back already
                    connection.execute("ROLLBACK")
                raise
