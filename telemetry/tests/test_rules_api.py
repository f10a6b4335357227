"""Kinds, versions, states and maintenance windows over REST."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from equipment.tests.factories import CategoryFactory, EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.demo.readings import OTHER_RULES
from faultreporter.outbox.testing import deliver
from faultreporter.testing import assert_error
from telemetry.intake.ingest import ingest
from telemetry.models import MaintenanceWindow
from telemetry.tests.factories import MetricFactory, RuleFactory, SeriesFactory

pytestmark = pytest.mark.django_db

Api = Callable[[User | None], APIClient]
RULES, WINDOWS = "/api/v1/iot-rules", "/api/v1/maintenance-windows"


def body(**fields: Any) -> dict[str, Any]:
    return {"title": "Odd", "equipment_id": str(EquipmentFactory().pk), "metric": MetricFactory().code, **fields}


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({"kind": "THRESHOLD", "trigger_value": 80}, "> 80 °C"),
        ({"kind": "RANGE", "low_value": 10, "high_value": 20}, "outside 10 to 20 °C"),
        ({"kind": "RATE_OF_CHANGE", "trigger_value": 3, "window_s": 300, "rate_per": "HOUR"}, "> 3 °C per hour"),
        (
            {"kind": "RATE_OF_CHANGE", "trigger_value": 3, "window_s": 300, "comparison": "EITHER"},
            "> 3 °C per minute either way",
        ),
        ({"kind": "STALE", "stale_after_s": 600}, "no reading for 10 min"),
        ({"kind": "STUCK", "stuck_for_s": 7200, "tolerance": 0.5}, "within 0.5 °C for 2 h"),
    ],
)
def test_every_kind_works(api: Api, mona: User, fields: dict[str, Any], limit: str) -> None:
    created = api(mona).post(RULES, body(**fields))

    assert created.status_code == 201, created.json()
    data = created.json()["data"]
    assert (data["limit"], data["version"]) == (limit, 1)
    assert {name: data[name] for name in fields} == fields
    put_back = api(mona).put(f"{RULES}/{data['id']}", fields)
    assert put_back.json()["data"]["version"] == 1


def test_a_field_that_the_kind_does_not_take_is_refused(api: Api, mona: User) -> None:
    response = api(mona).post(RULES, body(kind="STALE", stale_after_s=600, trigger_value=80))

    assert_error(response, 400, "VALIDATION_ERROR", "trigger_value")


def test_versions_and_states(api: Api, mona: User, rita: User) -> None:
    line = SeriesFactory.create()
    rule = RuleFactory.create(equipment=line.equipment)
    api(mona).patch(f"{RULES}/{rule.pk}", {"trigger_value": 90})
    ingest([{"equipment_id": str(line.equipment_id), "metric": "temperature", "value": 99}], at=timezone.now())
    deliver()

    versions = api(rita).get(f"{RULES}/{rule.pk}/versions").json()["data"]
    assert [(one["version"], one["config"]["trigger_value"]) for one in versions] == [(2, 90.0), (1, 80.0)]
    assert versions[0]["changed_by_id"] == str(mona.pk)
    (state,) = api(rita).get(f"{RULES}/{rule.pk}/states").json()["data"]
    assert (state["state"], state["is_told"], state["version"], state["last_value"]) == ("FIRING", True, 2, 99.0)


def test_where_a_rule_stands_is_a_list_like_any_other(api: Api, rita: User) -> None:
    rule = RuleFactory.create(equipment=None, category=CategoryFactory())
    lines = [SeriesFactory.create(equipment__category=rule.category) for _ in range(3)]
    readings = [(line, value) for line, value in zip(lines, (99, 99, 20), strict=True)]
    ingest(
        [{"equipment_id": str(line.equipment_id), "metric": "temperature", "value": value} for line, value in readings],
        at=timezone.now(),
    )
    deliver()
    url = f"{RULES}/{rule.pk}/states"

    second = api(rita).get(url, {"page": 2, "page_size": 2}).json()
    assert (len(second["data"]), second["pagination"]["total_count"]) == (1, 3)
    firing = api(rita).get(url, {"state": "firing,recovering"}).json()["data"]
    assert {one["series_id"] for one in firing} == {lines[0].pk, lines[1].pk}
    (own,) = api(rita).get(url, {"equipment_id": str(lines[2].equipment_id)}).json()["data"]
    assert own["state"] == "NORMAL"
    assert_error(api(rita).get(url, {"state": "odd"}), 400, "INVALID_PARAMETER", "state")
    assert api(rita).get(f"{RULES}/{rule.pk}/versions", {"page": 2}).json()["data"] == []


def test_rules_are_ordered_by_how_severe_they_are(api: Api, rita: User, mona: User, backoffice: Any) -> None:
    for severity in ("CRITICAL", "LOW", "HIGH", "MEDIUM"):
        RuleFactory(title=severity, severity=severity)

    found = api(rita).get(RULES, {"ordering": "-severity"}).json()["data"]

    assert [rule["severity"] for rule in found] == ["CRITICAL", "HIGH", "MEDIUM", "LOW"]
    page = backoffice(mona).get("/admin/telemetry/rule/", {"o": "-5"})
    assert [rule.severity for rule in page.context["cl"].result_list] == ["CRITICAL", "HIGH", "MEDIUM", "LOW"]


def test_maintenance_windows_work(api: Api, mona: User, rita: User) -> None:
    now = timezone.now()
    given = {
        "equipment_id": str(EquipmentFactory().pk), "reason": "Filters", "starts_at": now.isoformat(),
        "ends_at": (now + timedelta(hours=2)).isoformat(),
    }  # fmt: skip

    created = api(mona).post(WINDOWS, given)
    assert created.status_code == 201, created.json()
    url = f"{WINDOWS}/{created.json()['data']['id']}"
    assert len(api(rita).get(WINDOWS, {"at": (now + timedelta(hours=1)).isoformat()}).json()["data"]) == 1
    assert api(rita).get(WINDOWS, {"at": (now + timedelta(hours=3)).isoformat()}).json()["data"] == []
    assert_error(api(rita).delete(url), 403, "PERMISSION_DENIED")
    assert_error(api(mona).patch(url, {"ends_at": now.isoformat()}), 400, "VALIDATION_ERROR", "ends_at")
    assert api(mona).delete(url).status_code == 204


def test_a_time_that_no_page_could_show_is_refused(api: Api, mona: User, backoffice: Any) -> None:
    """In the last hours of the calendar, Vienna's clock would show the year 10000."""
    machine = str(EquipmentFactory().pk)
    body = {"reason": "Out of use", "starts_at": "2026-03-01T12:00:00Z", "ends_at": "9999-12-31T23:59:59Z"}
    form = {"starts_at_0": "2026-03-01", "starts_at_1": "12:00", "ends_at_0": "9999-12-31", "ends_at_1": "23:59"}

    assert_error(api(mona).post(WINDOWS, body | {"equipment_id": machine}), 400, "VALIDATION_ERROR", "ends_at")
    page = backoffice(mona).post(
        "/admin/telemetry/maintenancewindow/add/", form | {"reason": "Out of use", "equipment": machine}
    )
    assert "Write a time of the years 100 to 2199." in page.content.decode()
    assert not MaintenanceWindow.objects.exists()


@pytest.mark.parametrize("fields", [fields for *_, fields in OTHER_RULES])
def test_the_rules_of_the_demo_are_rules(fields: dict[str, Any]) -> None:
    nothing = {"trigger_value": None, "clear_value": None}

    assert RuleFactory.create(**{**nothing, **fields}).kind == fields["kind"]
