"""Images by the untouched model, through the same code that a run draws with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dreambench.dataset.image_request import ImageRequest
from dreambench.models.base_model import BaseModel
from dreambench.models.device import Runtime
from dreambench.models.sampling import PromptEmbeddings, draw
from dreambench.models.schedulers import make_sampler
from dreambench.seeds import stable_seed
from dreambench.spec.run_spec import RunSpec
from miniature.evaluate.evaluation_prompts import EvaluationPrompt


def drawn(
    base: BaseModel,
    prompts: Sequence[EvaluationPrompt],
    spec: RunSpec,
    runtime: Runtime,
    on_images: Callable[[int], None] = lambda count: None,
) -> np.ndarray:
    """Return one image for each thing asked: uint8 [n, 64, 64, 3], each from the noise of its own seed."""
    pipeline = base.pipeline()
    pipeline.scheduler = make_sampler(spec.sampler, pipeline.scheduler)
    requests = [
        ImageRequest(each.prompt, stable_seed("evaluate", each.prompt, index), Path())
        for index, each in enumerate(prompts)
    ]
    embeddings = PromptEmbeddings.encode(pipeline, [r.prompt for r in requests], spec.sampler, runtime)
    size, images = runtime.generation_batch(), []
    for start in range(0, len(requests), size):
        batch = requests[start : start + size]
        images += draw(pipeline, embeddings, batch, spec.sampler, spec.image_size, runtime)
        on_images(len(batch))
    return np.stack([np.asarray(image) for image in images])
