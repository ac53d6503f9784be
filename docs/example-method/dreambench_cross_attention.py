"""Fine-tunes only the keys and values that the U-Net computes from the text."""

from pathlib import Path

from dreambench.methods.finetune.denoiser import train_denoiser
from dreambench.methods.finetune.finetune_options import FineTuneOptions
from dreambench.methods.method import Personalized

PARTS = ("attn2.to_k", "attn2.to_v")
FILE = "cross-attention.safetensors"


class CrossAttentionOptions(FineTuneOptions):
    """The fields of DreamBooth with other defaults: fewer weights allow a larger learning rate."""

    name: str = "cross-attention"
    learning_rate: float = 1e-4
    train_text_encoder: bool = False


class CrossAttention:
    """One class: how to train, how to save the trained weights, how to load them."""

    Options = CrossAttentionOptions

    def personalize(self, subject, base, spec, context):
        unet = base.fresh("unet").requires_grad_(False)
        trained = {n: p for n, p in unet.named_parameters() if any(part in n for part in PARTS)}
        for parameter in trained.values():
            parameter.requires_grad_(True)
        losses = train_denoiser(subject, base, spec, context, {"unet": unet}, list(trained.values()))
        unet.requires_grad_(False)
        return Personalized(base.pipeline(unet=unet), {n: p.data for n, p in trained.items()}, losses)

    def save(self, personalized, folder: Path) -> None:
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        save_file({n: t.contiguous() for n, t in personalized.trained.items()}, folder / FILE)

    def load(self, folder: Path, base, context):
        from safetensors.torch import load_file

        unet = base.fresh("unet").requires_grad_(False)
        unet.load_state_dict(trained := load_file(folder / FILE), strict=False)
        return Personalized(base.pipeline(unet=unet), trained)
