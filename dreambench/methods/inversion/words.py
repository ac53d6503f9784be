"""New words for a frozen text encoder: their embeddings are parameters, the encoder's own are not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class LearnedTokens:
    """``vectors`` new tokens beside a frozen text encoder's own.

    ``embeddings`` [k, d] are the one thing that can be trained; each starts as the mean of the tokens
    ``start`` (the class noun's). ``tokenizer`` is changed: it learns the new tokens, spelled as diffusers
    spells them (``<word>``, ``<word>_1``, ...).
    """

    def __init__(
        self, text_encoder: Any, tokenizer: Any, placeholder: str, start: Sequence[int], vectors: int
    ) -> None:
        self.text_encoder, self.tokenizer = text_encoder, tokenizer
        self.table: nn.Embedding = text_encoder.get_input_embeddings()
        self.names = [placeholder, *(f"{placeholder}_{index}" for index in range(1, vectors))]
        tokenizer.add_tokens(self.names)
        self.first = int(tokenizer.convert_tokens_to_ids(placeholder))
        begin = self.table.weight[list(start)].detach().mean(0, keepdim=True)
        self.embeddings = nn.Parameter(begin.repeat(vectors, 1).clone())

    def spelled(self, template: str) -> str:
        """Return a caption with the new tokens in its place."""
        return template.format(" ".join(self.names))

    def states(self, tokens: Tensor) -> Tensor:
        """Return the encoder's states [n, t, d] of ids [n, t] that may hold new tokens."""
        known = tokens < self.first
        places = (tokens - self.first).clamp(0, len(self.embeddings) - 1)

        def put(module: nn.Module, arguments: Any, output: Tensor) -> Tensor:
            return torch.where(known[..., None], output, self.embeddings[places].to(output.dtype))

        handle = self.table.register_forward_hook(put)
        try:
            states: Tensor = self.text_encoder(torch.where(known, tokens, 0))[0]
        finally:
            handle.remove()
        return states
