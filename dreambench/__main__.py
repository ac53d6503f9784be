"""The command, as ``dreambench`` and as ``python -m dreambench``: Ctrl-C is one line from the start."""

import gc
import sys


def main() -> None:
    """Run the command line, see ``dreambench.cli.main``; exit with 130 where Ctrl-C comes while it loads."""
    # Loading torch and its neighbors makes objects that stay, and each full collection looks at all of them:
    # an eighth of the time until a run begins. Of its own objects, they are as rare afterwards as before.
    gc.set_threshold(*gc.get_threshold()[:2], 100)
    for stream in (sys.stdout, sys.stderr):
        # An arrow in a table must not end a command where output is ASCII, or a Windows code page in a pipe.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        from dreambench.cli import main as command_line
    except KeyboardInterrupt:
        print("interrupted before it began", file=sys.stderr)
        sys.exit(130)
    command_line()


if __name__ == "__main__":
    main()
