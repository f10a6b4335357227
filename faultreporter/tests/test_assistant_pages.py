"""The assistant's pages in a real browser: regions on photos, progress, the queue by keyboard."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import Page

from aiassist.models import Analysis, AnalysisReview
from aiassist.tests.answers import answer, issue
from aiassist.tests.factories import make_analysis, make_answered
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.attachments.tests.pictures import photograph
from faultreporter.roles import Role
from faultreporter.tests.browsing import DESKTOP, PHONE, Visitor, chromium, started
from faultreporter.tests.test_browser import person, sign_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine: apt install chromium"),
]
ANALYSES = "/admin/aiassist/analysis/"
# Where the first region is on the photograph as it is shown, as shares of it, and how it is filled.
REGION = """() => {
  const [photo, rect] = ["img", "[data-region='1'] rect"].map(name => document.querySelector(`.ai-photo ${name}`));
  const [whole, part] = [photo, rect].map(element => element.getBoundingClientRect());
  const { fill } = getComputedStyle(rect);
  return { x: (part.x - whole.x) / whole.width, y: (part.y - whole.y) / whole.height,
           width: part.width / whole.width, height: part.height / whole.height, fill };
}"""


@pytest.fixture
def manager(transactional_db: None) -> User:
    return person(Role.MANAGER)


@pytest.fixture
def judgeable(manager: User) -> Analysis:
    photo = make_attachment(content=photograph(size=(1600, 900)))
    found = answer(
        issues=[issue(), issue(title="Belt loose", region={"x": 0.6, "y": 0.6, "width": 0.3, "height": 0.3})]
    )
    return make_answered(needs_review=True, equipment=EquipmentFactory.create(), images=(photo,), answer=found)


def meanwhile(analysis: Analysis, **fields: Any) -> None:
    """What a worker writes; in a thread, for the browser's event loop holds this one."""

    def write() -> None:
        Analysis.objects.filter(pk=analysis.pk).update(**fields)
        connection.close()

    with ThreadPoolExecutor(1) as worker:
        worker.submit(write).result()


def region(page: Page) -> tuple[dict[str, float], str]:
    page.wait_for_function("document.querySelector('.ai-photo img').naturalWidth > 0")
    seen = page.evaluate(REGION)
    return {name: round(seen[name], 2) for name in ("x", "y", "width", "height")}, seen["fill"]


def test_a_region_lies_where_the_issue_is_seen(live_server: Any, manager: User, judgeable: Analysis) -> None:
    seen = []
    with started() as browser:
        visitor = Visitor(browser.new_context(), live_server.url)
        sign_in(visitor, manager.email)
        page = visitor.page
        for size in (PHONE, DESKTOP):
            visitor.visit(f"{ANALYSES}{judgeable.pk}/change/", size, shows="[data-region]")
            plain = region(page)
            page.hover("[data-issue='1'] h3")
            marked = region(page)
            page.hover("[data-region='2'] text")
            framed = page.evaluate("getComputedStyle(document.querySelector(\"[data-issue='2']\")).boxShadow")
            seen.append((plain[0], plain[1] != marked[1], framed != "none"))
        page.click("[data-region='1'] text")
        page.wait_for_url("**#issue-1")

    place = {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4}
    assert seen == [(place, True, True)] * 2
    assert visitor.faults == []


def test_the_page_follows_the_course_until_there_is_an_answer(live_server: Any, manager: User) -> None:
    analysis = make_analysis(equipment=EquipmentFactory.create())
    with started() as browser:
        visitor = Visitor(browser.new_context(), live_server.url)
        sign_in(visitor, manager.email)
        visitor.visit(f"{ANALYSES}{analysis.pk}/change/", PHONE, DESKTOP, shows="[data-running]")
        page = visitor.page

        meanwhile(analysis, stage="ASKING")
        page.wait_for_selector("[aria-current=step] >> text=Asking the provider")
        meanwhile(
            analysis, status="SUCCEEDED", stage="DONE", finished_at=timezone.now(), result=answer(), confidence=0.7,
            severity="HIGH", provider="OPENAI",
        )  # fmt: skip
        page.wait_for_selector("text=The fan runs, but its bearing is worn.")
        running = page.locator("[data-running]").count()

    assert (running, visitor.faults) == (0, [])


def test_the_queue_is_worked_off_by_keyboard(live_server: Any, manager: User, judgeable: Analysis) -> None:
    later = make_answered(needs_review=True, severity="LOW", equipment=EquipmentFactory.create())
    with started() as browser:
        visitor = Visitor(browser.new_context(), live_server.url)
        sign_in(visitor, manager.email)
        visitor.visit(f"{ANALYSES}review/", PHONE, DESKTOP, shows="[data-line]")
        page = visitor.page

        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/review/{judgeable.pk}/")
        page.keyboard.press("e")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.type("are you sure")  # letters in a field are no commands
        page.keyboard.press("Escape")
        page.keyboard.press("a")
        page.wait_for_url(f"**/review/{later.pk}/")
        visitor.look(PHONE)
        page.keyboard.press("r")
        page.wait_for_selector("text=Nothing waits for a review")
        for path in (f"review/{judgeable.pk}/", f"review/{judgeable.pk}/order/", "costs/", "comparison/"):
            visitor.visit(f"{ANALYSES}{path}", PHONE, DESKTOP)

    said = {review.analysis_id: (review.verdict, review.note) for review in AnalysisReview.objects.all()}
    assert said == {judgeable.pk: ("ACCEPTED", "are you sure"), later.pk: ("REJECTED", "")}
    assert visitor.faults == []
