"""The command line: parse, call, print. Every heavy import waits for the command that needs it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

import typer
from typer.core import TyperGroup

from dreambench.cli import (
    check_command,
    correlate_command,
    data_command,
    gallery_command,
    lookup_commands,
    paper_commands,
    power_command,
    report_command,
    run_command,
    score_command,
    study_command,
)
from dreambench.errors import DreambenchError, printable, shortened
from dreambench.spec.process import process_kept, quiet_libraries

_INTERRUPTED = 130
_WORDS = {"int": "N", "float": "N", "path": "PATH", "file": "PATH", "directory": "PATH"}
_OUTPUT = "the standard output"
_LONGEST = 300  # characters of a library's message in an error of one line


class _UnderHeadings(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        return [name for commands in _COMMANDS.values() for name in commands]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        longest = max(map(len, self.commands))
        for heading, names in _COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [(name.ljust(longest), self.commands[name].get_short_help_str()) for name in names]
                )


app = typer.Typer(
    cls=_UnderHeadings,
    name="dreambench",
    help="The standard instrument for subject-driven image generation: from photos to a signed table.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
#: The commands under the headings of the help, each with a line that fits into 80 columns.
_COMMANDS: dict[str, dict[str, tuple[Callable[..., None] | typer.Typer, str]]] = {
    "Run and score": {
        "run": (run_command.run, "Train, draw, score: from photos to a signed table."),
        "score": (score_command.score, "Score images of any method by the same protocol."),
        "report": (report_command.report, "Write the tables and the page of one run or several."),
        "plan": (run_command.plan, "Show what a run will do, and what is missing."),
        "verify": (check_command.verify, "Check this installation by the photos' own scores."),
        "data": (data_command.app, "Fetch the photos, verify them, show the subjects."),
    },
    "Compare": {
        "check": (check_command.check, "Compare a run's scores with a baseline."),
        "leaderboard": (report_command.leaderboard, "Write one sortable page of signed results."),
        "power": (power_command.power, "Say how large an experiment a difference needs."),
    },
    "The paper": {
        "ablate": (paper_commands.ablate, "Run an ablation of the paper."),
        "claims": (paper_commands.claims, "Test each claim of the paper on runs."),
        "reproduce": (paper_commands.reproduce, "Run the paper's whole evaluation; write one page."),
        "gallery": (gallery_command.gallery, "Draw the paper's applications with a run's models."),
    },
    "Human judgment": {
        "study": (study_command.app, "Ask people: draw a user study, serve it, export its votes."),
        "correlate": (correlate_command.correlate, "Correlate metrics with human ratings or votes."),
    },
    "Look up": {
        "metrics": (lookup_commands.metrics, "List the metrics with definition and source."),
        "presets": (lookup_commands.presets, "List the presets, or show one with all its fields."),
        "published": (lookup_commands.published, "List published results and their protocols."),
        "identifiers": (lookup_commands.identifiers, "Draw rare-token identifiers from a tokenizer."),
    },
}
for _name, (_command, _line) in [each for names in _COMMANDS.values() for each in names.items()]:
    if isinstance(_command, typer.Typer):
        app.add_typer(_command, name=_name, help=_line, short_help=_line)
    else:
        app.command(_name, short_help=_line)(_command)


@app.callback(invoke_without_command=True)
def _top(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
    debug: bool = typer.Option(False, "--debug", help="Show tracebacks of errors (anywhere on the line)."),
) -> None:
    if version:
        from dreambench.spec.version import __version__

        typer.echo(__version__)
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 a check failed, 2 bad input, 130 interrupted.

    SIGTERM and SIGHUP (a batch system's time limit, a closed terminal) end a command like Ctrl-C, with the
    exit codes 143 and 129.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    with _stopped_by_signals() as came:
        code = _written_out(_run([a for a in arguments if a != "--debug"], debug))
    sys.exit(128 + came[0] if came and code == _INTERRUPTED else code)


@contextmanager
def _stopped_by_signals() -> Iterator[list[int]]:
    """Raise KeyboardInterrupt for the first SIGTERM or SIGHUP, and yield the list that it is added to.

    The second one kills. A signal that the caller has set aside (``nohup``) stays so.
    """
    came: list[int] = []

    def stop(number: int, frame: object) -> None:
        came.append(number)
        signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt

    kinds = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    ours = threading.current_thread() is threading.main_thread()
    taken = [kind for kind in kinds if ours and signal.getsignal(kind) is signal.SIG_DFL]
    for kind in taken:
        signal.signal(kind, stop)
    try:
        yield came
    finally:
        for kind in taken:
            signal.signal(kind, signal.SIG_DFL)


def _run(arguments: list[str], debug: bool) -> int:
    try:
        with process_kept():
            quiet_libraries()  # a photo with damaged EXIF is reason enough for Pillow to speak
            code = plain_command()(arguments, standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except DreambenchError as error:
        if debug:
            traceback.print_exc()
        print(f"dreambench: {error}", file=sys.stderr)
        return 2
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # no command was given: the help is the answer
            print(str(error))
            return 0
        if hasattr(error, "format_message"):  # wrong usage, as the option parser words it
            message = printable(error.format_message().replace("Value error, ", "")).rstrip(".")
            print(f"dreambench: {message} (see dreambench{_words_of(error)} --help)", file=sys.stderr)
            return 2
        if debug:
            traceback.print_exc()
        print(f"dreambench: {_in_words(error)}; --debug shows where", file=sys.stderr)
        return 2
    if code == _INTERRUPTED:  # the option parser may have caught it, and turned it into this code
        print("interrupted; repeat the same command to resume", file=sys.stderr)
    return code if isinstance(code, int) else 0


def _words_of(error: Any) -> str:
    """Return the command that was used wrongly, a space before each of its words; empty if it is none."""
    context = getattr(error, "ctx", None)
    return context.command_path.removeprefix(str(context.find_root().info_name)) if context else ""


def _written_out(code: int) -> int:
    """Return the exit code once all that was printed is written: a full disk shows here at the latest."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter's end tries again
        if code == 0:
            print(f"dreambench: {_in_words(error, _OUTPUT)}", file=sys.stderr)
        return code or 2
    return code


def plain_command() -> Any:
    """Return the command line with words for its values (N, TEXT, PATH) instead of Python's types."""
    command = typer.main.get_command(app)
    waiting: list[Any] = [command]
    while waiting:
        each = waiting.pop()
        waiting.extend(getattr(each, "commands", {}).values())
        for parameter in each.params:
            if parameter.param_type_name == "argument":
                parameter.display_type_rich = lambda ctx: None  # its name stands there already
            elif parameter.metavar is None and not getattr(parameter, "is_flag", False):
                parameter.metavar = _word_for(parameter)
    return command


def _word_for(parameter: Any) -> str | None:
    """Return the word for an option's value; None for one of a few words, which typer lists."""
    # The option's type has another name in each generation of typer.
    kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
    name = str(kind if kind is not None else getattr(getattr(parameter, "type", None), "name", "")).lower()
    if "choice" in name or "enum" in name or (isinstance(kind, type) and issubclass(kind, Enum)):
        return None
    return next((word for part, word in _WORDS.items() if part in name), "TEXT")


def _in_words(error: Exception, place: str = "a file") -> str:
    """Return an error that nobody foresaw in one line; the system's are of a file, in the system's words."""
    if isinstance(error, OSError) and error.strerror:
        name = str(error.filename or (_OUTPUT if _is_of_printing(error) else place))
        return f"{printable(shortened(name))}: {error.strerror[0].lower()}{error.strerror[1:]}"
    line = printable(str(error))[:_LONGEST]
    return f"{type(error).__name__}: {line}"


def _is_of_printing(error: Exception) -> bool:
    """Whether an error came from what prints, as where the output goes to a full disk: it names no file."""
    frames = list(traceback.walk_tb(error.__traceback__))
    module = str(frames[-1][0].f_globals.get("__name__")) if frames else ""
    return module.split(".")[0] in {"click", "rich", "typer"}
