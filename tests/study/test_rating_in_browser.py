"""A complete study in a real browser: three raters, one of them interrupted, the server killed on the way."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dreambench.cli import main
from dreambench.study.folder import StudyFolder, read_plan
from dreambench.study.study_plan import Pair, Rater, StudyPlan
from tests.material.accessibility import faults
from tests.material.chromium import Server, chromium, free_port, until
from tests.study.material import make_two_runs, read_csv

pytestmark = pytest.mark.slow

SIDES = {"a": "Image A", "b": "Image B", "undecided": "Cannot tell / both equally"}
KEYS = {"a": "a", "b": "b", "undecided": "e"}

# What each rater means to prefer, by the number of the pair: a is the first run. By hand: pair 0 is a-a-b,
# pair 1 is b-b-b, pair 2 is a-b-undecided (a tie), pair 3 is undecided-undecided-a. So one pair of four is
# won by each run, and two are undecided.
MEANT = {
    "subject-01-1": ["a", "b", "a", "undecided"],
    "subject-01-2": ["a", "b", "b", "undecided"],
    "subject-01-3": ["b", "b", "undecided", "a"],
}


class Person:
    """One rater's browser window, with the addresses that it asked for."""

    def __init__(self, browser, link: str, plan: StudyPlan, rater: Rater, **options: object) -> None:
        self.context = browser.new_context(**options)
        self.hosts: set[str] = set()
        self.context.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        self.context.set_default_timeout(60_000)
        self.page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.link, self.plan, self.rater, self.given = link, plan, rater, 0

    def begin(self) -> None:
        """Open the link, consent, read the instructions; the first question is there then."""
        from playwright.sync_api import expect

        self.page.goto(self.link)
        self.page.get_by_role("button", name="take part").click()
        self.page.get_by_role("link", name="Start").click()
        expect(self.page).to_have_title("Question 1 of 4", timeout=60_000)

    def side(self) -> str:
        """Return the answer, as it is on the page, that the rater means to give now."""
        step = self.rater.steps[self.given]
        item = self.plan.items[step.item]
        assert isinstance(item, Pair)
        meant = MEANT[self.rater.name][int(item.name[-4:])]
        return {"a": "b", "b": "a"}.get(meant, meant) if step.swapped else meant

    def answer(self, by_key: bool = False) -> None:
        """Answer the question on the page, and wait for what follows."""
        from playwright.sync_api import expect

        self.is_at(self.given + 1)
        side, before = self.side(), self.page.title()
        if by_key:
            until(self.page, "[...document.images].every(image => image.complete)")
            self.page.keyboard.press(KEYS[side])
        else:
            self.page.get_by_role("button", name=SIDES[side], exact=True).click()
        expect(self.page).not_to_have_title(before, timeout=60_000)
        self.given += 1

    def is_at(self, number: int) -> None:
        """Check that the page is this question, with all of its images there."""
        from playwright.sync_api import expect

        expect(self.page).to_have_title(f"Question {number} of 4", timeout=60_000)
        widths = "Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))"
        images = self.page.evaluate(widths)
        assert len(images) == 4
        assert all(images)


@pytest.fixture
def study(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[StudyFolder, int]:
    """Four pairs for three raters, whose links lead to a port that is free."""
    ours, theirs = make_two_runs(tmp_path)
    port, out = free_port(), tmp_path / "study"
    words = f"--studies subject --questionnaires 1 --questions 4 --raters 3 --url http://127.0.0.1:{port}"
    with pytest.raises(SystemExit) as ended:
        main(["study", "create", str(ours.path), str(theirs.path), "--out", str(out), *words.split()])
    assert not ended.value.code
    capsys.readouterr()
    return StudyFolder(out), port


def test_a_whole_study(study: tuple[StudyFolder, int], capsys: pytest.CaptureFixture[str]) -> None:
    folder, port = study
    plan, links = read_plan(folder), {row["rater"]: row["link"] for row in folder.links()}
    raters = {rater.name: rater for rater in plan.raters}
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    laptop = {"viewport": {"width": 1440, "height": 900}}
    with chromium() as browser, Server(folder.path, port) as server:
        first, second, third = (
            Person(browser, links[name], plan, raters[name], **options)
            for name, options in zip(MEANT, (laptop, phone, {"color_scheme": "dark"}), strict=True)
        )
        first.begin()
        first.is_at(1)
        assert first.page.evaluate("document.documentElement.scrollHeight") == 900  # nobody has to scroll
        first.answer()
        first.answer()
        first.is_at(3)
        server.kill()  # between two answers
        server.start()
        first.answer()  # from the page that was open when the server went away

        second.begin()
        second.answer()
        second.context.close()  # interrupted: the window is closed in the middle
        third.begin()
        for _ in range(4):
            third.answer(by_key=True)
        assert third.page.title() == "Thank you"

        resumed = Person(browser, links[second.rater.name], plan, second.rater)
        resumed.given = second.given
        resumed.page.goto(resumed.link)
        for _ in range(3):
            resumed.answer()
        first.answer()
        first.page.goto(first.link)
        assert first.page.title() == "Thank you"

        organizer = browser.new_page()
        organizer.goto(links[""])
        assert "12 of 12 answers; 3 of 3 raters have finished" in organizer.inner_text("main")
        for person in (first, second, third, resumed):
            assert person.hosts == {f"127.0.0.1:{port}"}
            assert person.problems == []
    _holds_exactly_what_was_meant(folder, capsys)


def _holds_exactly_what_was_meant(folder: StudyFolder, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["study", "export", str(folder.path), "--json"])
    assert not ended.value.code
    printed = json.loads(capsys.readouterr().out)
    rows = read_csv(folder.votes_file)
    given: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        given[row["rater"]][row["pair"]] = row["answer"]
        assert 0 < float(row["seconds"]) < 120
        assert (row["method_a"], row["method_b"]) == ("ours", "theirs")
    assert len(rows) == 12
    assert {rater: [answer for _, answer in sorted(a.items())] for rater, a in given.items()} == MEANT

    table = printed["studies"][0]["preference"]
    names = {"a": "ours", "b": "theirs", "undecided": "undecided"}
    assert {o: table["majority"][name]["count"] for o, name in names.items()} == {
        "a": 1,
        "b": 1,
        "undecided": 2,
    }
    assert [table["majority"][name]["share"] for name in names.values()] == [0.25, 0.25, 0.5]
    counted = {outcome: table["answers"][name]["count"] for outcome, name in names.items()}
    assert counted == Counter(answer for answers in MEANT.values() for answer in answers)
    assert printed["studies"][0]["paper"]["a"] == 0.68


def test_the_pages_need_no_script_and_fit_on_a_phone(study: tuple[StudyFolder, int]) -> None:
    folder, port = study
    plan, links = read_plan(folder), {row["rater"]: row["link"] for row in folder.links()}
    options = {"java_script_enabled": False, "viewport": {"width": 360, "height": 780}}
    with chromium() as browser, Server(folder.path, port):
        person = Person(browser, links[plan.raters[0].name], plan, plan.raters[0], **options)
        person.begin()
        assert person.page.evaluate("document.documentElement.scrollWidth") <= 360
        left, right = (person.page.get_by_alt_text(name).bounding_box() for name in ("Image A", "Image B"))
        assert left["y"] == right["y"]
        assert left["x"] + left["width"] < right["x"]
        for number in range(4):
            person.page.get_by_text(f"Question {number + 1} of 4").wait_for()
            person.page.get_by_role("button", name="Image B", exact=True).click()
        person.page.get_by_role("heading", name="Thank you").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(study: tuple[StudyFolder, int], scheme: str) -> None:
    folder, port = study
    plan, links = read_plan(folder), {row["rater"]: row["link"] for row in folder.links()}
    options = {"bypass_csp": True, "color_scheme": scheme}
    with chromium() as browser, Server(folder.path, port):
        person = Person(browser, links[plan.raters[0].name], plan, plan.raters[0], **options)
        person.page.goto(person.link)
        assert faults(person.page) == []  # consent
        person.page.get_by_role("button", name="take part").click()
        person.page.get_by_role("link", name="Start").wait_for()
        assert faults(person.page) == []  # instructions
        person.page.get_by_role("link", name="Start").click()
        person.is_at(1)
        assert faults(person.page) == []  # a question
        for _ in range(4):
            person.answer()
        assert faults(person.page) == []  # thanks
        for place in (links[""], f"http://127.0.0.1:{port}/r/nobody"):
            person.page.goto(place)
            assert faults(person.page) == []


def test_a_key_that_is_held_or_turned_off_answers_nothing(study: tuple[StudyFolder, int]) -> None:
    folder, port = study
    plan, links = read_plan(folder), {row["rater"]: row["link"] for row in folder.links()}
    with chromium() as browser, Server(folder.path, port):
        person = Person(browser, links[plan.raters[0].name], plan, plan.raters[0])
        person.begin()
        person.is_at(1)
        person.page.keyboard.press("Control+b")
        person.page.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'a', repeat: true}))")
        person.page.get_by_role("button", name="Turn keys off").click()
        person.page.keyboard.press("a")
        person.page.wait_for_timeout(300)
        person.is_at(1)
        person.page.get_by_role("button", name="Turn keys on").click()
        person.page.keyboard.press("a")
        from playwright.sync_api import expect

        expect(person.page).to_have_title("Question 2 of 4", timeout=60_000)
