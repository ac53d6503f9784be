"""IP-Adapter for the miniature's U-Net: an image encoder, a projection to tokens, and keys and values.

Ye et al. 2023 (arXiv 2308.06721): an image encoder's embedding becomes four tokens, and each cross-attention
gets keys and values of its own for them. The parts are diffusers' own, the files' layout is the authors'.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from miniature.train.train_clip import TEXT_WIDTH

#: The adapter's file in an exported ``ip_adapter``, beside the folder ``image_encoder``.
ADAPTER_FILE = "ip-adapter_mini.safetensors"
#: What diffusers' loader takes the tokens of a plain IP-Adapter to be.
TOKENS = 4
#: CLIP's own, which diffusers uses where an image encoder comes without a processor.
_MEAN = torch.tensor((0.48145466, 0.4578275, 0.40821073)).view(1, 3, 1, 1)
_STD = torch.tensor((0.26862954, 0.26130258, 0.27577711)).view(1, 3, 1, 1)


def build_image_encoder(toy: bool = False) -> Any:
    """Return a fresh image encoder in the class that IP-Adapter's folder holds: 0.15 million parameters."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    width, depth = (16, 1) if toy else (64, 4)
    config = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=depth,
        num_attention_heads=2 if toy else 4,
        image_size=64,
        patch_size=16 if toy else 8,
        projection_dim=width,
    )
    return CLIPVisionModelWithProjection(config)


class ImagePrompt(nn.Module):
    """What learns: the image encoder, the projection to tokens, and the keys and values of each attention."""

    def __init__(self, unet: Any, toy: bool = False) -> None:
        from diffusers.models.attention_processor import IPAdapterAttnProcessor2_0
        from diffusers.models.embeddings import ImageProjection, MultiIPAdapterImageProjection

        super().__init__()
        self.encoder: Any = build_image_encoder(toy)
        width = self.encoder.config.projection_dim
        projection = ImageProjection(width, TEXT_WIDTH, num_image_text_embeds=TOKENS)
        self.projection = MultiIPAdapterImageProjection([projection])
        self.attention = nn.ModuleList()
        for name in unet.attn_processors:
            if not name.endswith("attn2.processor"):
                continue
            text: Any = unet.get_submodule(name.removesuffix(".processor"))
            processor: Any = IPAdapterAttnProcessor2_0(
                text.to_k.out_features, TEXT_WIDTH, num_tokens=(TOKENS,)
            )
            # The authors start from the text's own keys and values.
            processor.to_k_ip[0].weight.data.copy_(text.to_k.weight.data)
            processor.to_v_ip[0].weight.data.copy_(text.to_v.weight.data)
            self.attention.append(processor)

    def attach(self, unet: Any) -> None:
        """Let a U-Net attend to photos through these weights, which it shares."""
        own = iter(self.attention)
        processors = {
            name: next(own) if name.endswith("attn2.processor") else processor
            for name, processor in unet.attn_processors.items()
        }
        unet.set_attn_processor(processors)
        unet.encoder_hid_proj = self.projection
        unet.config.encoder_hid_dim_type = "ip_image_proj"

    def embed(self, images: Tensor) -> Tensor:
        """Return embeddings [n, d] of photos [n, 3, 64, 64] in [-1, 1]."""
        embedded: Tensor = self.encoder(((images + 1) / 2 - _MEAN) / _STD).image_embeds
        return embedded

    def original_layout(self) -> dict[str, Tensor]:
        """Return projection and attention under the names of the authors' files."""
        projection: Any = self.projection.image_projection_layers[0]
        tensors = {
            "image_proj.proj.weight": projection.image_embeds.weight,
            "image_proj.proj.bias": projection.image_embeds.bias,
            "image_proj.norm.weight": projection.norm.weight,
            "image_proj.norm.bias": projection.norm.bias,
        }
        for index, module in enumerate(self.attention):
            processor: Any = module
            number = 2 * index + 1  # their numbers count the attentions to the image itself as well
            tensors[f"ip_adapter.{number}.to_k_ip.weight"] = processor.to_k_ip[0].weight
            tensors[f"ip_adapter.{number}.to_v_ip.weight"] = processor.to_v_ip[0].weight
        return tensors


def shown(unet: Any, embeddings: Tensor) -> Any:
    """Return a callable like ``unet`` for ``samples.draw``: the photos' embeddings [n, d] go with the text.

    Guidance compares with no photo, an embedding of zeros, as diffusers' pipeline does.
    """
    both = torch.cat([torch.zeros_like(embeddings), embeddings])[:, None]

    def call(latents: Tensor, time: Tensor, text: Tensor) -> Any:
        return unet(latents, time, text, added_cond_kwargs={"image_embeds": [both]})

    call.config = unet.config  # type: ignore[attr-defined]
    return call
