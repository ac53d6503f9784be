"""The command, as ``dreambench`` and as ``python -m dreambench``: Ctrl-C is one line from the start."""

import sys


def main() -> None:
    """Run the command line, see ``dreambench.cli.main``; exit with 130 where Ctrl-C comes while it loads."""
    try:
        from dreambench.cli import main as command_line
    except KeyboardInterrupt:
        print("interrupted before it began", file=sys.stderr)
        sys.exit(130)
    command_line()


if __name__ == "__main__":
    main()
