"""The miniature's tokenizer: CLIP's own byte-pair merges, trimmed to what the captions and identifiers need.

A subset of the merges in their old order tokenizes every kept word as the full list does: at each step the
full list's best merge lies on the word's own path, so it is kept too. Ids still rise with rarity.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from miniature.world import ACCESSORIES, CLASS_NOUNS, COLOR_WORDS, CONTEXTS, PATTERN_WORDS, PROPERTIES

#: Tokens of a text with start and end. The longest caption takes 24.
CONTEXT_LENGTH = 32
#: How many identifiers' tokens (1 to 3 letters) are kept from the rare end of CLIP's list.
RARE = 320
#: How many meaningless four-letter words appear in captions, so that a word without meaning is nothing new.
FILLERS = 128
#: Where CLIP's list is rare enough for fillers, and still more frequent than the identifiers' tokens.
_FILLER_RANKS = (30_000, 43_000)
#: Tokens that nobody wants to see as an identifier.
_UNWANTED = {"ass", "cum", "fag", "fck", "fuk", "hoe", "jap", "kkk", "nig", "sex", "tit", "wtf"}
_START, _END = "<|startoftext|>", "<|endoftext|>"
_PLAIN_WORDS = ("a", "an", "and", "photo", "of", "in", "on", "the", "with", "wearing")


def caption_words() -> list[str]:
    """Return every word that a caption can hold, in lower case and sorted."""
    texts: list[str] = [*_PLAIN_WORDS, *CLASS_NOUNS, *COLOR_WORDS, *PATTERN_WORDS.values()]
    texts += [entry.text or "" for entry in CONTEXTS.values()]
    texts += [entry.text for entry in ACCESSORIES.values()] + list(PROPERTIES.values())
    return sorted({word for text in texts for word in text.lower().split()})


@cache
def _full() -> Any:
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()


def _letters(token: str) -> str:
    """Return the word of an end-of-word token of plain letters, or nothing."""
    word = token.removesuffix("</w>")
    return word if token.endswith("</w>") and word.isascii() and word.isalpha() else ""


@cache
def fillers() -> tuple[str, ...]:
    """Return the filler words: one token each, no caption's words, and too long to be identifiers."""
    known, (low, high) = set(caption_words()), _FILLER_RANKS
    words = [_letters(token) for token, index in _full().encoder.items() if low <= index < high]
    # Real words would come to mean nothing, so fillers are those with few or many vowels.
    odd = [w for w in words if len(w) == 4 and w not in known and sum(c in "aeiouy" for c in w) in (0, 1, 4)]
    picked = np.random.default_rng(7).permutation(len(odd))[:FILLERS]
    return tuple(odd[i] for i in sorted(picked))


@cache
def rare_words() -> tuple[str, ...]:
    """Return the words that are kept for identifiers (``sks`` is one), from the rare end of CLIP's list."""
    known = {*caption_words(), *_UNWANTED}
    ranked = sorted(_full().encoder.items(), key=lambda entry: entry[1], reverse=True)
    words = [word for token, _ in ranked if 1 <= len(word := _letters(token)) <= 3 and word not in known]
    return tuple(words[:RARE])


def _path(word: str, ranks: dict[tuple[str, str], int]) -> set[tuple[str, str]]:
    """Return the merges that make a word's tokens."""
    parts = [*word[:-1], word[-1] + "</w>"]
    used: set[tuple[str, str]] = set()
    while len(parts) > 1:
        best = min(pairwise(parts), key=lambda pair: ranks.get(pair, 1 << 30))
        if best not in ranks:
            break
        used.add(best)
        merged: list[str] = []
        for part in parts:
            if merged and (merged[-1], part) == best:
                merged[-1] += part
            else:
                merged.append(part)
        parts = merged
    return used


@cache
def merges() -> tuple[tuple[str, str], ...]:
    """Return the kept merges in CLIP's order."""
    ranks = _full().bpe_ranks
    used: set[tuple[str, str]] = set()
    for word in (*caption_words(), *fillers(), *rare_words()):
        used |= _path(word, ranks)
    return tuple(sorted(used, key=ranks.__getitem__))


def vocabulary() -> dict[str, int]:
    """Return tokens with their ids: 256 bytes, 256 bytes that end a word, the merges, start and end."""
    from open_clip.tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges())]
    return {token: index for index, token in enumerate([*tokens, _START, _END])}


@cache
def tokenizer() -> Any:
    """Return the miniature's ``CLIPTokenizer``."""
    from transformers import CLIPTokenizer

    return CLIPTokenizer(vocab=vocabulary(), merges=list(merges()), model_max_length=CONTEXT_LENGTH)


def write_open_clip_merges(file: Path) -> None:
    """Write the merges as open_clip's ``SimpleTokenizer`` reads them: gzipped, one a line, after a header."""
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges())]
    file.write_bytes(gzip.compress("\n".join(lines).encode("utf-8"), mtime=0))


def token_ids(texts: Iterable[str]) -> np.ndarray:
    """Return the ids int64 [n, CONTEXT_LENGTH], filled up with the end token as Stable Diffusion's are."""
    encoded = tokenizer()(list(texts), padding="max_length", truncation=True, return_tensors="np")
    ids: np.ndarray = encoded["input_ids"].astype(np.int64)
    return ids


def with_filler(text: str, noun: str, rng: np.random.Generator) -> str:
    """Return the caption with a filler word before its class noun: "a dog" becomes "a brct dog"."""
    words = fillers()
    head, found, tail = text.partition(noun)
    return f"{head}{words[int(rng.integers(len(words)))]} {found}{tail}" if found else text
