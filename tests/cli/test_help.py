"""Help, the version, and the commands that only show what there is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import yaml
from transformers import CLIPTextModel

from dreambench import __version__
from dreambench.cli import plain_command
from dreambench.methods.identifiers import draw_identifiers, load_tokenizer, token_strengths
from dreambench.spec.presets import build_spec, preset_names
from tests.cli.material import ROOT, Done, in_a_process

HELP_OF_ALL = """
import contextlib, io, sys
from dreambench.cli import main
for words in ("", "run", "score", "report", "check", "plan", "data", "data pull", "identifiers", "presets",
    "study", "study create", "study serve", "study export", "ablate", "claims", "correlate", "gallery"):
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        try:
            main([*words.split(), "--help"])
        except SystemExit as end:
            assert end.code == 0, words
    assert "Usage:" in shown.getvalue(), words
heavy = {"torch", "ray", "diffusers", "transformers", "pandas", "numpy", "scipy", "matplotlib", "uvicorn"}
print(*sorted(heavy & set(sys.modules)))
"""


class TestHelp:
    def test_help_is_shown_without_importing_the_heavy_libraries(self):
        command = [sys.executable, "-c", HELP_OF_ALL]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == ""

    def test_help_as_a_module_names_every_command_on_stdout(self, tmp_path, record_property):
        before = os.times()
        done = in_a_process("--help", cwd=tmp_path)
        after = os.times()
        seconds = sum(after[2:4]) - sum(before[2:4])  # user and system time of children
        record_property("help_cpu_seconds", round(seconds, 3))
        print(f"dreambench --help took {seconds:.2f} s of CPU time")
        assert (done.code, done.err) == (0, "")
        for command in ("run", "score", "report", "check", "plan", "data", "identifiers", "presets"):
            assert f"\n  {command} " in done.out

    def test_no_line_of_the_list_of_commands_is_cut(self, dreambench, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")
        shown = dreambench("--help").out.partition("Run and score:")[2]
        assert len(shown.splitlines()) > 12
        assert "..." not in shown

    @pytest.mark.parametrize("words", ["gallery --images N", "presets NAME|FILE", "run --workers N"])
    def test_an_option_says_what_it_takes(self, dreambench, words):
        command, _, taken = words.partition(" ")
        # typer 0.18 leaves out the brackets of what may be omitted.
        assert re.search(rf" \[?{re.escape(taken)}", dreambench(command, "--help").out)

    def test_every_command_is_under_one_heading(self, dreambench):
        shown = dreambench("--help").out.partition("Run and score:")[2]
        listed = re.findall(r"^  ([a-z]+) ", shown, flags=re.MULTILINE)
        assert sorted(listed) == sorted(plain_command().commands)

    @pytest.mark.parametrize("words", [["data"], ["study"]])
    def test_nor_of_the_commands_below(self, dreambench, monkeypatch, words):
        monkeypatch.setenv("COLUMNS", "80")
        assert "..." not in dreambench(*words, "--help").out.partition("Commands:")[2]

    @pytest.mark.parametrize(
        "words",
        [
            *("run", "score", "report", "check", "plan", "ablate", "claims", "correlate", "gallery"),
            *("data pull", "study create"),
        ],
    )
    def test_values_have_words_and_not_types(self, dreambench, words):
        shown = dreambench(*words.split(), "--help").out
        assert not re.search(r"<(str|int|float|path|list|bool)|\[\[", shown, flags=re.IGNORECASE)

    def test_version(self, dreambench):
        assert dreambench("--version") == Done(0, f"{__version__}\n", "")

    @pytest.mark.parametrize("words", [[], ["data"]])
    def test_a_command_that_is_not_given_is_answered_with_the_help(self, dreambench, words):
        done = dreambench(*words)
        assert done.out.startswith("Usage: ")
        assert (done.code, done.err) == (0, "")


class TestPresets:
    def test_the_list_has_a_line_for_each(self, dreambench):
        done = dreambench("presets")
        assert (done.code, done.err) == (0, "")
        assert [line.split(":")[0] for line in done.out.splitlines()] == preset_names()

    def test_the_list_as_json(self, dreambench):
        described = json.loads(dreambench("presets", "--json").out)
        assert list(described) == preset_names()
        assert "Stable Diffusion" in described["paper-sd15"]

    def test_one_is_shown_resolved(self, dreambench):
        shown = yaml.safe_load(dreambench("presets", "paper-sd15").out)
        assert shown == json.loads(dreambench("presets", "paper-sd15", "--json").out)
        assert shown == build_spec("paper-sd15").model_dump(mode="json")
        assert shown["method"]["learning_rate"] == 5e-6

    def test_what_is_shown_is_a_preset_again(self, dreambench):
        file = Path("mine.yaml")
        file.write_text(dreambench("presets", "paper-sd15").out)
        assert build_spec(str(file)) == build_spec("paper-sd15")


class TestIdentifiers:
    def test_as_json_with_the_ids_of_each(self, dreambench, tiny):
        words = ["--tokenizer", tiny["base"], "--count", "4", "--length", "2", "--seed", "3"]
        done = dreambench("identifiers", *words, "--json")
        assert (done.code, done.err) == (0, "")
        shown = json.loads(done.out)
        tokenizer = load_tokenizer(tiny["base"])
        text_encoder = CLIPTextModel.from_pretrained(f"{tiny['base']}/text_encoder")
        drawn = draw_identifiers(tokenizer, 4, 2, 3, partial(token_strengths, tokenizer, text_encoder))
        assert (shown["seed"], shown["identifiers"], list(shown["ids"])) == (3, drawn, drawn)
        assert all(tokenizer.decode(tokens).strip() == text for text, tokens in shown["ids"].items())
        assert dreambench("identifiers", *words).out.splitlines() == drawn
