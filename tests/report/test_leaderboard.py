"""The leaderboard: one table per signature, no ranking across, published rows where they compare."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreambench.analysis.run_scores import read_run_scores
from dreambench.errors import DreambenchError
from dreambench.literature.published import differences_from_paper
from dreambench.literature.reported import beside
from dreambench.report.leaderboard import found_runs, make_boards, write_leaderboard
from dreambench.spec.presets import build_spec
from dreambench.spec.signature import format_signature, signature_fields
from tests.analysis.material import image_row, make_run, make_spec


def run(path: Path, dino: float, **changes: object):
    rows = [image_row(s, p, i, (dino, 0.8, 0.3)) for s in ("ant", "bee") for p in (0, 1) for i in (0, 1)]
    return make_run(path, rows, spec=make_spec(**changes))


def whole(protocol: str) -> str:
    """Return the signature of the whole benchmark by a named protocol."""
    spec = build_spec("paper-sd15", {"data.label": "dreambooth@4f887af", "protocol": protocol})
    return format_signature(signature_fields(spec, 3000))


def test_runs_of_one_signature_stand_in_one_table_the_best_first(tmp_path):
    scored = read_run_scores([run(tmp_path / "a", 0.5), run(tmp_path / "b", 0.6)])
    (board,) = make_boards(scored)
    assert [row.name for row in board.rows] == ["b", "a"]
    assert board.metrics[0] == "dino"
    assert board.rows[0].cells[0].text == "0.600"


def test_runs_that_differ_in_their_seed_only_are_one_row_as_in_a_report(tmp_path):
    runs = [run(tmp_path / f"s{seed}", dino, seed=seed) for seed, dino in enumerate((0.5, 0.6))]
    (board,) = make_boards(read_run_scores([*runs, run(tmp_path / "other", 0.7, image_size=64)]))
    assert [row.cells[0].text for row in board.rows] == ["0.700", "0.550"]
    assert "mean of seeds 0, 1" in board.rows[1].name


def test_a_metric_where_lower_is_better_ranks_the_lowest_first(tmp_path):
    from dreambench.spec.protocol_spec import ProtocolSpec

    only = ProtocolSpec(metrics=("dreamsim",))
    folders = []
    for name, distance in (("a", 0.5), ("b", 0.3), ("c", None)):
        rows = [image_row(s, 0, 0, (0.5, 0.5, 0.3), dreamsim=distance) for s in ("ant", "bee")]
        folders.append(make_run(tmp_path / name, rows, spec=make_spec(protocol=only)))
    (board,) = [each for each in make_boards(read_run_scores(folders)) if len(each.rows) > 1]
    assert board.metrics == ("dreamsim",)
    assert [row.name for row in board.rows] == ["b", "a"]


def test_other_signatures_are_other_tables(tmp_path):
    from dreambench.spec.protocol_spec import ClipSpec, ProtocolSpec

    other = ProtocolSpec(metrics=("dino", "clip_i", "clip_t"), clip=ClipSpec(model="ViT-L-14"))
    scored = read_run_scores(
        [run(tmp_path / "a", 0.5), run(tmp_path / "b", 0.4), run(tmp_path / "c", 0.9, protocol=other)]
    )
    boards = make_boards(scored)
    assert [[row.name for row in board.rows] for board in boards] == [["a", "b"], ["c"]]
    assert boards[0].signature != boards[1].signature


def test_the_page_is_one_file_without_requests(tmp_path):
    run(tmp_path / "runs" / "<b>a", 0.5)
    page = write_leaderboard([tmp_path / "runs"], tmp_path / "out")
    text = page.read_text()
    assert "&lt;b&gt;a" in text
    assert "default-src 'none'" in text
    assert 'data-sort="number"' in text
    assert "its protocol is not stated" in text


def test_a_folder_whose_name_has_a_dot_is_a_folder(tmp_path):
    run(tmp_path / "runs" / "a", 0.5)
    assert write_leaderboard([tmp_path / "runs"], tmp_path / "v0.2") == tmp_path / "v0.2" / "index.html"
    assert write_leaderboard([tmp_path / "runs"], tmp_path / "b.HTML") == tmp_path / "b.HTML"


def test_only_a_leaderboard_is_overwritten(tmp_path):
    run(tmp_path / "runs" / "a", 0.5)
    for _ in range(2):
        write_leaderboard([tmp_path / "runs"], tmp_path / "out")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "index.html").write_text("mine")
    with pytest.raises(DreambenchError, match="own is not empty and contains no leaderboard; give another"):
        write_leaderboard([tmp_path / "runs"], tmp_path / "own")
    assert (tmp_path / "own" / "index.html").read_text() == "mine"
    with pytest.raises(DreambenchError, match="contains a run"):
        write_leaderboard([tmp_path / "runs"], tmp_path / "runs" / "a")


def test_folders_are_searched_two_levels_deep(tmp_path):
    run(tmp_path / "x" / "a", 0.5)
    run(tmp_path / "y" / "z" / "b", 0.5)
    assert len(found_runs([tmp_path / "x", tmp_path / "y"])) == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(DreambenchError, match="empty contains no run"):
        found_runs([tmp_path / "empty"])


@pytest.mark.parametrize(("protocol", "count"), [("paper", 3), ("uno", 6), ("kosmos-g", 2)])
def test_published_results_stand_beside_scores_by_their_protocol(protocol: str, count: int):
    comparable, apart = beside(whole(protocol))
    assert len(comparable) == count
    assert {each.protocol for each in comparable} == {protocol}
    reasons = {each.reason for each in apart}
    assert "its protocol is not stated" in reasons
    assert len(comparable) + len(apart) == 34


def test_scores_by_one_more_metric_are_still_by_the_protocol():
    one_more = whole("paper").replace("|n:3000", "|dinov2:vit_base_patch14_dinov2|n:3000")
    scaled = one_more.replace("|n:3000", "|scale:dinov2*100|clipped:dinov2|n:3000")
    assert beside(one_more) == beside(scaled) == beside(whole("paper"))
    assert differences_from_paper(scaled) == []
    both = scaled.replace("scale:", "scale:dino*100,")
    assert differences_from_paper(both) == ["scale: dino*100, not None"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: s.replace("dreambooth@4f887af", "mine@1234567"), "other photos"),
        (lambda s: s.replace("|n:3000", "|preset:mini|n:3000"), "the miniature's"),
        (lambda s: s.replace("|n:3000", "|cells:abcdef01|n:4"), "a part of the benchmark"),
        (lambda s: s.replace("ViT-B-32/openai", "ViT-L-14/openai"), "protocol paper: clip differ"),
    ],
)
def test_each_reason_not_to_compare_is_named(change, reason):
    comparable, apart = beside(change(whole("paper")))
    assert comparable == []
    assert any(reason in each.reason for each in apart)
