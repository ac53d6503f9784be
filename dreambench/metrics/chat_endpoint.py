"""An endpoint with OpenAI's chat API: its settings, one question with retries, and stored replies."""

from __future__ import annotations

import base64
import json
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError

from dreambench.errors import DreambenchError
from dreambench.spec.file_metric import FileMetricSpec

_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class EndpointSpec(FileMetricSpec):
    """The endpoint (up to ``/v1``), the model, the environment variable with the key, and time limits.

    A subclass has a ``place`` of its own.
    """

    url: str = "https://api.openai.com/v1"
    model: str = "gpt-4o-2024-08-06"
    key_variable: str = "OPENAI_API_KEY"
    retries: int = Field(default=3, ge=0, le=10)
    wait: float = Field(default=2.0, ge=0, description="seconds before the first retry; doubled each time")
    timeout: float = Field(default=120, gt=0)


class NoReplyError(Exception):
    """The endpoint gave no reply; the message is one line."""


def ask(
    settings: EndpointSpec, messages: Sequence[Mapping[str, Any]], *, first: bool, **sampling: float
) -> str:
    """Return the model's reply. Raises NoReplyError after the retries, or at once if a retry cannot help.

    ``sampling`` is the temperature, and the seed if there is one. If the ``first`` request of all reaches
    nobody, it raises DreambenchError: every score would be missing.
    """
    body = json.dumps({"model": settings.model, **sampling, "messages": messages}).encode()
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
                    f"{settings.place}.url={settings.url}: nobody answers there",
                    "start the endpoint and repeat the command: finished work is kept",
                ) from error
            problem, again = f"{address}: {' '.join(str(error).split())[:120]}", True
        if not again or attempt == settings.retries:
            raise NoReplyError(problem)
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


def image_part(content: bytes, kind: str, **more: str) -> dict[str, Any]:
    """Return an encoded image (``jpeg``, ``png``) as a part of a message."""
    url = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    return {"type": "image_url", "image_url": {"url": url, **more}}


def read_replies(kept: Path) -> dict[str, str]:
    """Return the replies that a file stores, by key; a damaged file counts as none."""
    try:
        return TypeAdapter(dict[str, str]).validate_json(kept.read_bytes())
    except (OSError, ValidationError):
        return {}
