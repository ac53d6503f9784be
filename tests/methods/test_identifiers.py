"""The rare-token lookup on real tokenizers of every family: CLIP's, byte-level BPE, unigram, word level."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import CLIPTextModel, PreTrainedTokenizerFast

from dreambench.errors import DreambenchError
from dreambench.methods import identifiers
from dreambench.methods.identifiers import (
    _acronyms,
    choose_identifier,
    draw_consonants,
    draw_for,
    draw_identifiers,
    load_tokenizer,
    rare_tokens,
    token_strengths,
)
from dreambench.models.base_model import open_base
from dreambench.spec.run_spec import BaseSpec, IdentifierSpec
from tests.material.tiny import CLIP_TOKENS, build_pipeline
from tests.material.tiny_families import build_family
from tests.material.tiny_tokenizers import build_qwen
from tests.material.trained_tokenizers import byte_level, unigram, word_level

CLIP_FIRST_RARE = 37056  # the rarest quarter starts at 3/4 of the vocabulary
FAMILIES = ("clip", "byte-level", "unigram", "word-level")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pipeline with all of CLIP's vocabulary."""
    return build_pipeline(tmp_path_factory.mktemp("pipeline"), tokens=CLIP_TOKENS)


@pytest.fixture(scope="module")
def clip(pipeline: Path) -> Any:
    return load_tokenizer(str(pipeline))


@pytest.fixture(scope="module", params=FAMILIES)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    if request.param == "clip":
        return request.getfixturevalue("clip")
    return {"byte-level": byte_level, "unigram": unigram, "word-level": word_level}[request.param]()


def ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("length", [1, 2, 3])
class TestEveryFamily:
    def test_an_identifier_tokenizes_to_the_rare_tokens_that_were_drawn(self, tokenizer, length):
        rare = set(rare_tokens(tokenizer))
        drawn = draw_identifiers(tokenizer, 20, length, seed=5)
        assert len(set(drawn)) == 20
        for text in drawn:
            tokens = ids(tokenizer, text)
            assert len(tokens) == length
            assert set(tokens) <= rare
            assert tokenizer.decode(tokens).strip() == text

    def test_an_identifier_is_as_many_tokens_in_a_caption_as_alone(self, tokenizer, length):
        frame = len(ids(tokenizer, "a dog"))
        for text in draw_identifiers(tokenizer, 20, length, seed=5):
            assert len(ids(tokenizer, f"a {text} dog")) == frame + length, text

    def test_the_draw_depends_on_the_seed_only(self, tokenizer, length):
        first = draw_identifiers(tokenizer, 5, length, seed=1)
        assert draw_identifiers(tokenizer, 5, length, seed=1) == first
        assert draw_identifiers(tokenizer, 3, length, seed=1) == first[:3]
        assert draw_identifiers(tokenizer, 5, length, seed=2) != first


def test_more_identifiers_than_exist_are_a_one_line_error(tokenizer):
    wanted = len(rare_tokens(tokenizer)) + 1
    with pytest.raises(DreambenchError, match=rf"of 1 rare tokens, not {wanted}; ask for fewer"):
        draw_identifiers(tokenizer, wanted, 1)


def test_rare_tokens_are_short_letters_and_never_specials(tokenizer):
    rare = rare_tokens(tokenizer)
    assert rare == sorted(set(rare))
    assert not set(rare) & set(tokenizer.all_special_ids)
    for token in rare:
        text = tokenizer.decode([token]).strip()
        assert 1 <= len(text) <= 3
        assert text.isascii()
        assert text.isalpha()


def test_clips_rare_tokens_end_words_and_come_from_the_rare_end(clip):
    rare = rare_tokens(clip)
    assert len(clip) == CLIP_TOKENS
    assert min(rare) >= CLIP_FIRST_RARE
    assert all(piece.endswith("</w>") for piece in clip.convert_ids_to_tokens(rare))


def test_the_communitys_sks_is_one_of_clips_rare_tokens(clip):
    assert clip.convert_tokens_to_ids("sks</w>") == 48136
    assert 48136 in rare_tokens(clip)


@pytest.mark.parametrize("word", ["dog", "cat", "the", "red", "boy", "art"])
def test_common_words_are_not_rare(clip, word):
    [token] = ids(clip, word)
    assert token not in rare_tokens(clip)


def test_in_a_caption_an_identifier_is_the_very_tokens_that_were_drawn(clip):
    for length in (1, 2, 3):
        for text in draw_identifiers(clip, 20, length):
            a, *inside, dog = ids(clip, f"a {text} dog")
            assert inside == ids(clip, text)
            assert [a, dog] == ids(clip, "a dog")


def test_t5_takes_the_papers_range_of_ids():
    rare = rare_tokens(unigram())
    assert min(rare) == 5_000
    assert max(rare) == 9_999


@pytest.mark.parametrize("word", ["pkk", "lsd", "bpm", "fez", "nba"])
def test_words_with_a_meaning_are_not_drawn(word):
    assert word in _acronyms()


def test_an_acronym_is_passed_over_and_the_others_stay(clip, monkeypatch):
    before = draw_identifiers(clip, 20, 1, seed=0)
    known = _acronyms()
    monkeypatch.setattr(identifiers, "_acronyms", lambda: known | {before[3]})
    assert draw_identifiers(clip, 19, 1, seed=0) == [*before[:3], *before[4:]]


def test_every_rare_token_can_be_drawn(clip):
    usable = {
        text
        for token in rare_tokens(clip)
        for text in [clip.decode([token]).strip()]
        if ids(clip, text) == [token] and text not in _acronyms()
    }
    assert set(draw_identifiers(clip, len(usable), 1, seed=3)) == usable


def test_a_vocabulary_without_rare_tokens_is_a_one_line_error():
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "1": 1, "...": 2, "überall": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    with pytest.raises(DreambenchError, match=r"gave 0 identifiers .* set identifier\.text"):
        draw_identifiers(PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]"), 1)


def test_a_run_draws_the_first_identifier_of_its_seed_or_takes_the_given_text(clip, pipeline):
    encoder = CLIPTextModel.from_pretrained(pipeline / "text_encoder").eval()
    drawn = draw_identifiers(clip, 3, 2, 9, partial(token_strengths, clip, encoder))
    assert choose_identifier(clip, IdentifierSpec(length=2, seed=9), lambda: encoder) == drawn[0]
    for given in (IdentifierSpec(text="my own words", length=2), IdentifierSpec(drawn="my own words")):
        assert choose_identifier(clip, given, lambda: pytest.fail("loaded for nothing")) == "my own words"


def test_the_strength_of_a_token_is_how_far_it_moves_the_sentence(clip, pipeline):
    encoder = CLIPTextModel.from_pretrained(pipeline / "text_encoder").eval()
    tokens = rare_tokens(clip)[:5]
    strengths = token_strengths(clip, encoder, tokens, nouns=["dog", "robot toy"])
    for token in tokens:
        word, distances = clip.decode([token]).strip(), []
        for noun in ("dog", "robot toy"):
            # In the plain way: with the padding that the pipeline gives its prompts.
            texts = [f"a {word} {noun}", f"a {noun}"]
            rows = clip(texts, padding="max_length", max_length=77, return_tensors="pt")
            with torch.no_grad():
                moved, bare = encoder(**rows).pooler_output.double()
            distances.append(1 - float(moved @ bare / (moved.norm() * bare.norm())))
        assert strengths[token] == pytest.approx(sum(distances) / 2, abs=1e-4)


def test_identifiers_are_drawn_among_the_weakest_quarter(clip):
    tokens = rare_tokens(clip)
    weak = set(tokens[10 : 10 + round(len(tokens) / 4)])
    drawn = draw_identifiers(clip, 40, 1, 5, lambda asked: {t: float(t not in weak) for t in asked})
    assert {clip.convert_tokens_to_ids(f"{text}</w>") for text in drawn} <= weak
    assert len(set(drawn)) == 40


class TestLoading:
    def test_a_pipelines_folder_and_its_tokenizers_folder_are_the_same(self, pipeline, clip):
        inner = load_tokenizer(f"{pipeline}/tokenizer")
        assert ids(inner, "a sks dog") == ids(clip, "a sks dog") == [320, 48136, 1929]

    def test_clips_vocabulary_and_merges_are_enough(self, pipeline, tmp_path):
        for name in ("vocab.json", "merges.txt"):
            shutil.copy(pipeline / "tokenizer" / name, tmp_path)
        assert ids(load_tokenizer(str(tmp_path)), "a sks dog") == [320, 48136, 1929]

    def test_a_saved_tokenizer_of_any_family_is_loaded_as_what_it_is(self, tokenizer, tmp_path):
        tokenizer.save_pretrained(tmp_path)
        loaded = load_tokenizer(str(tmp_path))
        assert len(loaded) == len(tokenizer)
        assert draw_identifiers(loaded, 5, 2) == draw_identifiers(tokenizer, 5, 2)

    @pytest.mark.parametrize("name", ["no/such/folder", "owner/no-such-tokenizer", "./nowhere"])
    def test_a_missing_tokenizer_is_a_one_line_error(self, name):
        with pytest.raises(
            DreambenchError, match=f"tokenizer {name} does not exist here .*; give --tokenizer FOLDER"
        ):
            load_tokenizer(name)

    def test_an_empty_folder_is_a_one_line_error(self, tmp_path):
        with pytest.raises(DreambenchError, match=f"^{tmp_path} contains no tokenizer .*--tokenizer FOLDER"):
            load_tokenizer(str(tmp_path))
        (tmp_path / "tokenizer.json").write_text("{")
        with pytest.raises(DreambenchError, match=f"^tokenizer {tmp_path} cannot be read; "):
            load_tokenizer(str(tmp_path))


def test_a_language_model_gets_consonants_that_it_has_no_token_for():
    tokenizer = build_qwen()
    drawn = draw_consonants(tokenizer, 20, seed=3)
    assert drawn == draw_consonants(tokenizer, 20, seed=3) != draw_consonants(tokenizer, 20, seed=4)
    assert len(set(drawn)) == 20
    for text in drawn:
        assert len(text) == 3
        assert not set(text) & set("aeiouy")
        assert len(tokenizer(text, add_special_tokens=False)["input_ids"]) > 1
    assert choose_identifier(tokenizer, IdentifierSpec(seed=3)) == drawn[0]


@pytest.mark.parametrize("family", ["flux2-klein", "sd3"])
def test_a_pipelines_folder_draws_as_a_run_of_its_family(family, tmp_path):
    folder = build_family(family, tmp_path / family)
    tokenizer = load_tokenizer(str(folder))
    base = open_base(BaseSpec(model=str(folder)))
    encoder = partial(base.frozen, "text_encoder") if base.family.clip_text else None
    drawn = draw_for(str(folder), tokenizer, 3, 1, 0)
    assert len(set(drawn)) == 3
    assert drawn[0] == choose_identifier(base.tokenizer, IdentifierSpec(), encoder)
