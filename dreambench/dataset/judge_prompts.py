"""The prompts of DreamBench++'s GPT judge: the authors' text, which is fetched and not redistributed.

Source: yuangpeng/dreambench_plus (Apache-2.0), ``dreambench_plus/prompts``, at the commit that
``data/manifests/dreambench-plus-prompts.csv`` pins.
"""

from __future__ import annotations

from dreambench.dataset.pinned_files import PinnedFiles
from dreambench.errors import DreambenchError
from dreambench.paths import located

JUDGE_PROMPTS = PinnedFiles("dreambench-plus-prompts")
#: What a pair of prompts asks about: the subject (live or object), the style, or the text.
QUESTIONS = ("subject", "style", "text")


def read_prompts(folder: str, field: str) -> dict[str, tuple[str, str]]:
    """Return the user's prompt and the assistant's answer to it, by question.

    ``folder`` is one with the authors' file names, and ``field`` the setting that names it; "" is the pulled
    folder, which has to be as pinned. Raises DreambenchError in one line if anything is missing.
    """
    place = located(folder) if folder else JUDGE_PROMPTS.folder
    remedy = f"`{JUDGE_PROMPTS.command}`, or give --set {field}=CHECKOUT/dreambench_plus/prompts"
    if not folder and (problems := JUDGE_PROMPTS.problems(place)):
        first = f"{problems[0].file}: {problems[0].problem}"
        raise DreambenchError(f"the prompts of DreamBench++'s judge are not in {place} ({first})", remedy)
    found = {}
    for question in QUESTIONS:
        files = [place / f"{who}_prompt_{question}_full.txt" for who in ("user", "gpt")]
        try:
            user, answer = (file.read_text(encoding="utf-8").strip() for file in files)
        except (OSError, UnicodeDecodeError) as error:
            names = " and ".join(file.name for file in files)
            raise DreambenchError(f"{field}={folder}: {names} cannot be read there", remedy) from error
        found[question] = (user, answer)
    return found
