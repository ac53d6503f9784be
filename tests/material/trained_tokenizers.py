"""Tokenizers of three families with thousands of tokens, to draw rare ones from."""

from __future__ import annotations

import itertools
import random
import string
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, T5Tokenizer


def _letters(seed: int) -> list[str]:
    """Return all words of three letters in a shuffled order."""
    words = ["".join(letters) for letters in itertools.product(string.ascii_lowercase, repeat=3)]
    random.Random(seed).shuffle(words)
    return words


def byte_level() -> Any:
    """Train a tokenizer like GPT-2's on 3,000 made-up words: a leading space is part of a token."""
    rng = random.Random(0)
    syllables = [a + b for a in "bcdfgklmnprst" for b in "aeiou"]
    words = [
        "".join(rng.choices(syllables, k=rng.randint(1, 3))) + rng.choice(["", "x"]) for _ in range(3000)
    ]
    lines = [" ".join(rng.choices(words, k=20)) for _ in range(500)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=4000, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(lines, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>")


def unigram() -> Any:
    """Make a T5 tokenizer with 11,000 pieces of three letters, every other one at the start of a word."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), ("▁a", -2.0), ("▁dog", -3.0)]
    pieces += [(letter, -9.0) for letter in string.ascii_lowercase]
    words = [word for word in _letters(1)[:11_000] if word != "dog"]
    pieces += [(("▁" if i % 2 else "") + word, -4.0 - i / 2000) for i, word in enumerate(words)]
    return T5Tokenizer(vocab=pieces, extra_ids=100)


def word_level() -> Any:
    """Make a tokenizer with 400 whole words of three letters."""
    vocabulary = {"[UNK]": 0, **{word: i + 1 for i, word in enumerate(_letters(2)[:400])}}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]")
