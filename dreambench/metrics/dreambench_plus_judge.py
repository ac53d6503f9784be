"""DreamBench++'s GPT judge: concept preservation and prompt following, asked and averaged as in its scripts.

Source: Peng et al., "DreamBench++", ICLR 2025; yuangpeng/dreambench_plus at c4eb5c1,
``eval_concept_preservation.py`` and ``eval_prompt_following.py`` with the default ``ablation_settings=full``.
The prompts are the authors' (``dreambench data pull dreambench-plus-prompts``).
"""

from __future__ import annotations

import io
import math
import re
import secrets
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from dreambench.dataset import read_image
from dreambench.dataset.judge_prompts import read_prompts
from dreambench.metrics.chat_endpoint import EndpointSpec, NoReplyError, ask, image_part, read_replies
from dreambench.metrics.kept_scores import content_key
from dreambench.paths import sha256_of
from dreambench.spec.file_metric import FileMetric, ScoredFile, missing_scores
from dreambench.spec.protocol_spec import ProtocolSpec
from dreambench.store.files import write_json

#: An unreadable reply is asked for again, this many times in all (``max_retry`` of the scripts).
ATTEMPTS = 3
_SCORE = re.compile(r"(?:score|Score):\s*[a-zA-Z]*\s*(\d+)")
#: Subjects of the category style, as the dataset's reader and the scripts name them: ``style_00_ukiyo-e``.
_STYLE = re.compile(r"style_\d+_")
_NO_SCORE = "without one score from 0 to 4"


class PlusJudgeSpec(EndpointSpec):
    """The endpoint and how it is asked; the defaults are the scripts' and, for ``runs``, the paper's.

    ``prompts`` is a folder with the authors' files ("": the pulled one), ``requests`` how many are under way
    at a time.
    """

    place: ClassVar[str] = "protocol.encoders.judge_plus"
    #: Replies are paid for: none is asked for again because of these. Each run has its own.
    beside: ClassVar[frozenset[str]] = frozenset(
        {"url", "key_variable", "retries", "wait", "timeout", "requests", "runs", "prompts"}
    )
    model: str = "gpt-4o-2024-05-13"
    temperature: float = Field(default=1.0, ge=0)
    runs: int = Field(default=3, ge=1)
    prompts: str = ""
    requests: int = Field(default=8, ge=1, le=64)


class PlusJudge(FileMetric):
    """A quarter of the judge's 0 to 4: the mean of an image's runs that have a score, NaN if none has."""

    source = "Peng et al. 2025 (DreamBench++); yuangpeng/dreambench_plus at c4eb5c1"
    encoder = "judge_plus"
    licence = "the endpoint's"
    Settings = PlusJudgeSpec
    range = (0.0, 1.0)

    @abstractmethod
    def question(self, file: ScoredFile) -> str:
        """Return which pair of prompts asks about an image: ``subject``, ``style`` or ``text``."""

    @abstractmethod
    def shown(self, file: ScoredFile) -> list[str | Path]:
        """Return what the judge is shown of an image, in order: texts and image files."""

    def signature(self, protocol: ProtocolSpec) -> Mapping[str, str]:
        """Return model, digest of the prompts, temperature and runs; the endpoint does not matter."""
        spec = self.settings(protocol)
        prompts = f"prompts-{spec.fingerprint[:8]}" if spec.fingerprint else "prompts"
        return {self.name: f"{spec.model}/{prompts}/t{spec.temperature:g}/runs{spec.runs}"}

    def check(self, settings: PlusJudgeSpec) -> None:
        """Raise DreambenchError where the prompts are missing."""
        self._prompts(settings)

    def version(self, settings: PlusJudgeSpec) -> str:
        """Return the digest of the prompts, which the signature shows."""
        return content_key(*(text for pair in self._prompts(settings).values() for text in pair))

    def _prompts(self, settings: PlusJudgeSpec) -> dict[str, tuple[str, str]]:
        return read_prompts(settings.prompts, f"{settings.place}.prompts")

    def score_files(
        self, files: Sequence[ScoredFile], settings: PlusJudgeSpec, kept: Path, note: Callable[[str], None]
    ) -> list[float]:
        """Query each image and run without a stored reply. An unreadable reply is not stored.

        Raises DreambenchError where the prompts are missing, or nobody listens when it is first asked.
        """
        prompts, replies = self._prompts(settings), read_replies(kept)
        runs = range(settings.runs)
        keys = [self._keys(file, settings, prompts[self.question(file)]) for file in files]
        asked = {
            own[run]: file
            for file, own in zip(files, keys, strict=True)
            for run in runs
            if own[run] not in replies
        }
        first, missing = not replies, []

        def reply(file: ScoredFile) -> str | NoReplyError:
            return self._reply(settings, self._messages(file, prompts[self.question(file)]), first)

        with ThreadPoolExecutor(settings.requests) as pool:
            for key, found in zip(asked, pool.map(reply, asked.values()), strict=True):
                if isinstance(found, NoReplyError):
                    missing.append(str(found))
                    continue
                replies[key] = found
                write_json(kept, replies)
        scores = [[parsed_score(replies[key]) for key in own if key in replies] for own in keys]
        values = [sum(own) / len(own) if own else math.nan for own in scores]
        if missing:
            why = ", ".join(f"{count} {reason}" for reason, count in Counter(missing).items())
            note(
                f"{self.name} {settings.model}: {len(missing)} of {len(files) * settings.runs} replies are "
                f"missing ({why}), left out of their images' means; "
                f"{missing_scores(sum(map(math.isnan, values)))}"
            )
        return values

    def _keys(self, file: ScoredFile, settings: PlusJudgeSpec, opening: tuple[str, str]) -> list[str]:
        shown = [part if isinstance(part, str) else sha256_of(part) for part in self.shown(file)]
        by = (settings.model, f"{settings.temperature:g}", *opening, *shown)
        return [content_key(*by, f"run {run}") for run in range(1, settings.runs + 1)]

    def _messages(self, file: ScoredFile, opening: tuple[str, str]) -> list[dict[str, Any]]:
        content = [
            {"type": "text", "text": part} if isinstance(part, str) else _image(part)
            for part in self.shown(file)
        ]
        return [
            {"role": "user", "content": opening[0]},
            {"role": "assistant", "content": opening[1]},
            {"role": "user", "content": content},
        ]

    def _reply(
        self, settings: PlusJudgeSpec, messages: list[dict[str, Any]], first: bool
    ) -> str | NoReplyError:
        """Return a readable reply, or why there is none."""
        for _ in range(ATTEMPTS):
            sampling = {"temperature": settings.temperature, "seed": secrets.randbits(31)}
            try:
                reply = ask(settings, messages, first=first, **sampling)
            except NoReplyError as error:
                return error
            if not math.isnan(parsed_score(reply)):
                return reply
        return NoReplyError(_NO_SCORE)


class JudgeCp(PlusJudge):
    """Concept preservation: the judge compares the image with its subject's photo, by subject or by style."""

    title = "CP"
    definition = "DreamBench++'s concept preservation: a GPT judge compares the image with the photo"
    rank = 42

    def question(self, file: ScoredFile) -> str:
        """Return ``style`` for the dataset's styles, otherwise ``subject``."""
        return "style" if _STYLE.match(file.subject) else "subject"

    def shown(self, file: ScoredFile) -> list[str | Path]:
        """Return the photo, then the image."""
        return [file.photos[0], file.image]


class JudgePf(PlusJudge):
    """Prompt following: the judge compares the image with its prompt, and sees no photo."""

    title = "PF"
    definition = "DreamBench++'s prompt following: a GPT judge compares the image with its prompt"
    rank = 43

    def question(self, file: ScoredFile) -> str:
        """Return ``text``."""
        return "text"

    def shown(self, file: ScoredFile) -> list[str | Path]:
        """Return the prompt, then the image."""
        return [file.caption, file.image]


def parsed_score(reply: str) -> float:
    """Return a reply's score divided by 4; NaN if it has none, several, or one over 4.

    The scripts also count a score over 4, which their scale does not have.

    Example:
        >>> parsed_score("Analysis: the hat is missing. Score: 3")
        0.75
    """
    try:
        (digits,) = _SCORE.findall(reply)
        score = int(digits)
    except ValueError:  # none, several, or more digits than a number may have
        return math.nan
    return score / 4 if score <= 4 else math.nan


def _image(path: Path) -> dict[str, Any]:
    """Return an image as the scripts send it: 512 x 512 whatever its shape, bicubic, Pillow's JPEG."""
    content = io.BytesIO()
    read_image(path).resize((512, 512)).save(content, "JPEG")
    return image_part(content.getvalue(), "jpeg", detail="high")
