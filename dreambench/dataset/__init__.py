"""Who and what is asked: the 30 subjects, the 25 prompts of each category, and the photos.

Source: Ruiz et al., "DreamBooth", CVPR 2023, section 4.1; google/dreambooth (CC BY 4.0).
"""

from dreambench.dataset.dataset import Dataset, Photo, Subject, match_prompt
from dreambench.dataset.images import as_rgb, read_image
from dreambench.dataset.loading import load_dataset, verify
from dreambench.dataset.official import official_subjects
from dreambench.dataset.prompts import (
    Prompt,
    canonical_selection,
    official_prompts,
    select_prompts,
    selected,
)
from dreambench.dataset.pulling import pull, pull_prompts, pull_ratings

__all__ = [
    "Dataset",
    "Photo",
    "Prompt",
    "Subject",
    "as_rgb",
    "canonical_selection",
    "load_dataset",
    "match_prompt",
    "official_prompts",
    "official_subjects",
    "pull",
    "pull_prompts",
    "pull_ratings",
    "read_image",
    "select_prompts",
    "selected",
    "verify",
]
