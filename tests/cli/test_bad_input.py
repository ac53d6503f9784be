"""Bad input: exit code 2, one line for what is wrong, and nothing written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dreambench.paths import cache_folder
from tests.cli.material import in_a_process, listing, tiny_words
from tests.material import tiny as models

pytestmark = pytest.mark.slow


class TestBadInput:
    def test_an_unknown_option(self, dreambench):
        line = dreambench("run", "--sujbects", "all").only_line
        assert "No such option" in line
        assert "--sujbects" in line

    @pytest.mark.parametrize("words", [["report"], ["score", "--images"], []])
    def test_control_characters_of_a_name_do_not_reach_the_terminal(self, dreambench, words):
        name = "a\x1b[2J\x07\u202e\udc80.html"
        line = dreambench(*words, name).only_line
        assert r"\x1b[2J\x07\u202e\udc80.html" in line
        assert line.isprintable()

    def test_an_unknown_command(self, dreambench):
        assert "No such command 'rnu'" in dreambench("rnu").only_line

    @pytest.mark.parametrize("words", [["study", "create"], ["power"], ["run", "--sed", "1"]])
    def test_the_help_that_is_named_is_that_of_the_command(self, dreambench, words):
        used = " ".join(word for word in words if word.isalpha())
        assert dreambench(*words).only_line.endswith(f" (see dreambench {used} --help)")

    @pytest.mark.parametrize(
        "words", [["run", "--seed", "x"], ["identifiers", "--count", "0"], ["identifiers", "--length", "4"]]
    )
    def test_an_option_with_a_wrong_value(self, dreambench, words):
        assert words[1] in dreambench(*words).only_line

    @pytest.mark.parametrize("command", ["run", "plan"])
    def test_an_unknown_subject(self, dreambench, tiny, command):
        line = dreambench(command, *tiny_words(tiny), "--subjects", "dog,dgo2").only_line
        assert "subject 'dgo2'" in line
        assert "did you mean 'dog2'?" in line

    @pytest.mark.parametrize("command", ["run", "plan"])
    @pytest.mark.parametrize("prompts", ["25", "4-0", "first", "", "1,1"])
    def test_a_wrong_selection_of_prompts(self, dreambench, tiny, command, prompts):
        line = dreambench(command, *tiny_words(tiny), "--prompts", prompts).only_line
        assert f"prompts {prompts!r}" in line

    @pytest.mark.parametrize("command", ["run", "plan", "score"])
    def test_a_typo_in_set(self, dreambench, command):
        line = dreambench(command, "--preset", "paper-sd15", "--set", "sampler.step=2").only_line
        assert line == "dreambench: field sampler.step is unknown; did you mean 'sampler.steps'?"

    @pytest.mark.parametrize("command", ["run", "plan", "score", "presets"])
    def test_an_unknown_preset(self, dreambench, command):
        words = [command, "paper-sd51"] if command == "presets" else [command, "--preset", "paper-sd51"]
        assert "did you mean 'paper-sd15'?" in dreambench(*words).only_line

    @pytest.mark.parametrize("metrics", ["fid", "dino,clip", "", ","])
    def test_an_unknown_metric_or_none(self, dreambench, tiny, metrics):
        assert "metrics" in dreambench("plan", *tiny_words(tiny), "--metrics", metrics).only_line

    def test_an_unknown_method(self, dreambench, tiny):
        line = dreambench("run", *tiny_words(tiny), "--method", "dreamboth").only_line
        assert "did you mean 'dreambooth'?" in line

    @pytest.mark.parametrize("base", ["./nowhere", "owner/no-such-model"])
    def test_a_missing_base_model(self, dreambench, tiny, base):
        assert base in dreambench("run", *tiny_words(tiny, base=base)).only_line

    def test_missing_data(self, dreambench, tiny):
        line = dreambench("run", *tiny_words(tiny, data="nowhere")).only_line
        assert line == (
            "dreambench: the dataset folder nowhere does not exist; name a folder with `--data FOLDER`"
        )

    def test_no_data_at_all_says_how_to_get_it(self, dreambench, tiny):
        words = ["--preset", "paper-sd15", *models.options(tiny)]
        assert "`dreambench data pull`" in dreambench("run", *words).only_line

    def test_missing_weights(self, dreambench, tiny):
        missing = {"protocol.dino.weights": "nowhere.safetensors"}
        assert "nowhere.safetensors" in dreambench("run", *tiny_words(tiny, **missing)).only_line

    def test_a_preset_that_was_not_given_takes_no_second_line(self, dreambench, tiny):
        words = tiny_words(tiny, base="./nowhere")[2:]
        assert "./nowhere" in dreambench("run", *words).only_line

    def test_no_images_to_score(self, dreambench):
        assert "--images FOLDER or --manifest" in dreambench("score", "--preset", "paper-sd15").only_line

    def test_a_folder_without_a_run_to_report(self, dreambench):
        assert "nowhere" in dreambench("report", "nowhere").only_line

    def test_an_unknown_tokenizer(self, dreambench):
        assert "nowhere" in dreambench("identifiers", "--tokenizer", "nowhere").only_line

    def test_in_a_process_of_its_own_the_libraries_add_nothing_to_the_one_line(self, tiny, tmp_path):
        done = in_a_process("run", *tiny_words(tiny, base="owner/no-such-model"), cwd=tmp_path)
        assert "owner/no-such-model" in done.only_line
        assert listing(tmp_path).keys() == {str(tmp_path)}

    @pytest.mark.parametrize("unbuffered", ["", "1"])
    @pytest.mark.parametrize("word", ["presets", "metrics", "--version"])
    def test_a_full_disk_behind_the_output_is_named(self, monkeypatch, word, unbuffered):
        monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
        command = [sys.executable, "-m", "dreambench", word]
        with open("/dev/full", "w") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 2
        assert done.stderr.startswith("dreambench: the standard output: no space left on device")
        assert done.stderr.count("\n") == 1

    def test_nothing_is_written_when_a_piece_is_missing(self, dreambench, tiny):
        for changes in (
            {"base": "./nowhere"},
            {"data": "nowhere"},
            {"protocol.clip.weights": "nowhere.safetensors"},
        ):
            assert dreambench("run", *tiny_words(tiny, **changes)).code == 2
        assert list(Path.cwd().iterdir()) == []
        assert not cache_folder().exists()


class TestDebug:
    @pytest.mark.parametrize("place", ["before", "after"])
    def test_debug_shows_the_traceback_above_the_line(self, dreambench, place):
        words = ["presets", "paper-sd51"]
        done = dreambench(*(["--debug", *words] if place == "before" else [*words, "--debug"]))
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("Traceback (most recent call last):")
        assert done.err.splitlines()[-1] == dreambench(*words).only_line

    def test_debug_changes_nothing_else(self, dreambench):
        assert dreambench("presets", "--debug") == dreambench("presets")
