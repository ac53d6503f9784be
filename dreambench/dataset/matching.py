"""Which official prompt a caption is, whatever identifier stands in it."""

from __future__ import annotations

from dreambench.dataset.dataset import Subject
from dreambench.dataset.prompts import Prompt

_MAX_IDENTIFIER_WORDS = 3


def match_prompt(text: str, subject: Subject, identifier: str | None = None) -> Prompt | None:
    """Return the official prompt of ``subject`` that a caption is, or None.

    "a sks dog in the snow" and "a dog in the snow" are the same prompt of a dog. Case and spacing do not
    count. With ``identifier`` the words before the class noun must be it or nothing; without, up to 3
    arbitrary words are taken as one. Of several readings the one with the fewest identifier words
    counts: "a red dog" is the prompt "red", never a dog called "red".
    """
    words = text.casefold().split()
    noun = subject.class_noun.casefold().split()
    allowed = None if identifier is None else identifier.casefold().split()
    best: tuple[int, Prompt] | None = None
    for prompt in subject.prompts:
        slot = _identifier_words(words, prompt, noun)
        if slot is None or (allowed is not None and slot not in ([], allowed)):
            continue
        if allowed is None and len(slot) > _MAX_IDENTIFIER_WORDS:
            continue
        if best is None or len(slot) < best[0]:
            best = (len(slot), prompt)
    return best[1] if best else None


def _identifier_words(words: list[str], prompt: Prompt, noun: list[str]) -> list[str] | None:
    """Return the words in the identifier's place if the rest is ``prompt`` with this class noun."""
    before, after = prompt.template.casefold().split("{identifier} {class_noun}")
    head, tail = before.split(), noun + after.split()
    end = len(words) - len(tail)
    if end < len(head) or words[: len(head)] != head or words[end:] != tail:
        return None
    return words[len(head) : end]
