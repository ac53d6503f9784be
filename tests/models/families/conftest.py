"""A tiny pipeline of each family, built once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dreambench.models.base_model import BaseModel, open_base
from dreambench.spec.run_spec import BaseSpec
from tests.material.tiny_families import BUILDERS, build_family


@pytest.fixture(scope="session")
def family_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that returns the folder of a family's tiny pipeline."""
    built: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in built:
            built[name] = build_family(name, tmp_path_factory.mktemp(name))
        return built[name]

    return folder


@pytest.fixture(params=sorted(BUILDERS))
def base(request: pytest.FixtureRequest, family_folder: Callable[[str], Path]) -> BaseModel:
    """The base model of one family after the other."""
    opened = open_base(BaseSpec(model=str(family_folder(request.param))))
    assert opened.family.name == request.param
    return opened
