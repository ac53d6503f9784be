"""Each method has values of its own, whoever registered it."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from dreambench.errors import DreambenchError
from dreambench.spec.method_options import MethodOptions
from dreambench.spec.presets import build_spec
from dreambench.spec.registries import METHODS
from tests.spec.material import error_of


@pytest.fixture
def _second_method(monkeypatch):
    """A second method, as another package would register it."""

    class Counter:
        class Options(MethodOptions):
            name: str = "counter"
            steps: int = 3
            warmth: int = 1

    monkeypatch.setitem(METHODS._classes, "counter", Counter)  # afterwards it is unknown again


@pytest.mark.parametrize("how", ["option", "set", "set-name"])
def test_an_unknown_method_names_the_nearest(how):
    line = {
        "option": lambda: error_of(method="dreamboth"),
        "set": lambda: error_of("method=dreamboth"),
        "set-name": lambda: error_of("method.name=dreamboth"),
    }[how]()
    assert "method 'dreamboth' is unknown" in line
    assert "did you mean 'dreambooth'?" in line


@pytest.mark.usefixtures("_second_method")
class TestAnotherMethod:
    """The preset's values for one method are not those of another."""

    def preset(self, folder: Path) -> str:
        file = folder / "two.yaml"
        file.write_text(
            "base: {model: a/b}\nmethod: dreambooth\n"
            "methods: {dreambooth: {steps: 7, learning_rate: 1e-4}, counter: {warmth: 9}}\n"
        )
        return str(file)

    def test_each_method_takes_its_own_values(self, tmp_path):
        preset = self.preset(tmp_path)
        ours = build_spec(preset).method
        assert (ours.name, ours.steps, ours.learning_rate) == ("dreambooth", 7, 1e-4)
        theirs = build_spec(preset, {"method": "counter"}).method
        assert theirs.model_dump() == {"name": "counter", "steps": 3, "warmth": 9}

    @pytest.mark.parametrize("word", ["method=counter", "method.name=counter"])
    def test_set_chooses_a_method_like_the_option(self, tmp_path, word):
        preset = self.preset(tmp_path)
        assert build_spec(preset, {}, [word]) == build_spec(preset, {"method": "counter"})

    def test_set_is_checked_against_the_chosen_method(self, tmp_path):
        preset = self.preset(tmp_path)
        assert (
            build_spec(preset, {"method": "counter"}, ["method.warmth=4"]).method.model_dump()["warmth"] == 4
        )
        line = error_of("method.learning_rate=1", preset=preset, method="counter")
        assert line.startswith("field method.learning_rate is unknown")

    def test_values_written_under_method_belong_to_that_method_alone(self, tmp_path):
        file = tmp_path / "inline.yaml"
        file.write_text(
            "base: {model: a/b}\nmethod: {name: dreambooth, steps: 5}\n"
            "methods: {dreambooth: {steps: 7, batch_size: 2}}\n"
        )
        ours = build_spec(str(file)).method
        assert (ours.steps, ours.batch_size) == (5, 2)
        assert build_spec(str(file), {"method": "counter"}).method.steps == 3


def test_methods_of_the_same_name_from_two_packages_are_refused():
    METHODS.get("dreambooth")
    foreign = type("DreamBooth", (), {"__module__": "another.package"})
    with pytest.raises(DreambenchError, match="two methods are called 'dreambooth'"):
        METHODS.add("dreambooth", foreign)


def test_a_package_that_cannot_be_imported_is_named(monkeypatch):
    broken = EntryPoint("broken", "no_such_package:Method", "dreambench.methods")
    monkeypatch.setattr(METHODS, "_entries", {"broken": broken})
    with pytest.raises(
        DreambenchError, match=r"method 'broken' cannot be imported from no_such_package:Method"
    ):
        METHODS.get("broken")
