"""A subject that another run finished by the same settings is reused; anything else is made again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dreambench.cli import main
from dreambench.store import open_run

pytestmark = pytest.mark.slow

SMALL = ("method.steps=2", "method.class_images=2", "method.class_sampler.steps=1", "sampler.steps=1")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def call(tiny, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run a dreambench command line with the tiny models; return stdout and stderr."""
    from tests.material import tiny as models

    monkeypatch.setenv("DREAMBENCH_CACHE", str(cache))

    def called(*words: object) -> tuple[str, str]:
        settings = [word for s in SMALL for word in ("--set", s)]
        options = ["--preset", "paper-sd15", "--data", tiny["data"], *models.options(tiny), *settings]
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in (*words, *options)])
        shown = capsys.readouterr()
        assert end.value.code == 0, shown.err
        return shown.out, shown.err

    return called


def png_bytes(run: Path) -> dict[str, bytes]:
    return {str(f.relative_to(run)): f.read_bytes() for f in sorted(run.rglob("images/**/*.png"))}


def test_an_ablation_takes_over_what_a_run_has_finished(call, tmp_path: Path) -> None:
    asked = ("--prompts", "0,1", "--images-per-prompt", "2", "--metrics", "dino,clip_i,clip_t")
    call("run", "--subjects", "dog,teapot", *asked, "--out", tmp_path / "ours")
    call("run", "--subjects", "dog", *asked, "--seed", "1", "--out", tmp_path / "other-seed")
    ablation = ("ablate", "class-noun", "--subjects", "dog,clock", *asked)
    _, told = call(*ablation, "--out", tmp_path / "ablation")
    assert "correct (1 subjects reused)" in told
    assert "wrong (" not in told

    taken = open_run(tmp_path / "ablation" / "correct")
    assert taken.subject_note("dog")["from"] == str((tmp_path / "ours").resolve())
    assert "from" not in taken.subject_note("clock")
    assert taken.losses("dog").equals(open_run(tmp_path / "ours").losses("dog"))
    ours = {k: v for k, v in png_bytes(tmp_path / "ours").items() if "/dog/" in k}
    assert ours == {k: v for k, v in png_bytes(taken.path).items() if "/dog/" in k}

    # Made alone, where nothing can be reused, the ablation has the same images and tables.
    lone = tmp_path / "alone" / "deeper" / "ablation"
    out, told = call(*ablation, "--out", lone, "--json")
    assert "reused" not in told
    assert png_bytes(lone) == png_bytes(tmp_path / "ablation")
    assert json.loads(out) == json.loads((tmp_path / "ablation" / "ablation.json").read_text())


@pytest.mark.parametrize(
    ("there", "elsewhere"),
    [('"dreambench": "', '"dreambench": "0.0.'), ('"device": "cpu, float32"', '"device": "cpu, bfloat16"')],
)
def test_images_of_another_version_or_precision_are_not_taken_over(
    call, tmp_path: Path, there: str, elsewhere: str
) -> None:
    asked = ("--subjects", "dog", "--prompts", "0", "--images-per-prompt", "2", "--metrics", "dino")
    call("run", *asked, "--out", tmp_path / "ours")
    log = tmp_path / "ours" / "run.json"
    assert there in log.read_text()
    log.write_text(log.read_text().replace(there, elsewhere))
    _, told = call("ablate", "prior-preservation", *asked, "--out", tmp_path / "ablation")
    assert "reused" not in told


def test_a_subject_without_images_for_pres_is_made_again(call, tmp_path: Path) -> None:
    asked = ("--subjects", "dog", "--prompts", "0", "--images-per-prompt", "2")
    call("run", *asked, "--metrics", "dino", "--out", tmp_path / "ours")
    pres = ("--metrics", "dino,pres", "--set", "protocol.prior_images=2")
    _, told = call("ablate", "prior-preservation", *asked, *pres, "--out", tmp_path / "ablation")
    assert "reused" not in told
    assert open_run(tmp_path / "ablation" / "with").scores("prior")["pres"].notna().all()
