"""The rare-token lookup: identifiers without a meaning to the text encoder (paper, section 3.2)."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from dreambench.errors import DreambenchError
from dreambench.models.base_folder import read_index
from dreambench.models.families.family import class_named, family_of
from dreambench.models.hub import commit_of
from dreambench.models.load_module import load_module
from dreambench.paths import data_folder, located
from dreambench.spec.run_spec import IdentifierSpec

_T5_RANGE = (5_000, 10_000)
_RARE_SHARE = 0.25
_WEAK_SHARE = 0.25
_CONSONANTS = "bcdfghjklmnpqrstvwxz"
_MOST_DRAWS = 10_000
#: Nouns of different kinds among the benchmark's classes, so that no token is weak beside one of them only.
NOUNS = ("dog", "backpack", "candle")
_BATCH = 256
_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "spiece.model", "tokenizer.model")


def rare_tokens(tokenizer: Any) -> list[int]:
    """Return the ids of a Hugging Face tokenizer's rare tokens of 1 to 3 Unicode characters, in id order.

    For T5 the ids are 5,000 to 10,000, as in the paper. In a byte-pair vocabulary (CLIP's, GPT-2's) ids
    rise with rarity, because merges are listed from frequent to rare: there the rarest quarter is used. In
    CLIP's only tokens that end a word (``</w>``) count. All are ASCII letters, so that no two of them merge.
    """
    pieces = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    specials = set(tokenizer.all_special_ids)
    ends_words = any(str(piece).endswith("</w>") for piece in pieces)
    first, last = _rare_range(tokenizer, len(pieces))
    rare = []
    for token in range(first, last):
        piece = str(pieces[token])
        # A piece is its text and at most a marker of its position in a word: long pieces need no decoding.
        if token in specials or len(piece) > 7 or (ends_words and not piece.endswith("</w>")):
            continue
        text = tokenizer.decode([token]).strip()
        if 1 <= len(text) <= 3 and text.isascii() and text.isalpha():
            rare.append(token)
    return rare


def _rare_range(tokenizer: Any, size: int) -> tuple[int, int]:
    if "t5" in type(tokenizer).__name__.lower() and size > _T5_RANGE[1]:
        return _T5_RANGE
    return int(size * (1 - _RARE_SHARE)), size


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _count_within(tokenizer: Any, text: str) -> int:
    """Return a word's tokens in a sentence: GPT-2's family has another token for it after a space."""
    return len(_ids(tokenizer, f"a {text} dog")) - len(_ids(tokenizer, "a dog"))


def _different(draw: Callable[[], str | None], count: int) -> list[str]:
    """Return the first ``count`` different texts that ``draw`` returns, or as many as there are."""
    found: dict[str, None] = {}
    for _ in range(_MOST_DRAWS):
        if len(found) == count:
            break
        if (text := draw()) is not None:
            found.setdefault(text)
    return list(found)


@cache
def _acronyms() -> frozenset[str]:
    lines = (data_folder() / "acronyms.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def draw_identifiers(
    tokenizer: Any,
    count: int,
    length: int = 1,
    seed: int = 0,
    strengths: Callable[[Sequence[int]], Mapping[int, float]] | None = None,
) -> list[str]:
    """Draw ``count`` different identifiers of ``length`` (1 to 3) rare tokens each, reproducibly.

    Every identifier tokenizes to exactly the tokens that were drawn, and none contains an acronym or a word
    of ``data/acronyms.txt``: rare in a vocabulary is not free of meaning. ``strengths`` (such as
    ``token_strengths`` of a text encoder) says how much each token does to a sentence: with it, the draw is
    among the weakest quarter. Raises DreambenchError if the vocabulary has too few rare tokens.
    """
    candidates = rare_tokens(tokenizer)
    if strengths is not None:
        by_token = strengths(candidates)
        weakest = sorted(candidates, key=lambda token: (by_token[token], token))
        candidates = sorted(weakest[: max(1, round(_WEAK_SHARE * len(weakest)))])
    rng = random.Random(seed)

    def draw() -> str | None:
        tokens = [candidates[int(rng.random() * len(candidates))] for _ in range(length)]
        if any(tokenizer.decode([token]).strip().lower() in _acronyms() for token in tokens):
            return None  # not left out beforehand: one more acronym in the list changes no other draw
        text = str(tokenizer.decode(tokens).strip())
        return text if _ids(tokenizer, text) == tokens and _count_within(tokenizer, text) == length else None

    found = _different(draw, count) if candidates else []
    if len(found) < count:
        raise DreambenchError(
            f"the tokenizer gave {len(found)} identifiers of {length} rare tokens, not {count}",
            "ask for fewer, or for more tokens each; for a run, set identifier.text",
        )
    return found


def draw_consonants(tokenizer: Any, count: int, seed: int = 0) -> list[str]:
    """Draw ``count`` different identifiers of three consonants each, reproducibly: for language models.

    Their vocabularies know each short string of letters, and rare tokens in them are words of other scripts.
    So the word is one that the vocabulary does not know: it has two tokens or more, alone and in a sentence,
    it cannot be spoken, and it is not in ``data/acronyms.txt``. (The paper draws tokens of T5, section 3.2;
    this rule is ours.) Raises DreambenchError if the vocabulary has a token for nearly every string.
    """
    rng = random.Random(seed)

    def draw() -> str | None:
        text = "".join(_CONSONANTS[int(rng.random() * len(_CONSONANTS))] for _ in range(3))
        fewest = min(len(_ids(tokenizer, text)), _count_within(tokenizer, text))
        return text if fewest > 1 and text not in _acronyms() else None

    found = _different(draw, count)
    if len(found) < count:
        raise DreambenchError(
            f"the tokenizer left {len(found)} identifiers of three consonants, not {count}",
            "set identifier.text",
        )
    return found


def token_strengths(
    tokenizer: Any, text_encoder: Any, tokens: Sequence[int], nouns: Sequence[str] = NOUNS
) -> dict[int, float]:
    """Return each token's strength: how far ``a [V] [noun]`` lies from ``a [noun]``, a mean over nouns.

    The distance is 1 - cosine of the text encoder's pooled outputs, from 0 (the sentence means the same
    without the token) to 2. ``text_encoder`` is a transformers model whose attention is causal (CLIP's),
    so that the padding after a sentence changes nothing and is left out; it runs where it is.
    """
    import torch

    device = next(text_encoder.parameters()).device
    total = torch.zeros(len(tokens), dtype=torch.float64)
    with torch.inference_mode():
        for noun in nouns:
            start, article, *rest = tokenizer(f"a {noun}")["input_ids"]
            bare = _pooled(text_encoder, torch.tensor([[start, article, *rest]], device=device))
            for first in range(0, len(tokens), _BATCH):
                chunk = tokens[first : first + _BATCH]
                rows = torch.tensor([[start, article, token, *rest] for token in chunk], device=device)
                # To the CPU first: a Mac's GPU has no float64.
                cosine = torch.cosine_similarity(_pooled(text_encoder, rows), bare).cpu()
                total[first : first + len(chunk)] += 1 - cosine.double()
    # Rounded, so that the order does not hang on the last bit of one machine's arithmetic.
    return {token: round(float(value), 4) for token, value in zip(tokens, total / len(nouns), strict=True)}


def _pooled(text_encoder: Any, rows: Any) -> Any:
    output = text_encoder(input_ids=rows)
    # Text encoders with a projection (Stable Diffusion 3) return what is projected.
    pooled = output.text_embeds if hasattr(output, "text_embeds") else output.pooler_output
    return pooled.float()


def load_tokenizer(name: str) -> Any:
    """Load a Hugging Face tokenizer by hub id or folder (a tokenizer's own, or a pipeline's).

    Raises DreambenchError if it neither exists here nor can be downloaded, or a folder contains none.
    """
    remedy = "give --tokenizer FOLDER, such as the base model's folder"
    folder = located(name)
    if (folder / "tokenizer").is_dir():
        folder = folder / "tokenizer"
    if folder.is_dir() and not any((folder / file).is_file() for file in _VOCABULARIES):
        raise DreambenchError(f"{folder} contains no tokenizer (no {_VOCABULARIES[0]})", remedy)
    from transformers import AutoTokenizer, CLIPTokenizer

    try:
        if not folder.is_dir():
            commit_of(name, "tokenizer_config.json")
            return AutoTokenizer.from_pretrained(name)
        has_class = any((folder / file).is_file() for file in ("config.json", "tokenizer_config.json"))
        return (AutoTokenizer if has_class else CLIPTokenizer).from_pretrained(folder)
    except Exception as error:
        what = "cannot be read" if folder.is_dir() else "does not exist here and could not be downloaded"
        raise DreambenchError(f"tokenizer {name} {what}", remedy) from error


def choose_identifier(
    tokenizer: Any, spec: IdentifierSpec, text_encoder: Callable[[], Any] | None = None
) -> str:
    """Return the run's identifier: the given text, or the first one of the seeded lookup.

    The lookup draws among the tokens that do least to the base model's text encoder, where that is CLIP's;
    ``text_encoder`` is called only for it. Without one (a language model has no pooled state of a caption)
    it is made of consonants.
    """
    if given := spec.text or spec.drawn:
        return given
    if text_encoder is None:
        return draw_consonants(tokenizer, 1, spec.seed)[0]
    strengths = partial(token_strengths, tokenizer, text_encoder())
    return draw_identifiers(tokenizer, 1, spec.length, spec.seed, strengths)[0]


def draw_for(name: str, tokenizer: Any, count: int, length: int, seed: int) -> list[str]:
    """Draw identifiers for a tokenizer, or, where ``name`` is a pipeline's folder, as a run of it would."""
    folder = located(name)
    if not (folder / "model_index.json").is_file():
        return draw_identifiers(tokenizer, count, length, seed)
    family = family_of(str(read_index(folder)["_class_name"]), str(folder / "model_index.json"))
    if not family.clip_text:
        return draw_consonants(tokenizer, count, seed)
    encoder = load_module(class_named(family.weighted["text_encoder"]), folder / "text_encoder")
    strengths = partial(token_strengths, tokenizer, encoder)
    return draw_identifiers(tokenizer, count, length, seed, strengths)
