"""A protocol is data: named, or a file, chosen apart from the preset."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreambench.errors import DreambenchError
from dreambench.literature.published import differences_from_protocol
from dreambench.spec.presets import build_spec, protocol_spec
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.protocols import protocol_card, protocol_label, protocol_names
from dreambench.spec.signature import protocol_fields, signature_fields


def test_the_presets_name_their_protocol() -> None:
    assert {"mini", "paper"} <= set(protocol_names())
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
        ("dino: {reszie: 8}\n", "field protocol.dino.reszie is unknown; did you mean 'protocol.dino.resize'"),
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


NAMED = (
    "kosmos-g",
    "uno",
    "uno-multi",
    "dreambench++",
    "dreambench++-judge",
    "imagenhub",
    "customconcept101",
    "peft-image-gen",
)


@pytest.mark.parametrize("name", NAMED)
def test_a_named_protocol_cites_the_script_that_it_restates(name: str) -> None:
    card = protocol_card(name)
    assert card.restates is not None
    assert card.restates.repository.count("/") == 1
    assert card.restates.path.endswith(".py")
    assert card.description
    assert card.notes


def test_every_named_protocol_has_a_signature_of_its_own() -> None:
    names = [*NAMED, "paper"]
    assert len({tuple(protocol_fields(protocol_spec(name)).items()) for name in names}) == len(names)


def test_the_listed_photos_are_photos_of_the_dataset() -> None:
    from dreambench.dataset import load_dataset
    from dreambench.paths import located

    photos = {
        s.name: {p.path.stem for p in s.photos} for s in load_dataset(located("builtin:mini/photos")).subjects
    }
    for name in ("kosmos-g", "uno", "uno-multi"):
        listed = protocol_spec(name).input_photos
        assert listed.keys() == photos.keys()
        assert all(photo in photos[subject] for subject, photo in listed.items())


def test_a_shape_has_the_encoders_of_another_protocol() -> None:
    own, mini, shape = (protocol_spec(n) for n in ("kosmos-g", "mini", "kosmos-g@mini"))
    assert (shape.clip, shape.dino) == (mini.clip, mini.dino)
    assert (shape.references, shape.scale, shape.images) == (own.references, own.scale, own.images)
    assert shape.metrics == own.metrics


def test_a_metric_that_the_encoders_cannot_answer_gives_way_to_dino() -> None:
    assert protocol_spec("peft-image-gen@mini").metrics == ("dino",)
    shape = protocol_spec("dreambench++@mini")
    assert shape.metrics == ("dino", "clip_i", "clip_t")
    assert set(shape.scale) == {"dino", "clip_i", "clip_t"}


def test_a_shape_of_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(DreambenchError, match="protocol 'papper' is neither known"):
        protocol_spec("kosmos-g@papper")


@pytest.mark.parametrize(
    ("asked", "label"), [("uno", "uno"), ("uno@mini", "uno@mini"), ("folder/mine.yaml", "mine")]
)
def test_a_protocol_has_a_name_in_tables(asked: str, label: str) -> None:
    assert protocol_label(asked) == label


@pytest.mark.parametrize(
    ("field", "label"),
    [
        ({}, "all"),
        ({"references": "listed"}, "listed@first"),
        ({"references": "paired"}, "paired"),
        ({"leave_input_out": True}, "all@first/input-out"),
        ({"references": "listed", "input_photos": {"dog": "02"}}, "listed@19964f3c"),
    ],
)
def test_the_signature_names_the_references(field: dict[str, object], label: str) -> None:
    assert protocol_fields(ProtocolSpec(**field))["pairs"] == label


def test_the_signature_names_the_pairs_of_subjects_in_any_order() -> None:
    one, other = (("cat", "dog"), ("can", "vase")), (("can", "vase"), ("cat", "dog"))
    label = protocol_fields(ProtocolSpec(subject_pairs=one))["subjects"]
    assert label.startswith("pairs@")
    assert protocol_fields(ProtocolSpec(subject_pairs=other))["subjects"] == label
    turned = ProtocolSpec(subject_pairs=(("dog", "cat"), ("can", "vase")))  # other prompts
    assert protocol_fields(turned)["subjects"] != label
    assert "subjects" not in protocol_fields(ProtocolSpec())
    assert differences_from_protocol("subjects:pairs@0", "uno")[-1] == "subjects: pairs@0, not None"


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ("[[cat, cat]]", r"subject_pairs: cat\+cat is one subject twice"),
        ("[[cat, dog], [can, vase], [cat, dog]]", r"subject_pairs: cat\+dog is listed twice"),
        ("[[cat]]", "subject_pairs.0.1 is missing"),
    ],
)
def test_a_pair_is_two_subjects_and_is_listed_once(pairs: str, message: str) -> None:
    with pytest.raises(DreambenchError, match=message):
        build_spec("mini", overrides=[f"protocol.subject_pairs={pairs}"])


def test_the_signature_of_leaving_out_training_photos_says_how_many() -> None:
    asked = ["protocol.leave_input_out=true", "training_photos=3"]
    spec = build_spec("mini", overrides=asked)
    assert signature_fields(spec, 1)["pairs"] == "all@first-3/input-out"
