"""A vision-language model as a judge, at any endpoint with OpenAI's chat API.

The model is asked at temperature 0 how well the image follows its prompt and shows the subject; the score is
the smaller of its two answers, 0 to 10, as in VIEScore (Ku et al. 2024). The score of an unreadable reply is
missing and counted, never guessed. Replies are stored, and a stored reply is not requested again.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from dreambench.dataset import read_image
from dreambench.metrics.chat_endpoint import EndpointSpec, NoReplyError, ask, image_part, read_replies
from dreambench.metrics.kept_scores import Number, content_key
from dreambench.paths import sha256_of
from dreambench.spec.file_metric import FileMetric, ScoredFile, missing_scores
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.store.files import write_json

#: Our own words; the two questions and the scale are those of VIEScore's subject-driven tasks.
PROMPT = """\
The first image is a photo of a subject. The second image was generated from the text "{caption}".
Give two whole numbers from 0 (not at all) to 10 (perfectly):
1. How well does the second image follow the text?
2. How much does the subject in the second image look like the subject in the photo?
Answer with JSON alone: {{"score": [first, second], "reason": "one short sentence"}}"""
_From0To10 = Annotated[Number, Field(ge=0, le=10)]
_JSON = re.compile(r"\{.*\}", re.DOTALL)
_KINDS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}


class JudgeSpec(EndpointSpec):
    """The endpoint and its model."""

    place: ClassVar[str] = "protocol.encoders.judge"


class VlmJudge(FileMetric):
    """A judge's score of an image, 0 to 10: the smaller of prompt following and subject resemblance."""

    title = "Judge"
    definition = "a vision-language model's score of prompt following and subject, the smaller of the two"
    source = "after Ku et al. 2024 (VIEScore); the prompt is in dreambench/metrics/vlm_judge.py"
    encoder = "judge"
    licence = "the endpoint's"
    agreement = (
        "GPT-4o with the prompts of VIEScore: Pearson 0.672 with ImagenHub's raters for one subject, "
        "0.586 for editing and for several"
    )
    Settings = JudgeSpec
    range = (0.0, 10.0)
    rank = 41

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return the model, and the start of the SHA-256 of the prompt; the endpoint does not matter."""
        return {"judge": f"{self.settings(protocol).model}/prompt-{content_key(PROMPT)[:8]}/t0"}

    def score_files(
        self, files: Sequence[ScoredFile], settings: JudgeSpec, kept: Path, note: Callable[[str], None]
    ) -> list[float]:
        """Query each image without a stored reply; NaN if there is no reply, or it cannot be read.

        Raises DreambenchError where nobody listens at the endpoint when it is first asked.
        """
        replies = read_replies(kept)
        failed: list[str] = []
        values = []
        for file in files:
            key = _key(file, settings.model)
            if key not in replies:
                try:
                    replies[key] = ask(settings, _messages(file), first=not replies, temperature=0)
                except NoReplyError as error:
                    failed.append(str(error))
                    values.append(math.nan)
                    continue
                write_json(kept, replies)
            values.append(parsed(replies[key]))
        unread = sum(math.isnan(value) for value in values) - len(failed)
        if failed:
            note(f"judge {settings.model}: {failed[0]}; {missing_scores(len(failed))}")
        if unread:
            note(f"judge {settings.model}: {unread} replies cannot be read, and their scores are missing")
        return values


class _Scores(BaseModel):
    score: tuple[_From0To10, _From0To10]


def parsed(reply: str) -> float:
    """Return the smaller of a reply's two scores, 0 to 10; NaN if it does not have two such numbers.

    Example:
        >>> parsed('Here: {"score": [9, 7], "reason": "the ears differ"}')
        7.0
    """
    found = _JSON.search(reply)
    try:
        return min(_Scores.model_validate_json(found[0] if found else "").score)
    except ValueError:
        return math.nan


def _messages(file: ScoredFile) -> list[dict[str, Any]]:
    content = [_image(path) for path in (file.photos[0], file.image)]
    content.append({"type": "text", "text": PROMPT.format(caption=file.caption)})
    return [{"role": "user", "content": content}]


def _image(path: Path) -> dict[str, Any]:
    if kind := _KINDS.get(path.suffix.lower()):
        return image_part(path.read_bytes(), kind)
    content = io.BytesIO()  # endpoints do not read BMP and TIFF
    read_image(path).save(content, "PNG")
    return image_part(content.getvalue(), "png")


def _key(file: ScoredFile, model: str) -> str:
    return content_key(model, PROMPT, file.caption, sha256_of(file.image), sha256_of(file.photos[0]))
