"""Telemetry in a real browser: readings that move a machine's live page, and a rule tried on the past."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from csp.constants import SELF
from django.db import connection
from django.utils import timezone
from playwright.sync_api import Page

from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.outbox.testing import deliver
from faultreporter.roles import Role
from faultreporter.tests.browsing import DESKTOP, PHONE, Visitor, chromium, started
from faultreporter.tests.streams import StreamProcess, stream_process
from faultreporter.tests.test_browser import person, sign_in
from telemetry.intake.ingest import ingest
from telemetry.models import LatestReading, Quality, Rule, Series
from telemetry.tests.factories import CounterFactory, MetricFactory, RuleFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine: apt install chromium"),
]
VALUE = "document.querySelector('[data-value]').textContent"
LINE = "document.querySelector('.chart-line').getAttribute('d')"


@pytest.fixture
def manager(transactional_db: None) -> User:
    return person(Role.MANAGER)


@pytest.fixture
def rule(manager: User) -> Rule:
    """Above 80 °C, over at 75."""
    MetricFactory.create()
    rule: Rule = RuleFactory.create(equipment=EquipmentFactory.create())
    return rule


@pytest.fixture
def stream(live_server: Any, settings: Any, clean_redis: Any, manager: User) -> Iterator[StreamProcess]:
    """Where the pages hear the stream: a process of its own, on another port of the same host."""
    with stream_process(PUBLIC_URL=live_server.url) as running:
        settings.STREAM_URL = f"http://localhost:{running.port}"
        settings.BACK_OFFICE_CSP = {**settings.BACK_OFFICE_CSP, "connect-src": [SELF, settings.STREAM_URL]}
        yield running


def measure(machine: Equipment, *values: float, apart: timedelta = timedelta(minutes=1)) -> None:
    """Readings so far apart, the last one just now."""
    now = timezone.now()
    sent = [
        {"value": value, "recorded_at": (now - back * apart).isoformat()} for back, value in enumerate(reversed(values))
    ]
    ingest([{"equipment_id": str(machine.pk), "metric": "temperature", **one} for one in sent], at=now)
    deliver()


def meanwhile(machine: Equipment, *values: float) -> None:
    """Readings that come while somebody looks; in a thread, for the browser's event loop holds this one."""

    def send() -> None:
        measure(machine, *values)
        connection.close()

    with ThreadPoolExecutor(1) as gateway:
        gateway.submit(send).result()


def moved(page: Page, value: str, line: str) -> None:
    """The page shows the new value, and its chart is no longer the one of before."""
    page.wait_for_function(f"{VALUE} === '{value}' && {LINE} !== '{line}'")


def test_a_reading_moves_the_value_and_the_chart_also_after_the_stream_was_lost(
    live_server: Any, settings: Any, stream: StreamProcess, manager: User, rule: Rule
) -> None:
    machine = rule.equipment
    measure(machine, 70, 71, 72)

    with started() as browser:
        visitor = Visitor(browser.new_context(), live_server.url, settings.STREAM_URL)
        sign_in(visitor, manager.email)
        page = visitor.page
        visitor.visit(f"/admin/equipment/equipment/{machine.pk}/live/", DESKTOP, PHONE, shows=".chart-line")
        page.wait_for_selector(".live-state.is-live")
        limits, lines = page.locator(".chart-limit-name").all_text_contents(), page.locator("line.chart-limit").count()
        page.evaluate("window.isTheSamePage = true")
        before = page.evaluate(LINE)

        meanwhile(machine, 83.5)
        moved(page, "83.5", before)
        page.wait_for_selector(".live-alerts >> text=Too warm")
        visitor.look(PHONE)
        faults, before = list(visitor.faults), page.evaluate(LINE)

        stream.stop()
        page.wait_for_selector(".live-state.is-polling")
        meanwhile(machine, 66.25)
        stream.start()
        page.wait_for_selector(".live-state.is-live")
        moved(page, "66.25", before)
        is_the_same = page.evaluate("window.isTheSamePage")

    assert (limits, lines) == (["> 80 °C", "over at ≤ 75 °C"], 2)
    assert is_the_same is True
    assert faults == []


def test_other_limits_are_drawn_and_say_how_many_alerts_there_would_have_been(
    live_server: Any, manager: User, rule: Rule
) -> None:
    measure(rule.equipment, 70, 85, 90, 70, 85, 70, apart=timedelta(hours=1))

    with started() as browser:
        visitor = Visitor(browser.new_context(), live_server.url)
        sign_in(visitor, manager.email)
        page = visitor.page
        visitor.visit("/admin/telemetry/latestreading/", PHONE, shows="#result_list")
        label = page.evaluate("getComputedStyle(document.querySelector('#result_list td'), '::before').content")
        visitor.visit(f"/admin/telemetry/rule/{rule.pk}/try/", DESKTOP, PHONE, shows=".chart-line")
        tried = [outcome(page)]
        for trigger in ("88", "95"):
            page.fill("[name=trigger_value]", trigger)
            page.click("[data-run]")
            page.wait_for_selector(f".chart-limit-name >> text=> {trigger} °C")
            tried.append(outcome(page))
        episodes = page.inner_text("[data-episodes]")
        faults = list(visitor.faults)
        page.fill("[name=clear_value]", "99")
        page.click("[data-run]")
        refusal = page.wait_for_selector("[data-problem=clear_value]:not(:empty)").inner_text()
        wrong = page.evaluate("[document.activeElement.name, document.activeElement.getAttribute('aria-describedby')]")
        page.fill("[name=clear_value]", "90")
        page.click("[data-run]")
        page.click("[data-apply]:enabled")
        page.wait_for_url(f"**/rule/{rule.pk}/change/")
        kept = page.input_value("[name=trigger_value]"), page.input_value("[name=clear_value]")

    assert label == "none"  # unfold calls a list's first cell "Select record" on phones, whatever is in it
    assert tried == [("2", 2), ("1", 1), ("0", 0)]
    assert episodes.strip() == "The rule would not have raised an alert."
    assert "quiet side of the trigger value" in refusal
    assert wrong == ["clear_value", "problem-clear_value"]
    assert kept == ("95", "90")
    assert faults == []


def outcome(page: Page) -> tuple[str, int]:
    """How many alerts the page tells, and how many it draws."""
    return page.inner_text("[data-count=alerts]"), page.locator(".chart-span.is-firing").count()


def test_wrong_readings_are_marked_in_the_curve_before_they_are_declared_void(
    live_server: Any, manager: User, rule: Rule, settings: Any
) -> None:
    settings.STREAM_URL = ""
    measure(rule.equipment, *[70] * 20, *[120] * 8, *[71] * 12, apart=timedelta(minutes=10))
    series, at = rule.equipment.series.get(), timezone.now()

    with started() as browser:
        visitor = Visitor(browser.new_context(), live_server.url)
        sign_in(visitor, manager.email)
        page = visitor.page
        visitor.visit(f"/admin/telemetry/series/{series.pk}/void/", DESKTOP, PHONE, shows=".try-form")
        page.fill("[name=since]", f"{at - timedelta(minutes=195):%Y-%m-%dT%H:%M}")
        page.fill("[name=until]", f"{at - timedelta(minutes=115):%Y-%m-%dT%H:%M}")
        page.fill("[name=reason]", "Electricians tested.")
        page.click("text=Show what would be void")
        page.wait_for_selector(".chart-span.is-firing")
        tiles = page.locator(".try-tiles dd").all_text_contents()
        visitor.look(DESKTOP)
        visitor.look(PHONE)
        page.click("[name=confirmed]")
        page.wait_for_url("**/telemetry/readingvoid/*/change/**")
        visitor.visit("/admin/telemetry/readingvoid/", DESKTOP, PHONE)

    assert tiles == ["8", "0", "0"]
    assert series.readings.filter(quality=Quality.VOID).count() == series.readings.filter(value=120).count() == 8
    assert visitor.faults == []


def test_a_dial_is_typed_on_a_phone_and_a_typing_error_is_asked_about(live_server: Any, manager: User) -> None:
    counter: Series = CounterFactory.create()
    names = {"equipment_id": str(counter.equipment_id), "metric": "energy"}
    now = timezone.now()
    ingest([{**names, "value": 1000, "recorded_at": (now - timedelta(days=1)).isoformat()}], at=now)
    submit = "form:has([name=value]) button[type=submit]"

    with started() as browser:
        visitor = Visitor(browser.new_context(), live_server.url)
        sign_in(visitor, manager.email)
        page = visitor.page
        machine_page = f"/admin/equipment/equipment/{counter.equipment_id}"
        visitor.visit(f"{machine_page}/enter/", DESKTOP, PHONE, shows="[name=metric]")
        visitor.visit(f"{machine_page}/change/", DESKTOP, PHONE, shows="text=Enter a reading")
        visitor.visit(f"/admin/telemetry/series/{counter.pk}/enter/", DESKTOP, PHONE, shows="[name=value]")
        page.fill("[name=value]", "110")
        page.click(submit)
        page.wait_for_selector("text=110 kWh is not what was to be expected")
        visitor.look(DESKTOP)
        visitor.look(PHONE)
        page.check("[name=confirm]")
        page.click(submit)
        page.wait_for_url(f"**/series/{counter.pk}/change/")
        page.wait_for_selector("text=110 kWh is stored.")
        visitor.visit("/admin/telemetry/handreading/", DESKTOP, PHONE, shows="text=110 kWh")
        faults = list(visitor.faults)

    assert LatestReading.objects.get(series=counter).value == 110
    assert faults == []
