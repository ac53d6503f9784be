"""The application: what a rater may see and send, and what is refused or escaped."""

from __future__ import annotations

import re
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from dreambench.study.app import POLICY
from dreambench.study.create import create_study
from dreambench.study.database import CHOICES, Answer, OutOfTurnError
from dreambench.study.draw import Sizes
from dreambench.study.folder import StudyFolder
from dreambench.study.questionnaire import read_stamp, stamp
from tests.study.material import RATER, Visitor, given, make_study, make_two_runs


def test_from_consent_to_thanks(visitor: Visitor) -> None:
    path = visitor.paths[RATER]
    assert "take part" in visitor.get(path).text
    assert visitor.get(f"{path}/instructions").headers["location"] == path
    assert visitor.post(f"{path}/consent").headers["location"] == f"{path}/instructions"
    assert "very thing" in visitor.get(f"{path}/instructions").text
    for number, answer in enumerate(("left", "right", "undecided"), start=1):
        assert f"<title>Question {number} of 3</title>" in visitor.get(path).text
        answered = visitor.answer(path, answer)
        assert (answered.status_code, answered.headers["location"]) == (303, path)
    assert "Thank you" in visitor.get(path).text
    assert given(visitor) == [(RATER, 0, "left"), (RATER, 1, "right"), (RATER, 2, "undecided")]


def test_the_prompt_study_shows_the_text_and_no_photos(visitor: Visitor) -> None:
    page = visitor.get(visitor.start("prompt-01-1")).text
    assert re.search(r"<blockquote>a (dog|cat|bowl) ", page)
    assert "Photo 1" not in page


def test_html_in_names_is_shown_and_not_interpreted(tmp_path: Path) -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
    nouns = {"<i>ant": f"dog{evil}", "<i>bee": f"cat{evil}"}
    ours, theirs = make_two_runs(tmp_path, nouns=nouns)
    ours.record.name = f"ours{evil}"
    ours.save_record()
    options = {"sizes": Sizes(1, 2, 1), "contact": f"Ada {evil}", "quiet": True}
    create_study(ours.path, theirs.path, tmp_path / "study", **options)  # type: ignore[arg-type]
    visitor = Visitor(StudyFolder(tmp_path / "study"))
    consent = visitor.get(visitor.paths["prompt-01-1"]).text
    question = visitor.get(visitor.start("prompt-01-1")).text
    organizer = visitor.get(visitor.paths["organizer"]).text
    photos = visitor.get(visitor.start("subject-01-1")).text
    assert "<i>" not in photos
    for page in (consent, question, organizer):
        assert "<i>" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_every_response_forbids_foreign_content(visitor: Visitor) -> None:
    path = visitor.start(RATER)
    picture = re.search(r'src="(/r/[^"]+)"', visitor.get(path).text)
    assert picture
    for address in ("/", "/nothing", path, picture[1], "/style.css", "/keys.js", f"{path}/answer", "/r/x"):
        headers = visitor.get(address).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in headers
    assert "http" not in "".join(re.findall(r'(?:src|href|action)="([^"]*)"', visitor.get(path).text))
    assert visitor.get(path).headers["cache-control"] == "no-store"


def test_a_get_request_answers_nothing(visitor: Visitor) -> None:
    path = visitor.start(RATER)
    form = visitor.form(path, "left")
    query = "&".join(f"{name}={value}" for name, value in form.items())
    assert visitor.get(f"{path}/answer?{query}").status_code == 405
    assert given(visitor) == []


def test_an_answer_that_cannot_be_saved_is_not_lost_in_silence(visitor: Visitor) -> None:
    path = visitor.start(RATER)
    form = visitor.form(path, "left")
    with closing(sqlite3.connect(visitor.folder.database_file)) as connection, connection:
        connection.execute("ALTER TABLE answers RENAME TO away")
    failed = visitor.post(f"{path}/answer", form)
    assert failed.status_code == 503
    assert "could not be saved" in failed.text
    with closing(sqlite3.connect(visitor.folder.database_file)) as connection, connection:
        connection.execute("ALTER TABLE away RENAME TO answers")
    assert visitor.post(f"{path}/answer", form).status_code == 303


def test_the_database_keeps_what_it_promises(visitor: Visitor) -> None:
    connection = visitor.questionnaire.database._connection
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL


def test_of_answers_sent_at_once_one_is_kept(visitor: Visitor) -> None:
    database, item = visitor.questionnaire.database, visitor.plan.raters[0].steps[0].item
    database.consent(RATER)

    def send(number: int) -> bool:
        try:
            database.record(Answer(RATER, 0, item, CHOICES[number % 3], 1.0))
        except OutOfTurnError:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        taken = list(pool.map(send, range(12)))
    kept = given(visitor)
    assert len(kept) == 1
    assert taken == [CHOICES[number % 3] == kept[0][2] for number in range(12)]


def test_seconds_count_from_the_last_showing(tmp_path: Path) -> None:
    visitor = Visitor(make_study(tmp_path))
    now = [1000.0]
    visitor.questionnaire._clock = lambda: now[0]
    path = visitor.start(RATER)
    visitor.get(path)
    now[0] = 5000.0  # stopped here, and came back
    form = visitor.form(path, "left")
    now[0] = 5012.5
    assert visitor.post(f"{path}/answer", form).status_code == 303
    assert [answer.seconds for answer in visitor.questionnaire.database.answers()] == [12.5]


def test_a_stamp_is_for_one_rater_and_one_question() -> None:
    made = stamp("key", "r1", 3, 1234)
    assert read_stamp("key", "r1", 3, made) == 1234
    for key, rater, position in (("yek", "r1", 3), ("key", "r2", 3), ("key", "r1", 4)):
        assert read_stamp(key, rater, position, made) is None
    assert read_stamp("key", "r1", 3, made.replace("1234", "1235")) is None
