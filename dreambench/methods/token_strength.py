"""How much a token does to a sentence, by a text encoder: a weak one has the weakest meaning of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: Nouns of different kinds among the benchmark's classes, so that no token is weak beside one of them only.
NOUNS = ("dog", "backpack", "candle")
_BATCH = 256


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
                cosine = torch.cosine_similarity(_pooled(text_encoder, rows), bare).double()
                total[first : first + len(chunk)] += 1 - cosine.cpu()
    # Rounded, so that the order does not hang on the last bit of one machine's arithmetic.
    return {token: round(float(value), 4) for token, value in zip(tokens, total / len(nouns), strict=True)}


def _pooled(text_encoder: Any, rows: Any) -> Any:
    output = text_encoder(input_ids=rows)
    # Text encoders with a projection (Stable Diffusion 3) return what is projected.
    pooled = output.text_embeds if hasattr(output, "text_embeds") else output.pooler_output
    return pooled.float()
