"""A protocol is data: named, or a file, chosen apart from the preset."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreambench.errors import DreambenchError
from dreambench.spec.presets import build_spec, protocol_names, protocol_spec
from dreambench.spec.run_spec import ProtocolSpec


def test_the_presets_name_their_protocol() -> None:
    assert protocol_names() == ["mini", "paper"]
    assert build_spec("mini").protocol == protocol_spec("mini")
    assert build_spec("paper-sd15").protocol == protocol_spec("paper")


def test_the_papers_protocol_is_the_default_and_the_file_says_all_of_it() -> None:
    assert protocol_spec("paper") == ProtocolSpec()


def test_another_protocol_changes_the_scores_and_not_the_images() -> None:
    here, there = build_spec("mini"), build_spec("mini", {"protocol": "paper"})
    assert there.protocol == protocol_spec("paper")
    assert (here.images_key, here.key == there.key) == (there.images_key, False)


def test_set_changes_a_field_of_the_chosen_protocol() -> None:
    spec = build_spec("mini", {"protocol": "paper"}, ["protocol.dino.resize=248"])
    assert (spec.protocol.dino.resize, spec.protocol.dino.crop) == (248, 224)
    assert build_spec("mini", {}, ["protocol=paper"]).protocol == protocol_spec("paper")


def test_a_file_is_a_protocol(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("description: mine\nmetrics: [clip_t]\ncaption: identifier\n")
    spec = protocol_spec(str(file))
    assert (spec.metrics, spec.caption) == (("clip_t",), "identifier")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metrics: [dnio]\n", "metric 'dnio' is unknown; did you mean 'dino'"),
        ("dino: {reszie: 8}\n", "field protocol.dino.reszie is unknown; did you mean protocol.dino.resize"),
        ("- dino\n", "contains no protocol"),
        ("a: [\n", "is not valid YAML"),
        ("encoders: {eva: {weights: a}}\n", "no installed metric has the encoder eva"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(DreambenchError, match=message):
        protocol_spec(str(file))


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(DreambenchError, match=r"protocol 'papper' is neither .* did you mean 'paper'"):
        protocol_spec("papper")
