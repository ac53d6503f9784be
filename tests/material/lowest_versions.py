"""Print pyproject.toml's lower bounds as constraints for pip: ``make test-lowest`` installs exactly them."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def lowest_versions() -> list[str]:
    """Return ``NAME==VERSION`` for each requirement of the package and of its extras that are tested.

    The tools of development may be of any version.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return [line.replace(">=", "==") for line in (*project["dependencies"], *extras["ray"], *extras["study"])]


if __name__ == "__main__":
    print("\n".join(lowest_versions()))
