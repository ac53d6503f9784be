"""The commands from the outside: exit codes, one line for what is wrong, nothing on stdout but results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tiny as models
import yaml

from dreambench import __version__
from dreambench.class_images import class_image_set
from dreambench.cli import main
from dreambench.identifiers import draw_identifiers, load_tokenizer
from dreambench.models.base import open_base
from dreambench.presets import build_spec, preset_names
from dreambench.resources import cache_folder

ROOT = Path(__file__).resolve().parents[1]
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


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def only_line(self) -> str:
        """The one line of a refusal: exit code 2, one line on stderr, nothing on stdout."""
        assert (self.code, self.out) == (2, "")
        assert self.err.endswith("\n")
        assert self.err.count("\n") == 1, self.err
        return self.err.rstrip("\n")


@pytest.fixture
def dreambench(capsys, monkeypatch, tmp_path) -> Callable[..., Done]:
    """Run a command in this process, in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def run(*words: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run


def in_a_process(*words: str, cwd: Path) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "dreambench", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def tiny_words(tiny: dict[str, str], **changes: str) -> list[str]:
    """Return the options that select the tiny models and their data, some of them changed."""
    settings = {**tiny, **changes}
    return ["--preset", "paper-sd15", "--data", settings["data"], *models.options(settings)]


def listing(*folders: Path) -> dict[str, int]:
    """Return every file and folder below some folders with its time of change."""
    return {str(path): path.stat().st_mtime_ns for top in folders for path in (top, *top.rglob("*"))}


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

    def test_version(self, dreambench):
        assert dreambench("--version") == Done(0, f"{__version__}\n", "")

    @pytest.mark.parametrize("words", [[], ["data"]])
    def test_a_command_that_is_not_given_is_answered_with_the_help(self, dreambench, words):
        done = dreambench(*words)
        assert done.out.startswith("Usage: ")
        assert (done.code, done.err) == (0, "")


class TestBadInput:
    def test_an_unknown_option(self, dreambench):
        assert "No such option: --sujbects" in dreambench("run", "--sujbects", "all").only_line

    def test_an_unknown_command(self, dreambench):
        assert "No such command 'rnu'" in dreambench("rnu").only_line

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
        assert line == "dreambench: field sampler.step is unknown; did you mean sampler.steps?"

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
        drawn = draw_identifiers(tokenizer, 4, 2, 3)
        assert (shown["seed"], shown["identifiers"], list(shown["ids"])) == (3, drawn, drawn)
        assert all(tokenizer.decode(tokens).strip() == text for text, tokens in shown["ids"].items())
        assert dreambench("identifiers", *words).out.splitlines() == drawn


class TestPlan:
    def plan(self, dreambench: Callable[..., Done], *words: str) -> dict[str, Any]:
        done = dreambench("plan", *words, "--json")
        assert (done.code, done.err) == (0, "")
        return json.loads(done.out)

    def test_the_whole_benchmark_is_counted_exactly(self, dreambench, tiny):
        plan = self.plan(dreambench, *tiny_words(tiny))
        counts = {
            "preset": "paper-sd15",
            "method": "dreambooth",
            "base": tiny["base"],
            "subjects": 30,
            "prompts": 25,
            "images": 3000,
            "prior_images": 0,
            "training_steps": 30_000,
            "class_image_sets": 15,
            "class_images": 15_000,
            "class_images_present": 0,
            "missing": [],
        }
        assert {name: plan[name] for name in counts} == counts

    def test_the_official_photos_are_the_same_plan(self, dreambench, tiny, official):
        drawn = self.plan(dreambench, *tiny_words(tiny))
        assert self.plan(dreambench, *tiny_words(tiny, data=str(official))) == drawn
        assert self.plan(dreambench, *tiny_words(tiny, data=str(official.parent))) == drawn

    def test_a_part_of_it_is_counted_exactly(self, dreambench, tiny):
        words = ["--subjects", "dog,dog2,vase", "--prompts", "0-4,7", "--images-per-prompt", "2"]
        words += ["--set", "method.steps=7", "--set", "method.class_images=10", "--metrics", "dino,pres"]
        plan = self.plan(dreambench, *tiny_words(tiny), *words)
        assert (plan["subjects"], plan["prompts"], plan["images"]) == (3, 6, 3 * 6 * 2)
        assert (plan["training_steps"], plan["prior_images"]) == (3 * 7, 3 * 16)
        assert (plan["class_image_sets"], plan["class_images"]) == (2, 20)

    def test_without_prior_preservation_there_are_no_class_images(self, dreambench, tiny):
        plan = self.plan(dreambench, *tiny_words(tiny), "--set", "method.prior_preservation=false")
        assert (plan["class_image_sets"], plan["class_images"], plan["disk_class_images"]) == (0, 0, 0)

    def test_class_images_that_are_there_are_counted(self, dreambench, tiny):
        words = [*tiny_words(tiny), "--set", "method.class_images=5"]
        spec = build_spec("paper-sd15", {"image_size": 64}, ["method.class_images=5"])
        named = class_image_set(
            cache_folder(), open_base(spec.base.model_copy(update={"model": tiny["base"]})).fingerprint,
            "dog", spec.method.class_sampler, 5, 64,
        )  # fmt: skip
        named.folder.mkdir(parents=True)
        for file in named.images[:3]:
            file.write_bytes(b"an image")
        assert self.plan(dreambench, *words)["class_images_present"] == 3

    def test_the_disk_for_weights_is_that_of_one_subject_or_of_all_checkpoints(self, dreambench, tiny):
        folder = Path(tiny["base"])
        size = {
            c: sum(f.stat().st_size for f in (folder / c).glob("*.safetensors"))
            for c in ("unet", "text_encoder")
        }
        words = tiny_words(tiny)
        assert self.plan(dreambench, *words)["disk_peak"] == sum(size.values())
        assert self.plan(dreambench, *words, "--keep-checkpoints")["disk_peak"] == 30 * sum(size.values())
        frozen = self.plan(dreambench, *words, "--set", "method.train_text_encoder=false")
        assert frozen["disk_peak"] == size["unet"]

    def test_every_missing_piece_is_listed(self, dreambench, tiny):
        absent = {
            "base": "owner/no-such-model",
            "data": "no-photos",
            "protocol.clip.weights": "no-clip.safetensors",
            "protocol.dino.weights": "no-dino.safetensors",
            "protocol.lpips.weights": "no-lpips.safetensors",
        }
        missing = self.plan(dreambench, *tiny_words(tiny, **absent))["missing"]
        for piece in absent.values():
            assert sum(piece in line for line in missing) == 1, missing
        assert len(missing) == len(absent)
        assert not any("\n" in line for line in missing)

    @pytest.mark.parametrize("piece", ["base", "data", "protocol.clip.weights"])
    def test_one_missing_piece_is_the_only_line(self, dreambench, tiny, piece):
        value = "owner/absent" if piece == "base" else "absent.safetensors"
        [line] = self.plan(dreambench, *tiny_words(tiny, **{piece: value}))["missing"]
        assert value in line

    def test_metrics_that_are_not_wanted_need_no_weights(self, dreambench, tiny):
        absent = {
            "protocol.clip.weights": "no-clip.safetensors",
            "protocol.lpips.weights": "no-lpips.safetensors",
        }
        plan = self.plan(dreambench, *tiny_words(tiny, **absent), "--metrics", "dino")
        assert plan["missing"] == []

    def test_a_base_folder_that_does_not_exist_is_not_said_to_be_downloaded(self, dreambench, tiny):
        [line] = self.plan(dreambench, *tiny_words(tiny, base="./nowhere"))["missing"]
        assert "nowhere is neither a folder nor a hub id" in line
        assert "will be downloaded" not in line

    def test_the_text_says_what_the_json_says(self, dreambench, tiny):
        text = dreambench("plan", *tiny_words(tiny)).out
        for words in ("3,000 to generate", "30,000 steps", "15,000 in 15 sets", "missing         nothing"):
            assert words in text

    def test_nothing_is_written(self, dreambench, tiny, tmp_path):
        folders = (tmp_path, Path(tiny["base"]), Path(tiny["data"]))
        before = listing(*folders)
        self.plan(dreambench, *tiny_words(tiny))
        assert listing(*folders) == before

    def test_in_a_process_of_its_own_stdout_is_one_json_object_and_stderr_empty(self, tiny, tmp_path):
        done = in_a_process("plan", *tiny_words(tiny), "--json", cwd=tmp_path)
        assert (done.code, done.err) == (0, "")
        assert json.loads(done.out)["images"] == 3000
