"""CLIP-I L/14: the similarity of a generated image to the photos of its subject, by the larger CLIP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from dreambench.metrics.clip_i import ClipI
from dreambench.spec.metric import named_weights
from dreambench.spec.protocol_spec import ClipSpec, ProtocolSpec


class ClipLargeSpec(ClipSpec):
    """The larger CLIP model: an open_clip name, and a pretrained tag or a local file."""

    place: ClassVar[str] = "protocol.encoders.clip_large"
    model: str = "ViT-L-14"


class ClipLargeI(ClipI):
    """Mean cosine of CLIP ViT-L/14 image embeddings with those of the subject's photos."""

    title = "CLIP-I L/14"
    definition = "similarity of generated images to the subject's real photos, by CLIP ViT-L/14 embeddings"
    source = "Radford et al. 2021 (CLIP)"
    encoder = "clip_large"
    agreement = "not measured here"
    Settings = ClipLargeSpec
    rank = 9
    standard = by_default = False

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the model with its weights."""
        spec = protocol.encoder_spec(self.encoder)
        assert isinstance(spec, ClipSpec)
        return {"clip_large": f"{spec.model}/{named_weights(spec)}"}
