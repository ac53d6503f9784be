"""The signature: one line that fixes a table's protocol, and tells where two tables differ."""

from __future__ import annotations

import pytest

from dreambench.models.weights import with_fingerprints
from dreambench.spec.presets import build_spec
from dreambench.spec.run_spec import RunSpec
from dreambench.spec.signature import (
    cells_digest,
    format_signature,
    parse_signature,
    signature_differences,
    signature_fields,
)
from dreambench.spec.version import SCORING_VERSION

# The form that docs/protocol.md gives
EXAMPLE = (
    "dreambench:0.1|data:dreambooth@4f887af|clip:ViT-B-32/openai|dino:vit_small_patch16_224.dino|tf:r256c224"
    "|pairs:all|clip-t:no-identifier|lpips:alex|n:3000"
)


def paper(*overrides: str, label: str = "dreambooth@4f887af") -> RunSpec:
    """Return paper-sd15 as a run completes it: with the dataset's label and the weights' fingerprints."""
    spec = build_spec("paper-sd15", {"data.label": label}, overrides)
    return spec.model_copy(update={"protocol": with_fingerprints(spec.protocol)})


def line(*overrides: str, n: int = 3000, cells: str = "all", label: str = "dreambooth@4f887af") -> str:
    return format_signature(signature_fields(paper(*overrides, label=label), n, cells))


def test_the_papers_setting_has_the_designs_example_field_by_field():
    ours, example = parse_signature(line()), parse_signature(EXAMPLE)
    version = ours.pop("dreambench")
    example.pop("dreambench")
    assert list(ours.items()) == list(example.items())
    assert version == SCORING_VERSION == "0.1"


def test_formatting_and_parsing_are_each_others_inverse():
    fields = signature_fields(paper("protocol.dino.fingerprint=0123456789ab"), 17, "abcdef01")
    assert parse_signature(format_signature(fields)) == fields
    assert format_signature(parse_signature(EXAMPLE)) == EXAMPLE


def test_a_separator_inside_a_value_does_not_make_a_field():
    fields = signature_fields(paper(label="a|n:9@1"), 4)
    assert parse_signature(format_signature(fields)) == fields
    assert fields["n"] == "4"


def test_two_equal_signatures_do_not_differ():
    assert signature_differences(EXAMPLE, EXAMPLE) == []


def test_differences_name_each_field_with_both_values():
    other = EXAMPLE.replace("r256c224", "r248c224").replace("n:3000", "n:2999")
    assert signature_differences(EXAMPLE, other) == ["tf: r256c224, not r248c224", "n: 3000, not 2999"]


def test_a_field_that_only_one_side_has_is_a_difference():
    partial = EXAMPLE.replace("|n:3000", "|cells:abcdef01|n:3000")
    assert signature_differences(EXAMPLE, partial) == ["cells: None, not abcdef01"]
    assert signature_differences(partial, EXAMPLE) == ["cells: abcdef01, not None"]


@pytest.mark.parametrize(
    ("override", "field"),
    [
        ("protocol.clip.model=ViT-L-14", "clip"),
        ("protocol.clip.weights=laion2b_s34b_b79k", "clip"),
        ("protocol.clip.fingerprint=0123456789ab", "clip"),
        ("protocol.dino.model=vit_base_patch16_224.dino", "dino"),
        ("protocol.dino.fingerprint=0123456789ab", "dino"),
        ("protocol.dino.resize=248", "tf"),
        ("protocol.dino.crop=192", "tf"),
        ("protocol.lpips.net=vgg", "lpips"),
        ("protocol.lpips.fingerprint=0123456789ab", "lpips"),
        ("protocol.caption=identifier", "clip-t"),
    ],
)
def test_a_protocol_that_gives_other_numbers_has_another_signature(override, field):
    assert [text.split(":")[0] for text in signature_differences(line(), line(override))] == [field]


def test_how_the_images_were_made_is_not_part_of_the_protocol():
    assert line("sampler.steps=20", "method.steps=10", "seed=3", "runtime.scoring_batch_size=1") == line()


def test_weights_from_a_file_are_named_by_their_hash_wherever_they_lie(tiny, tmp_path):
    signatures = set()
    for folder in ("here", "there"):
        copy = tmp_path / folder / "dino.safetensors"
        copy.parent.mkdir()
        copy.hardlink_to(tiny["protocol.dino.weights"])
        signatures.add(line("protocol.dino.model=tiny-dino", f"protocol.dino.weights={copy}"))
    assert len(signatures) == 1
    name, digest = parse_signature(signatures.pop())["dino"].split("/sha256-")
    assert name == "tiny-dino"
    assert len(digest) == 8
    int(digest, 16)


def test_a_partial_set_of_cells_has_its_own_signature():
    cells = [("dog", 0, 0), ("dog", 0, 1), ("cat", 24, 3)]
    assert cells_digest(cells) == cells_digest(reversed(cells))
    assert cells_digest(cells) != cells_digest(cells[:2])
    assert cells_digest([("dog", 1, 11)]) != cells_digest([("dog", 11, 1)])
    assert "|cells:abcdef01|n:3" in line(n=3, cells="abcdef01")


def test_another_dataset_has_another_signature():
    assert signature_differences(line(), line(label="mine@0123456")) == [
        "data: dreambooth@4f887af, not mine@0123456"
    ]
    assert signature_differences(line(label="unknown"), line(label="mine@unknown")) != []


def test_a_datasets_folder_may_have_another_name():
    ours, theirs = line(label="mine@0123456"), line(label="photos@0123456")
    assert ours != theirs
    assert signature_differences(ours, theirs) == []
    assert signature_differences(ours, line("protocol.lpips.net=vgg", label="photos@0123456")) == [
        "lpips: alex, not vgg"
    ]
