"""PRES: how much the fine-tuned model's images of the bare class resemble the subject (lower is better)."""

from __future__ import annotations

from collections.abc import Mapping

from dreambench.metrics.dino import DinoMetric, dino_fields
from dreambench.spec.protocol_spec import ProtocolSpec


class Pres(DinoMetric):
    """Mean cosine of DINO embeddings between images of ``a [class noun]`` and the subject's photos.

    High if the class has collapsed into the subject. The fine-tuned model draws ``protocol.prior_images``
    of them for each subject.
    """

    title = "PRES"
    definition = (
        "similarity of images of the bare class to the subject's photos, by DINO embeddings: "
        "high if the class has collapsed into the subject"
    )
    source = "Ruiz et al. 2023 (DreamBooth), section 4.3"
    compares = "prior"
    higher_is_better = False
    aggregation = "mean over a subject's images of the bare class, then over subjects"
    rank = 5
    standard = True

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the fields of the DINO encoder."""
        return dino_fields(protocol.dino)
