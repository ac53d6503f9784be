"""The process around a call: what a call changes in it for its own time, and puts back at its end.

Environment variables, warning filters, log levels and torch's switches belong to the whole process. In a
notebook or a training loop it is the user's, so ``process_kept`` undoes at a call's end what the call has
changed. In a process of our own (a worker) nothing is undone.
"""

from __future__ import annotations

import logging
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

_CALL: ContextVar[ExitStack | None] = ContextVar("_CALL", default=None)
#: Libraries whose advice is of no use to a user here, with the variable that they read their verbosity from.
_TALKATIVE = {"transformers": "TRANSFORMERS_VERBOSITY", "diffusers": "DIFFUSERS_VERBOSITY"}
_QUIET_MODULES = r"(transformers|diffusers|timm|open_clip|torch|torchvision|lpips|PIL)\b"


@contextmanager
def process_kept() -> Iterator[None]:
    """The context (or decorator) of a call at whose end the process is as it was before.

    It undoes what was given to ``at_the_end``, the last change first, and restores the state of Python's
    random numbers, from which libraries draw when they are imported.
    """
    drawn = random.getstate()
    with ExitStack() as undoing:
        undoing.callback(random.setstate, drawn)
        token = _CALL.set(undoing)
        try:
            yield
        finally:
            _CALL.reset(token)


def at_the_end(undo: Callable[[], object]) -> None:
    """Have ``undo`` called at the end of the innermost ``process_kept``; outside of any, never."""
    call = _CALL.get()
    if call is not None:
        call.callback(undo)


def set_variable(name: str, value: str) -> bool:
    """Set an environment variable that is not set, until the call's end; return whether it was not set.

    A value that somebody else has given it by then stays.
    """
    if name in os.environ:
        return False

    def undo() -> None:
        if os.environ.get(name) == value:
            del os.environ[name]

    os.environ[name] = value
    at_the_end(undo)
    return True


def quiet_libraries() -> None:
    """Silence the libraries' advice until the call's end; call it before they are imported. Errors show.

    A library's verbosity that the user has set, by its variable or in the program, stays.
    """
    set_variable("HF_HUB_DISABLE_TELEMETRY", "1")
    set_variable("TOKENIZERS_PARALLELISM", "false")
    for library, variable in _TALKATIVE.items():
        if set_variable(variable, "error"):
            _hush(library)
    before = list(warnings.filters)
    warnings.filterwarnings("ignore", module=_QUIET_MODULES)
    # Not the whole list as it was: libraries that are imported meanwhile add filters of their own.
    added = [each for each in warnings.filters if each not in before]
    at_the_end(lambda: [warnings.filters.remove(each) for each in added if each in warnings.filters])  # type: ignore[attr-defined]


def _hush(library: str) -> None:
    """Let a library that has its usual log level show errors only, also one that is imported meanwhile."""
    logger = logging.getLogger(library)
    if library in sys.modules:
        if logger.level != logging.WARNING:
            return
        logger.setLevel(logging.ERROR)

    def undo() -> None:
        if library in sys.modules and logger.level == logging.ERROR:
            logger.setLevel(logging.WARNING)

    at_the_end(undo)
