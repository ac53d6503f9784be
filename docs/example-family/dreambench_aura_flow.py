"""AuraFlow (fal 2024): a family in a package of its own.

What the transformer is told is read from diffusers' pipeline (``AuraFlowPipeline.__call__``); what it learns,
from the pipeline's scheduler: a step of ``FlowMatchEulerDiscreteScheduler`` follows the velocity.
"""

from typing import ClassVar

from dreambench.models.families.flow import FlowFamily


class AuraFlow(FlowFamily):
    """A transformer over latents, told by UMT5, with true guidance and a negative prompt.

    ``FlowFamily`` brings what flow matching shares: noise is mixed in linearly at uniform times, the target
    is ``noise - latents``, and the sampler is the model's own.
    """

    # The class in model_index.json that makes a base model one of this family.
    pipelines = ("AuraFlowPipeline",)
    # The class of each component: a downloaded file never decides which code runs.
    weighted: ClassVar = {
        "transformer": "diffusers.AuraFlowTransformer2DModel",
        "vae": "diffusers.AutoencoderKL",
        "text_encoder": "transformers.UMT5EncoderModel",
    }
    tokenizers: ClassVar = {"tokenizer": "transformers.AutoTokenizer"}
    # The layers that get adapters, by the ends of their names: the attention's, of images and of text.
    lora_targets: ClassVar = {
        "transformer": ("to_k", "to_q", "to_v", "to_out.0", "add_k_proj", "add_q_proj", "add_v_proj"),
    }
    # Identifiers are ranked by CLIP's text encoder, where there is one.
    clip_text = False

    def encode(self, pipeline, prompts, device):
        """Return the states [n, 256, d], zero where the prompt has ended, and the mask that calls ask for."""
        states, mask, _, _ = pipeline.encode_prompt(
            list(prompts), do_classifier_free_guidance=False, device=device
        )
        return {"prompt_embeds": states, "prompt_attention_mask": mask}

    def predict(self, denoiser, noisy, conditioning, image_size):
        """Return the velocity [b, c, h, w]; the transformer's time is 1 for noise and 0 for the image."""
        return denoiser(
            noisy.latents,
            encoder_hidden_states=conditioning["prompt_embeds"],
            timestep=noisy.timesteps / 1000,
            return_dict=False,
        )[0]
