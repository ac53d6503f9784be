"""New tokens of a frozen text encoder, whose embeddings are learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


class LearnedTokens:
    """``vectors`` new tokens for a frozen text encoder.

    ``embeddings`` [k, d] are the only trainable parameters; each starts as the mean of the embeddings of the
    token ids ``start`` (the class noun's). The new tokens are added to ``tokenizer``, spelled as diffusers
    spells them (``<word>``, ``<word>_1``, ...).
    """

    def __init__(
        self, text_encoder: Any, tokenizer: Any, placeholder: str, start: Sequence[int], vectors: int
    ) -> None:
        from torch import nn

        self.text_encoder, self.tokenizer = text_encoder, tokenizer
        self.table: nn.Embedding = text_encoder.get_input_embeddings()
        self.names = [placeholder, *(f"{placeholder}_{index}" for index in range(1, vectors))]
        tokenizer.add_tokens(self.names)
        self.first = int(tokenizer.convert_tokens_to_ids(placeholder))
        mean = self.table.weight[list(start)].detach().mean(0, keepdim=True)
        self.embeddings = nn.Parameter(mean.repeat(vectors, 1).clone())

    def spelled(self, template: str) -> str:
        """Return a caption: ``template`` with the new tokens for its ``{}``."""
        return template.replace("{}", " ".join(self.names))

    def outputs(self, tokens: Tensor) -> Any:
        """Return the encoder's output, hidden states included, of ids [n, t], new tokens among them."""
        import torch

        known = tokens < self.first
        rows = (tokens - self.first).clamp(0, len(self.embeddings) - 1)

        def replace_rows(module: nn.Module, arguments: Any, output: Tensor) -> Tensor:
            return torch.where(known[..., None], output, self.embeddings[rows].to(output.dtype))

        handle = self.table.register_forward_hook(replace_rows)
        before = pool_at(self.text_encoder, self.tokenizer.eos_token_id)
        try:
            return self.text_encoder(torch.where(known, tokens, 0), output_hidden_states=True)
        finally:
            pool_at(self.text_encoder, before)
            handle.remove()


def pool_at(text_encoder: Any, token: int) -> int:
    """Make a CLIP text encoder pool its states at a token, by id; return the id of the one before.

    Of an encoder with new tokens it is the tokenizer's end token. Older configurations, those of Stable
    Diffusion and SDXL among them, say 2, which transformers takes for the largest id: a new token's.
    """
    inner = getattr(text_encoder, "text_model", text_encoder)
    before = int(inner.eos_token_id)
    inner.eos_token_id = text_encoder.config.eos_token_id = token
    return before
