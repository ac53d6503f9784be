"""Qwen-Image-Edit (Alibaba 2025, arXiv 2508.02324): Qwen-Image that is shown photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from dreambench.errors import DreambenchError
from dreambench.models.families.conditioning import Conditioning
from dreambench.models.families.family import PhotosShown
from dreambench.models.families.qwen_image import QwenImage, mask_of


class QwenImageEdit(QwenImage):
    """Qwen-Image whose text encoder reads the prompt together with a photo, which the transformer also sees.

    It cannot be trained here, because every call needs a photo. The pipeline resizes the photo to about
    1024 x 1024 pixels, whatever the size of the image.
    """

    pipelines = ("QwenImageEditPipeline",)
    tokenizers: ClassVar[Mapping[str, str]] = {
        **QwenImage.tokenizers,
        "processor": "transformers.Qwen2VLProcessor",
    }
    references: ClassVar[PhotosShown | None] = "one photo"
    draws_from_photos = True

    def encode(self, pipeline: Any, prompts: Sequence[str], device: Any) -> Conditioning:
        """Refuse: a prompt cannot be encoded without a photo."""
        raise DreambenchError(
            f"{self.name} models read a prompt together with a photo", "use --method reference"
        )

    def encode_shown(
        self, pipeline: Any, prompts: Sequence[str], device: Any, call_arguments: Mapping[str, Any]
    ) -> Conditioning:
        """Return ``prompt_embeds`` [n, t, d], padded with zeros, and ``prompt_embeds_mask`` [n, t].

        The photo is the call's argument ``image``. One prompt is read at a time, because the processor needs
        a photo for each.
        """
        import torch
        from torch.nn.functional import pad

        photos = self.as_read(pipeline, call_arguments["image"])
        rows = [pipeline.encode_prompt(prompt, image=photos, device=device) for prompt in prompts]
        longest = max(states.shape[1] for states, _ in rows)
        states = [pad(each, (0, 0, 0, longest - each.shape[1])) for each, _ in rows]
        masks = [pad(mask_of(each, mask), (0, longest - each.shape[1])) for each, mask in rows]
        return {"prompt_embeds": torch.cat(states), "prompt_embeds_mask": torch.cat(masks)}

    def as_read(self, pipeline: Any, photo: Any) -> Any:
        """Return the photo as the pipeline's call resizes it for the text encoder."""
        from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit import calculate_dimensions

        width, height, _ = calculate_dimensions(1024 * 1024, photo.width / photo.height)
        return pipeline.image_processor.resize(photo, height, width)


class QwenImageEditPlus(QwenImageEdit):
    """Qwen-Image-Edit 2509 and 2511: photos (the authors advise up to three), one image a call."""

    pipelines = ("QwenImageEditPlusPipeline",)
    references = "photos"
    one_at_a_time = True

    def as_read(self, pipeline: Any, photos: Any) -> Any:
        """Return the photos as the pipeline's call resizes them for the text encoder: to 384 x 384 pixels."""
        from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as plus

        sizes = [plus.calculate_dimensions(plus.CONDITION_IMAGE_SIZE, p.width / p.height) for p in photos]
        return [
            pipeline.image_processor.resize(photo, height, width)
            for photo, (width, height) in zip(photos, sizes, strict=True)
        ]
