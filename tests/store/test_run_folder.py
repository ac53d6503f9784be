"""A run folder: its log, resuming it, and what is refused and left alone."""

from __future__ import annotations

import json
import os

import pytest

from dreambench.errors import DreambenchError
from dreambench.store import RunFolder, locked_run, open_run
from dreambench.store.files import commit_images
from dreambench.store.opening import readable_runs
from tests.store.material import everything, picture, pictures, record


class TestRunFolder:
    def test_run_json_is_written_first_and_has_the_status(self, tmp_path):
        with locked_run(tmp_path / "run", record()) as run:
            present = open_run(tmp_path / "run").record
            assert (present.status, present.spec) == ("started", record().spec)
            assert present.created
            run.save_record("failed", error="disk failed")
        failed = open_run(tmp_path / "run").record
        assert (failed.status, failed.error) == ("failed", "disk failed")

    def test_a_file_in_the_run_is_named_relative_to_it_and_another_one_by_its_whole_path(self, tmp_path):
        run = RunFolder(tmp_path / "run", record())
        inside, outside = run.image_file("dog", 3, 1), tmp_path / "photos" / ".." / "mine.png"
        assert run.relative(inside) == "images/dog/03-1.png"
        assert run.relative(outside) == str(tmp_path / "mine.png")
        assert [run.resolve(run.relative(file)) for file in (inside, outside)] == [
            inside,
            tmp_path / "mine.png",
        ]

    def test_the_same_command_resumes_where_it_was(self, tmp_path):
        with locked_run(tmp_path, record()) as run:
            commit_images(pictures(tmp_path / "images" / "dog"))
            run.save_record("failed", error="disk failed", created="2001-01-01T00:00:00+00:00")
        with locked_run(tmp_path, record()) as run:
            assert run.record.created == "2001-01-01T00:00:00+00:00"
            assert (open_run(tmp_path).record.status, open_run(tmp_path).record.error) == ("started", None)
        assert len(list((tmp_path / "images" / "dog").iterdir())) == 4

    @pytest.mark.parametrize("name", ["run.json", ".run.json"])
    def test_a_log_that_is_a_pipe_is_not_waited_for(self, tmp_path, name):
        with locked_run(tmp_path, record()):
            pass
        (tmp_path / "run.json").unlink()
        (tmp_path / name).unlink(missing_ok=True)
        os.mkfifo(tmp_path / name)
        with (
            pytest.raises(DreambenchError, match=rf"{name} is a pipe or a device"),
            locked_run(tmp_path, record()),
        ):
            raise AssertionError("it was resumed")

    def test_a_subjects_files_that_are_pipes_are_not_waited_for(self, tmp_path):
        run = RunFolder(tmp_path, record())
        for file in (run.subject_file("dog"), run.loss_file("dog")):
            file.parent.mkdir()
            os.mkfifo(file)
        assert run.subject_note("dog") is None
        with pytest.raises(DreambenchError, match=r"dog-loss\.csv is a pipe or a device"):
            run.losses("dog")

    @pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
    def test_a_loss_log_that_is_not_a_file_has_changed(self, tmp_path, make):
        run = RunFolder(tmp_path, record())
        run.save_subject("dog", {"losses_sha256": "0" * 64})
        run.loss_file("dog").parent.mkdir()
        make(run.loss_file("dog"))
        assert run.losses_changed("dog")

    def test_a_note_that_is_nested_too_deeply_counts_as_none(self, tmp_path):
        run = RunFolder(tmp_path, record())
        run.subject_file("dog").parent.mkdir()
        run.subject_file("dog").write_text("[" * 100_000, encoding="utf-8")
        assert run.subject_note("dog") is None

    def test_a_run_that_was_killed_in_a_commit_is_repaired_when_it_resumes(self, tmp_path):
        folder = tmp_path / "images" / "dog"
        with locked_run(tmp_path, record()):
            commit_images(pictures(folder))
        (folder / ".ready-04-0").mkdir()
        picture(4).save(folder / ".ready-04-0" / "04-0.png")
        (folder / "..ready-08-0.0123abcd.tmp").mkdir()
        picture(8).save(folder / "..ready-08-0.0123abcd.tmp" / "08-0.png")
        with locked_run(tmp_path, record()):
            assert everything(folder) == {file.name for file in pictures(folder, 5)}

    def test_what_killed_writers_left_behind_is_removed_and_nothing_else(self, tmp_path):
        with locked_run(tmp_path, record()):
            pass
        before = everything(tmp_path)
        leftover = tmp_path / "work" / ".dog.0123abcd.tmp"
        (leftover / "unet" / ".config.json.4567cdef.tmp").mkdir(parents=True)
        (leftover / "unet" / "model.safetensors").write_text("half")
        (tmp_path / ".run.json.89abcdef.tmp").write_text('{"half":')
        (tmp_path / "scores").mkdir()
        (tmp_path / "scores" / ".images.parquet.0123abcd.tmp").write_text("half")
        (tmp_path / "scores" / "images.parquet").write_text("whole")
        with locked_run(tmp_path, record()):
            pass
        assert everything(tmp_path) == before | {"work", "scores", "scores/images.parquet"}

    @pytest.mark.parametrize("left", [[], [".lock"], [".lock", ".run.json.0123abcd.tmp"], [".DS_Store"]])
    def test_a_run_killed_before_its_first_file_was_whole_resumes(self, tmp_path, left):
        for name in left:
            (tmp_path / name).write_text("")
        with locked_run(tmp_path, record()):
            assert open_run(tmp_path).record.status == "started"

    @pytest.mark.parametrize("name", ["thesis.tex", ".gitignore", "thesis.tmp"])
    def test_a_folder_of_other_things_is_refused_and_left_alone(self, tmp_path, name):
        (tmp_path / name).write_text("dear")
        with pytest.raises(DreambenchError, match="is not empty and contains no run; give another --out"):
            locked_run(tmp_path, record()).__enter__()
        assert everything(tmp_path) - {".lock"} == {name}

    @pytest.mark.parametrize("place", ["file", "file/below"])
    def test_an_out_that_is_a_file_or_below_one_is_reported(self, tmp_path, place):
        (tmp_path / "file").write_text("mine")
        with pytest.raises(DreambenchError, match=f"{tmp_path / 'file'}"):
            locked_run(tmp_path / place, record()).__enter__()
        assert (tmp_path / "file").read_text() == "mine"

    @pytest.mark.parametrize(
        "content", ["", "{", "[]", '{"schema_version": 1}', '{"schema_version": 0}', "\x00\x00"]
    )
    def test_a_damaged_run_json_is_refused_and_kept(self, tmp_path, content):
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(
            DreambenchError, match=r"run\.json cannot be read as a run's log \(.+\); give another --out"
        ):
            locked_run(tmp_path, record()).__enter__()
        assert (tmp_path / "run.json").read_text() == content

    def test_a_method_of_a_package_that_is_not_installed_is_named(self, tmp_path):
        with locked_run(tmp_path, record()):
            pass
        log = json.loads((tmp_path / "run.json").read_text())
        log["spec"]["method"] = {"name": "from-elsewhere", "rank": 4}
        (tmp_path / "run.json").write_text(json.dumps(log))
        with pytest.raises(
            DreambenchError, match=r"run.json: method 'from-elsewhere' is .* install the package"
        ):
            open_run(tmp_path)

    def test_a_field_that_run_json_should_not_have_is_refused(self, tmp_path):
        with locked_run(tmp_path, record()):
            pass
        content = json.loads((tmp_path / "run.json").read_text())
        (tmp_path / "run.json").write_text(json.dumps({**content, "mood": "good"}))
        with pytest.raises(DreambenchError, match="cannot be read as a run's log"):
            open_run(tmp_path)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (
                {"schema_version": 2},
                r"written by a newer dreambench \(its schema_version is 2\); update dreambench",
            ),
            ({"mood": "good"}, r"cannot be read as a run's log \(mood: Extra inputs are not permitted\); "),
        ],
    )
    def test_a_log_of_another_version_is_not_replaced_by_its_copy(self, tmp_path, change, said):
        with locked_run(tmp_path, record()):
            pass
        content = json.dumps({**json.loads((tmp_path / "run.json").read_text()), **change})
        (tmp_path / "run.json").write_text(content)
        with pytest.raises(DreambenchError, match=said):
            locked_run(tmp_path, record()).__enter__()
        with pytest.raises(DreambenchError, match=said) as refused:
            open_run(tmp_path)
        assert "--out" not in str(refused.value)
        assert (tmp_path / "run.json").read_text() == content
        assert readable_runs([tmp_path]) == []

    @pytest.mark.parametrize("place", ["nowhere", "file"])
    def test_reading_a_folder_without_a_run_is_reported(self, tmp_path, place):
        (tmp_path / "file").write_text("mine")
        with pytest.raises(DreambenchError, match=r"contains no run \(no run\.json\)"):
            open_run(tmp_path / place)

    def test_a_run_of_another_spec_is_refused_naming_the_fields(self, tmp_path):
        with locked_run(tmp_path, record()):
            pass
        before = (tmp_path / "run.json").read_bytes()
        with pytest.raises(DreambenchError) as caught:
            locked_run(tmp_path, record("sampler.steps=20", "seed=3")).__enter__()
        assert "another spec (asked for sampler.steps: 20, not 50, seed: 3, not 0); give another" in str(
            caught.value
        )
        assert (tmp_path / "run.json").read_bytes() == before

    @pytest.mark.parametrize("change", ["prompts=0-2", "images_per_prompt=9", "subjects=[dog]"])
    def test_the_same_run_grown_or_narrowed_goes_on(self, tmp_path, change):
        with locked_run(tmp_path, record()):
            pass
        with locked_run(tmp_path, record(change)) as run:
            assert run.record.key == record(change).key
        with locked_run(tmp_path, record()):
            assert open_run(tmp_path).record.spec.prompts == "all"

    def test_many_differing_fields_stay_one_short_line(self, tmp_path):
        with locked_run(tmp_path, record()):
            pass
        overrides = ["seed=2", "method.steps=2", "sampler.steps=2", "image_size=64", "training_photos=2"]
        with pytest.raises(DreambenchError, match="and 2 more") as caught:
            locked_run(tmp_path, record(*overrides)).__enter__()
        assert "\n" not in str(caught.value)

    def test_the_same_images_by_another_protocol_or_on_another_device_are_the_same_run(self, tmp_path):
        with locked_run(tmp_path, record()):
            pass
        with locked_run(tmp_path, record("protocol.dino.resize=248", "runtime.device=cpu")):
            assert open_run(tmp_path).record.spec.protocol.dino.resize == 248

    def test_a_folder_of_scores_is_not_resumed_by_a_run_or_for_other_images(self, tmp_path):
        with locked_run(tmp_path, record(kind="score", source="/images/a")):
            pass
        with pytest.raises(DreambenchError, match="kind: run, not score"):
            locked_run(tmp_path, record()).__enter__()
        with pytest.raises(DreambenchError, match="images: /images/b, not /images/a"):
            locked_run(tmp_path, record(kind="score", source="/images/b")).__enter__()

    def test_a_failure_inside_gives_the_lock_back(self, tmp_path):
        with pytest.raises(ValueError, match="fault"), locked_run(tmp_path, record()):
            raise ValueError("fault")
        with locked_run(tmp_path, record()):
            pass
