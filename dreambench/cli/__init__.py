"""The command line: parse, call, print. Every heavy import waits for the command that needs it."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

import typer

from dreambench.cli import (
    ablate_command,
    check_command,
    claims_command,
    correlate_command,
    data_command,
    gallery_command,
    lookup_commands,
    plan_command,
    power_command,
    report_command,
    reproduce_command,
    run_command,
    score_command,
    study_command,
    verify_command,
)
from dreambench.errors import DreambenchError

_INTERRUPTED = 130

app = typer.Typer(
    name="dreambench",
    help="The standard instrument for subject-driven image generation: from photos to a signed table.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
#: The commands in the order of the help, each with a line that fits into 80 columns.
_COMMANDS: dict[str, tuple[Callable[..., None], str]] = {
    "run": (run_command.run, "Train, draw, score: from photos to a signed table."),
    "score": (score_command.score, "Score images of any method by the same protocol."),
    "report": (report_command.report, "Write the tables and the page of one run or several."),
    "correlate": (correlate_command.correlate, "Correlate metrics with human ratings or votes."),
    "check": (check_command.check, "Compare a run's scores with a baseline."),
    "verify": (verify_command.verify, "Check this installation by the photos' own scores."),
    "plan": (plan_command.plan, "Show what a run will do, and what is missing."),
    "power": (power_command.power, "Say how large an experiment a difference needs."),
    "ablate": (ablate_command.ablate, "Run an ablation of the paper."),
    "claims": (claims_command.claims, "Test each claim of the paper on runs."),
    "reproduce": (reproduce_command.reproduce, "Run the paper's whole evaluation; write one page."),
    "gallery": (gallery_command.gallery, "Draw the paper's applications with a run's models."),
    "identifiers": (lookup_commands.identifiers, "Draw rare-token identifiers from a tokenizer."),
    "presets": (lookup_commands.presets, "List the presets, or show one with all its fields."),
    "metrics": (lookup_commands.metrics, "List the metrics with definition and source."),
}
for _name, (_command, _line) in _COMMANDS.items():
    app.command(_name, short_help=_line)(_command)
app.add_typer(data_command.app, name="data")
app.add_typer(study_command.app, name="study")


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
    """Run the command line and exit: 0 done, 1 a check failed, 2 bad input, 130 interrupted."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    sys.exit(_run([a for a in arguments if a != "--debug"], debug))


def _run(arguments: list[str], debug: bool) -> int:
    try:
        code = app(arguments, standalone_mode=False)
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
            print(f"dreambench: {error.format_message()} (see dreambench --help)", file=sys.stderr)
            return 2
        if debug:
            traceback.print_exc()
        line = " ".join(str(error).split())[:300]
        print(f"dreambench: {type(error).__name__}: {line}; --debug shows where", file=sys.stderr)
        return 2
    if code == _INTERRUPTED:  # the option parser may have caught it, and turned it into this code
        print("interrupted; repeat the same command to resume", file=sys.stderr)
    return code if isinstance(code, int) else 0
