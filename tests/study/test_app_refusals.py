"""What the application refuses: other raters' pages, forms out of turn, malformed bodies, foreign paths."""

from __future__ import annotations

import pytest

from dreambench.study.questionnaire import stamp
from tests.study.material import OTHER, RATER, Visitor, given, stamp_key


def test_no_answer_without_consent(visitor: Visitor) -> None:
    path = visitor.paths[RATER]
    form = {"question": "1", "answer": "left", "shown": stamp(stamp_key(visitor), RATER, 0, 0)}
    assert visitor.post(f"{path}/answer", form).headers["location"] == path
    assert given(visitor) == []


@pytest.mark.parametrize(
    "change", ["first", "last", "shorter", "longer", "other", "empty", "dots", "unicode"]
)
def test_a_tampered_token_opens_nothing(visitor: Visitor, change: str) -> None:
    path = visitor.start(RATER)
    token = path[3:]
    turned = {"first": ("A" if token[0] != "A" else "B") + token[1:], "shorter": token[:-1]}
    turned |= {
        "last": token[:-1] + ("A" if token[-1] != "A" else "B"),
        "longer": token + "A",
        "other": "x" * 22,
    }
    turned |= {"empty": "%20", "dots": "%2e%2e%2f%2e%2e", "unicode": "%C3%A9" * 22}
    for address in (f"/r/{turned[change]}", f"/r/{turned[change]}/instructions", f"/o/{turned[change]}"):
        answer = visitor.get(address)
        assert answer.status_code == 404
        assert token not in answer.text
    assert visitor.post(f"/r/{turned[change]}/answer", visitor.form(path, "left")).status_code == 404
    assert given(visitor) == []


def test_a_rater_is_no_organizer(visitor: Visitor) -> None:
    token = visitor.paths[RATER][3:]
    assert visitor.get(f"/o/{token}").status_code == 404
    assert visitor.get(f"/r/{visitor.paths['organizer'][3:]}").status_code == 404
    page = visitor.get(visitor.paths["organizer"]).text
    assert "0 of 18 answers; 0 of 6 raters have finished" in page


def test_a_replayed_answer_changes_nothing(visitor: Visitor) -> None:
    path = visitor.start(RATER)
    form = visitor.form(path, "left")
    assert visitor.post(f"{path}/answer", form).status_code == 303
    assert visitor.post(f"{path}/answer", form).status_code == 303  # a double click: kept once
    assert visitor.post(f"{path}/answer", {**form, "answer": "right"}).status_code == 409
    assert given(visitor) == [(RATER, 0, "left")]


def test_another_raters_form_is_refused(visitor: Visitor) -> None:
    mine, theirs = visitor.start(RATER), visitor.start(OTHER)
    assert visitor.post(f"{theirs}/answer", visitor.form(mine, "left")).status_code == 400
    assert given(visitor) == []


def test_a_question_cannot_be_answered_ahead_of_its_turn(visitor: Visitor) -> None:
    path = visitor.start(RATER)
    ahead = {"question": "2", "answer": "left", "shown": stamp(stamp_key(visitor), RATER, 1, 0)}
    assert visitor.post(f"{path}/answer", ahead).status_code == 409
    assert given(visitor) == []


@pytest.mark.parametrize(
    "change",
    [
        {"answer": "a"},
        {"answer": ""},
        {"answer": "left' OR 1=1 --"},
        {"question": "0"},
        {"question": "4"},
        {"question": "-1"},
        {"question": "1.0"},
        {"question": "\u0661"},
        {"question": "9" * 30},
        {"shown": ""},
        {"shown": "0.0"},
        {"shown": "1." + "0" * 32},
        {"padding": "x" * 5000},
    ],
)
def test_a_malformed_answer_is_refused(visitor: Visitor, change: dict[str, str]) -> None:
    path = visitor.start(RATER)
    answer = visitor.post(f"{path}/answer", {**visitor.form(path, "left"), **change})
    assert answer.status_code == 400
    assert given(visitor) == []
    assert visitor.answer(path, "left").status_code == 303


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"\xff\xfe&=&", "application/x-www-form-urlencoded"),
        (b"question=1&question=1&answer=left&shown=1", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % n for n in range(50)), "application/x-www-form-urlencoded"),
        (b"answer=%ff", "application/x-www-form-urlencoded"),
        (b'{"question": 1, "answer": "left"}', "application/json"),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
    ],
)
def test_a_body_that_is_no_form_is_refused(visitor: Visitor, body: bytes, kind: str) -> None:
    path = visitor.start(RATER)
    assert visitor.post(f"{path}/answer", body, kind).status_code == 400
    assert given(visitor) == []


@pytest.mark.parametrize(
    "name",
    [
        "..%2Fstudy.db",
        "%2e%2e/study.json",
        "..%2F..%2Flinks.csv",
        "%2Fetc%2Fpasswd",
        "x.webp",
        "study.db%00.webp",
    ],
)
def test_no_path_leads_out_of_the_pictures(visitor: Visitor, name: str) -> None:
    answer = visitor.get(f"{visitor.start(RATER)}/picture/{name}")
    assert answer.status_code == 404
    assert "links.csv" not in answer.text


def test_only_the_pictures_of_the_own_questionnaire_are_shown(visitor: Visitor) -> None:
    path = visitor.start(RATER)
    other = [pair for pair in visitor.plan.pairs if pair.questionnaire == 2 and pair.study == "subject"]
    own = [pair for pair in visitor.plan.pairs if pair.questionnaire == 1 and pair.study == "subject"]
    shown = {pair.picture_a for pair in own} | {pair.picture_b for pair in own}
    hidden = {pair.picture_a for pair in other} - shown
    assert hidden
    assert {visitor.get(f"{path}/picture/{name}").status_code for name in shown} == {200}
    assert {visitor.get(f"{path}/picture/{name}").status_code for name in hidden} == {404}
