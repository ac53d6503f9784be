"""The encoders that a protocol's metrics need, each loaded when it is first used, or never."""

from __future__ import annotations

from functools import cached_property

import torch

from dreambench.models.encoders.clip_encoder import ClipEncoder, load_clip
from dreambench.models.encoders.dino_encoder import DinoEncoder, load_dino
from dreambench.models.encoders.lpips_network import LpipsNetwork, load_lpips
from dreambench.spec.encoder_key import encoder_key
from dreambench.spec.run_spec import ProtocolSpec


class ProtocolEncoders:
    """A protocol's CLIP, DINO and LPIPS on one device, and the keys that their embeddings are kept under.

    Reading a key loads nothing. A property loads its model once and raises DreambenchError where that
    fails.
    """

    def __init__(self, protocol: ProtocolSpec, device: str | torch.device) -> None:
        self.protocol, self.device = protocol, device
        self.clip_key = encoder_key("clip", protocol.clip)
        self.dino_key = encoder_key("dino", protocol.dino)
        self.lpips_key = encoder_key("lpips", protocol.lpips)

    @cached_property
    def clip(self) -> ClipEncoder:
        """The CLIP model of CLIP-I and CLIP-T."""
        return load_clip(self.protocol.clip, self.device)

    @cached_property
    def dino(self) -> DinoEncoder:
        """The DINO model of DINO and PRES."""
        return load_dino(self.protocol.dino, self.device)

    @cached_property
    def lpips(self) -> LpipsNetwork:
        """The LPIPS network of DIV."""
        return load_lpips(self.protocol.lpips, self.device)
