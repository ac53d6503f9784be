"""A vision-language model as a judge, at any endpoint with OpenAI's chat API.

The model is asked at temperature 0 how well the image follows its prompt and shows the subject; the score is
the smaller of its two answers, 0 to 10, as in VIEScore (Ku et al. 2024). The score of an unreadable reply is
missing and counted, never guessed. Replies are stored, and a stored reply is not requested again.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import os
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from dreambench.dataset import read_image
from dreambench.errors import DreambenchError
from dreambench.metrics.kept_scores import Number
from dreambench.paths import sha256_of
from dreambench.spec.file_metric import FileMetric, FileMetricSpec, ScoredFile, missing_scores
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.store.files import write_text

#: Our own words; the two questions and the scale are those of VIEScore's subject-driven tasks.
PROMPT = """\
The first image is a photo of a subject. The second image was generated from the text "{caption}".
Give two whole numbers from 0 (not at all) to 10 (perfectly):
1. How well does the second image follow the text?
2. How much does the subject in the second image look like the subject in the photo?
Answer with JSON alone: {{"score": [first, second], "reason": "one short sentence"}}"""
_From0To10 = Annotated[Number, Field(ge=0, le=10)]
_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_JSON = re.compile(r"\{.*\}", re.DOTALL)
_KINDS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png", ".webp": "webp"}


class JudgeSpec(FileMetricSpec):
    """The endpoint (up to ``/v1``), the model, the environment variable with the key, and time limits."""

    url: str = "https://api.openai.com/v1"
    model: str = "gpt-4o-2024-08-06"
    key_variable: str = "OPENAI_API_KEY"
    retries: int = Field(default=3, ge=0, le=10)
    wait: float = Field(default=2.0, ge=0, description="seconds before the first retry; doubled each time")
    timeout: float = Field(default=120, gt=0)


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
        return {"judge": f"{self.settings(protocol).model}/prompt-{_digest(PROMPT)[:8]}/t0"}

    def score_files(
        self, files: Sequence[ScoredFile], settings: JudgeSpec, kept: Path, note: Callable[[str], None]
    ) -> list[float]:
        """Query each image without a stored reply; NaN if there is no reply, or it cannot be read.

        Raises DreambenchError where nobody listens at the endpoint when it is first asked.
        """
        replies = _read(kept)
        failed: list[str] = []
        values = []
        for file in files:
            key = _key(file, settings.model)
            if key not in replies:
                try:
                    replies[key] = _ask(file, settings, first=not replies)
                except _NoReplyError as error:
                    failed.append(str(error))
                    values.append(math.nan)
                    continue
                write_text(kept, json.dumps(replies, indent=1) + "\n")
            values.append(parsed(replies[key]))
        unread = sum(math.isnan(value) for value in values) - len(failed)
        if failed:
            note(f"judge {settings.model}: {failed[0]}; {missing_scores(len(failed))}")
        if unread:
            note(f"judge {settings.model}: {unread} replies cannot be read, and their scores are missing")
        return values


class _NoReplyError(Exception):
    """The endpoint gave no reply; the message is one line."""


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


def _ask(file: ScoredFile, settings: JudgeSpec, first: bool) -> str:
    """Return the model's reply. Raises _NoReplyError after the retries, or at once if a retry cannot help.

    If the ``first`` request of all reaches nobody, it raises DreambenchError: every score would be missing.
    """
    content: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": _data_url(path)}} for path in (file.photos[0], file.image)
    ]
    content.append({"type": "text", "text": PROMPT.format(caption=file.caption)})
    messages = [{"role": "user", "content": content}]
    body = json.dumps({"model": settings.model, "temperature": 0, "messages": messages}).encode()
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get(settings.key_variable):
        headers["Authorization"] = f"Bearer {key}"
    address = f"{settings.url.rstrip('/')}/chat/completions"
    wait = settings.wait
    for attempt in range(settings.retries + 1):
        request = urllib.request.Request(address, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=settings.timeout) as response:
                return _text(response.read())
        except urllib.error.HTTPError as error:
            problem, again = f"{address} answered {error.code} {error.reason}", error.code in _RETRIED
        except (OSError, ValueError) as error:  # no connection, a timeout, or a malformed answer
            if first and isinstance(getattr(error, "reason", None), ConnectionRefusedError | socket.gaierror):
                raise DreambenchError(
                    f"protocol.encoders.judge.url={settings.url}: nobody answers there",
                    "start the endpoint and repeat the command: finished work is kept",
                ) from error
            problem, again = f"{address}: {' '.join(str(error).split())[:120]}", True
        if not again or attempt == settings.retries:
            raise _NoReplyError(problem)
        time.sleep(wait)
        wait *= 2
    raise AssertionError("the loop returns or raises")


def _text(answer: bytes) -> str:
    try:
        text = json.loads(answer)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError("its answer is not a chat completion") from error
    if not isinstance(text, str):
        raise ValueError("its answer has no text")
    return text.encode(errors="replace").decode()  # half of a surrogate pair could not be read back


def _data_url(path: Path) -> str:
    kind = _KINDS.get(path.suffix.lower())
    content = io.BytesIO()
    if kind is None:  # endpoints do not read BMP and TIFF
        read_image(path).save(content, "PNG")
    else:
        content.write(path.read_bytes())
    return f"data:image/{kind or 'png'};base64,{base64.b64encode(content.getvalue()).decode()}"


def _key(file: ScoredFile, model: str) -> str:
    parts = [model, PROMPT, file.caption, sha256_of(file.image), sha256_of(file.photos[0])]
    return _digest("\0".join(parts))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(kept: Path) -> dict[str, str]:
    try:
        return TypeAdapter(dict[str, str]).validate_json(kept.read_bytes())
    except (OSError, ValidationError):
        return {}
