"""The encoders that a protocol's metrics need, each loaded at first use."""

from __future__ import annotations

from typing import Any

import torch

from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.spec.registries import get_metric


class ProtocolEncoders:
    """A protocol's encoders on one device, by name, and the keys under which their embeddings are stored.

    Protocols that share ``loaded`` load an encoder once if model, weights and transform are the same.
    """

    def __init__(
        self, protocol: ProtocolSpec, device: str | torch.device, loaded: dict[str, Any] | None = None
    ) -> None:
        self.protocol, self.device = protocol, device
        self._loaded: dict[str, Any] = {} if loaded is None else loaded

    def key(self, encoder: str) -> str:
        """Return the key of an encoder's embeddings. Loads nothing."""
        return self.protocol.encoder_key(encoder)

    def load(self, encoder: str) -> Any:
        """Return an encoder, loaded once. Raises DreambenchError if that fails."""
        key = self.key(encoder)
        if key not in self._loaded:
            user = next(m for m in map(get_metric, self.protocol.metrics) if m.encoder == encoder)
            # Building a model draws numbers: a training loop's own must not depend on when it is scored.
            with torch.random.fork_rng(devices=[]):
                self._loaded[key] = user.load_encoder(user.settings(self.protocol), self.device)
        return self._loaded[key]
