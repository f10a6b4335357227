"""A rule that can't be judged: rows that somebody has spoilt by SQL, and receivers that crash."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test import Client

from equipment.tests.factories import CategoryFactory, EquipmentFactory
from faultreporter.notifications.models import Notification
from telemetry import tasks
from telemetry.models import Rule, RuleState, Series
from telemetry.rules import failures, standings
from telemetry.signals import rule_cleared, rule_fired
from telemetry.store.storage import Readings, store, ticks_of
from telemetry.tests.factories import RuleFactory, SeriesFactory
from telemetry.tests.hearing import News, heard

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEEP: dict[str, Any] = {"kind": "RATE_OF_CHANGE", "trigger_value": 5.0, "clear_value": None, "window_s": 60}


def minute(n: float) -> datetime:
    return NOW - timedelta(minutes=60 - n)


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> News:
    return heard(monkeypatch)


def send(lines: list[Series], *values: tuple[float, float]) -> None:
    """Readings as (minute, value), the same of each series."""
    store(Readings.of((line.pk, ticks_of(minute(n)), value) for line in lines for n, value in values), at=NOW)


def keys(lines: list[Series]) -> list[int]:
    return [line.pk for line in lines]


def spoil(rule: Rule, line: Series, memory: str = "[[1]]") -> None:
    """Its memory is nothing anybody can compute with."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE iot_rule_states SET memory = %s WHERE rule_id = %s AND series_id = %s", [memory, rule.pk, line.pk]
        )


@pytest.fixture
def lines() -> list[Series]:
    category = CategoryFactory()
    return [SeriesFactory.create(equipment=one) for one in EquipmentFactory.create_batch(9, category=category)]


@pytest.fixture
def steep(lines: list[Series]) -> Rule:
    return RuleFactory.create(
        equipment=None, category=lines[0].equipment.category, at=minute(0), title="Too steep", **STEEP
    )


@pytest.fixture
def too_warm(lines: list[Series]) -> Rule:
    return RuleFactory.create(equipment=None, category=lines[0].equipment.category, at=minute(0))


@pytest.fixture
def spoilt(lines: list[Series], steep: Rule, too_warm: Rule) -> Series:
    """The fourth series, whose state of the steep rule is spoilt; each has one reading, and a leap in the next."""
    send(lines, (1, 60))
    tasks.evaluate_in_turn(keys(lines))
    spoil(steep, lines[3])
    send(lines, (3, 90))
    return lines[3]


def failing() -> list[tuple[Any, int]]:
    return list(RuleState.objects.failing().order_by("rule", "series").values_list("rule", "series"))


def told(news: News) -> set[tuple[Any, int]]:
    return {(facts["rule"].pk, facts["series"].pk) for facts in news.facts}


def test_it_works(news: News, lines: list[Series], steep: Rule, too_warm: Rule, spoilt: Series) -> None:
    tasks.readings_arrived(series=keys(lines))

    everything = {(rule.pk, line.pk) for rule in (steep, too_warm) for line in lines}
    assert told(news) == everything - {(steep.pk, spoilt.pk)}
    assert len(news.told) == 17
    state = RuleState.objects.failing().get()
    assert (state.rule, state.series, state.failing_since, state.failed_at) == (steep, spoilt, NOW, NOW)
    assert state.last_error.startswith("ValueError: not enough values to unpack")


def test_what_fails_is_left_out_of_the_next_batch_at_once(
    news: News, lines: list[Series], steep: Rule, spoilt: Series, django_assert_max_num_queries: Any
) -> None:
    tasks.readings_arrived(series=keys(lines))
    send(lines, (4, 60))

    with django_assert_max_num_queries(9):  # one transaction, as if all were well
        failures.evaluate(keys(lines))

    assert news.told.count(("RECOVERED", minute(4))) == 17
    assert standings.series_left_behind(limit=10) == []


def test_the_sweep_takes_it_up_again_as_soon_as_it_can(
    news: News, lines: list[Series], steep: Rule, spoilt: Series
) -> None:
    tasks.readings_arrived(series=keys(lines))
    with time_machine.travel(NOW + timedelta(seconds=30), tick=False):
        tasks.sweep_rules()
    state = RuleState.objects.failing().get()
    assert (state.failing_since, state.failed_at) == (NOW, NOW + timedelta(seconds=30))

    spoil(steep, spoilt, "[]")
    send([spoilt], (4, 60), (5, 90))
    assert (steep.pk, spoilt.pk) not in told(news)
    tasks.sweep_rules()

    assert failing() == []
    assert (steep.pk, spoilt.pk) in told(news)
    assert RuleState.objects.filter(failed_at=None, last_error="").count() == 18


def test_an_edit_begins_anew(news: News, lines: list[Series], steep: Rule, spoilt: Series) -> None:
    tasks.readings_arrived(series=keys(lines))
    assert failing() == [(steep.pk, spoilt.pk)]

    steep.change(by=None, at=minute(3.5), trigger_value=6.0, clear_value=6.0)
    tasks.evaluate_rule(rule=str(steep.pk))
    send(lines, (4, 60), (5, 90))
    tasks.readings_arrived(series=keys(lines))

    assert failing() == []
    assert (steep.pk, spoilt.pk) in told(news)


@pytest.mark.parametrize("how", ["delete", "recategorise"])
def test_a_failing_state_of_a_machine_that_left_is_forgotten(
    news: News, lines: list[Series], spoilt: Series, how: str
) -> None:
    tasks.readings_arrived(series=keys(lines))

    if how == "delete":
        spoilt.equipment.soft_delete(by=None, at=NOW)
    else:
        spoilt.equipment.change(by=None, at=NOW, category=None)
    tasks.sweep_rules()

    assert failing() == []


def test_a_rule_that_fails_everywhere_hinders_no_other(
    news: News, lines: list[Series], steep: Rule, too_warm: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "MOST_ATTEMPTS", 4)
    send(lines, (1, 60))
    tasks.evaluate_in_turn(keys(lines))
    with connection.cursor() as cursor:
        cursor.execute("""UPDATE iot_rules SET weekly_hours = '{"SUN": [["x", "y"]]}' WHERE id = %s""", [steep.pk])
    send(lines, (3, 90))

    tasks.readings_arrived(series=keys(lines))

    assert told(news) == {(too_warm.pk, line.pk) for line in lines}
    assert failing() == [(steep.pk, line.pk) for line in lines]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE iot_rules SET weekly_hours = NULL")
    tasks.sweep_rules()
    assert (failing(), len(news.told)) == ([], 18)


def test_a_state_that_could_never_be_made_is_marked_too(news: News, lines: list[Series], steep: Rule) -> None:
    """The first readings a rule sees, and its hours are nothing."""
    with connection.cursor() as cursor:
        cursor.execute("""UPDATE iot_rules SET weekly_hours = '{"SUN": [["x", "y"]]}'""")
    send(lines, (1, 60), (3, 90))

    tasks.readings_arrived(series=keys(lines))

    assert failing() == [(steep.pk, line.pk) for line in lines]


def test_people_are_told_once(
    news: News, lines: list[Series], steep: Rule, spoilt: Series, adam: Any, client: Client
) -> None:
    for _ in range(2):
        tasks.readings_arrived(series=keys(lines))
        tasks.sweep_rules()

    (line,) = Notification.objects.filter(user=adam)
    assert (line.title, line.subject_id) == ("An alarm rule can't be judged", str(steep.pk))
    assert "Too steep" in line.body
    assert "rules_failing_series 1.0" in client.get("/metrics").content.decode()
    check = client.get("/health/ready").json()["checks"]["rules"]
    assert check == "degraded: not judged on 1 series, the first since 2026-03-01 12:00 UTC"


def test_the_api_says_so(
    news: News, lines: list[Series], steep: Rule, too_warm: Rule, spoilt: Series, api: Any, mona: Any
) -> None:
    tasks.readings_arrived(series=keys(lines))

    data = api(mona).get(f"/api/v1/iot-rules/{steep.pk}").json()["data"]
    assert (data["failing_count"], data["failing_since"]) == (1, "2026-03-01T12:00:00Z")
    assert data["last_error"].startswith("ValueError")
    well = api(mona).get(f"/api/v1/iot-rules/{too_warm.pk}").json()["data"]
    assert (well["failing_count"], well["failing_since"], well["last_error"]) == (0, None, "")
    found = api(mona).get("/api/v1/iot-rules?is_failing=true").json()["data"]
    assert [one["id"] for one in found] == [str(steep.pk)]
    others = api(mona).get("/api/v1/iot-rules?is_failing=false").json()["data"]
    assert [one["id"] for one in others] == [str(too_warm.pk)]
    states = api(mona).get(f"/api/v1/iot-rules/{steep.pk}/states?page_size=100").json()["data"]
    said = {one["series_id"]: one["failing_since"] for one in states}
    assert said == {line.pk: "2026-03-01T12:00:00Z" if line == spoilt else None for line in lines}


def test_the_back_office_says_so(
    news: News, lines: list[Series], steep: Rule, spoilt: Series, backoffice: Any, mona: Any
) -> None:
    tasks.readings_arrived(series=keys(lines))
    browser = backoffice(mona)

    pages = (f"rule/{steep.pk}/change/", "rulestate/?failing_since__isempty=0")
    texts = [browser.get(f"/admin/telemetry/{page}").content.decode() for page in pages]

    assert all("not enough values to unpack" in text for text in texts)
    assert browser.get("/admin/telemetry/rule/?o=8").status_code == 200


def test_what_concerns_everybody_is_no_failure_of_a_rule(news: News, lines: list[Series], spoilt: Series) -> None:
    def deadlock(**_: Any) -> None:
        raise OperationalError("deadlock detected")

    RuleState.objects.filter(series=spoilt).update(memory=None)
    rule_fired.connect(deadlock)

    with pytest.raises(OperationalError):
        failures.evaluate(keys(lines))

    assert failing() == []


def test_a_receiver_that_crashes_on_one_machine_stops_no_other(
    news: News, lines: list[Series], steep: Rule, too_warm: Rule, spoilt: Series
) -> None:
    def crash(series: Series, rule: Rule, **_: Any) -> None:
        if series == lines[5] and rule == too_warm:
            raise RuntimeError("no such alert")

    rule_fired.connect(crash)
    tasks.readings_arrived(series=keys(lines))

    assert failing() == sorted([(steep.pk, spoilt.pk), (too_warm.pk, lines[5].pk)])
    rule_fired.disconnect(crash)
    tasks.sweep_rules()
    assert failing() == [(steep.pk, spoilt.pk)]
    assert (too_warm.pk, lines[5].pk) in told(news)


def test_a_receiver_that_crashes_at_a_machine_that_left_stops_no_sweep(
    news: News, lines: list[Series], too_warm: Rule
) -> None:
    def crash(series: Series, **_: Any) -> None:
        if series == lines[0]:
            raise RuntimeError("no such alert")

    send(lines[:2], (1, 90))
    tasks.readings_arrived(series=keys(lines))
    for line in lines[:2]:
        line.equipment.change(by=None, at=NOW, category=None)
    send(lines[2:], (1, 90))
    rule_cleared.connect(crash)

    tasks.sweep_rules()

    assert [what for what, _ in news.told].count("OUT_OF_SCOPE") == 2  # the one that crashed was heard first, in vain
    assert told(news) == {(too_warm.pk, line.pk) for line in lines}
    assert failing() == [(too_warm.pk, lines[0].pk)]
    rule_cleared.disconnect(crash)
    tasks.sweep_rules()
    assert failing() == []
