"""Bodies that are nearly right, and what a client would never learn if they were taken."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import django_filters
import pytest
from django.urls import get_resolver
from django.utils import timezone
from rest_framework import serializers
from rest_framework.test import APIClient

from equipment.tests.factories import CategoryFactory, DiagramFactory, EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from faultreporter.api.filters import FilterSet, InstantFilter
from faultreporter.api.serializers import InstantField, ModelSerializer, RefuseUnknownFields, Serializer
from faultreporter.testing import assert_error
from telemetry.tests.factories import MetricFactory, RuleFactory, issue_key

Api = Callable[[User | None], APIClient]

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("body", [{}, {"a": 1}, "x", None, 1, True])
def test_a_list_of_ids_is_a_list(api: Api, adam: User, body: Any) -> None:
    key, _plain = issue_key()

    response = api(adam).patch(f"/api/v1/device-keys/{key.pk}", {"equipment_ids": body})

    assert_error(response, 400, "VALIDATION_ERROR", "equipment_ids")


def test_the_audit_log_shows_numbers_that_postgresql_wrote_out(api: Api, adam: User) -> None:
    metric = MetricFactory()

    api(adam).patch(f"/api/v1/iot-metrics/{metric.pk}", {"physical_max": 1e30})
    response = api(adam).get("/api/v1/audit-logs", {"entity_type": "iot_metrics"})

    assert response.json()["data"][0]["changes"]["physical_max"][1] == 1e30


def test_a_time_of_long_ago_is_still_a_time(api: Api, mona: User) -> None:
    machine = EquipmentFactory()
    body = {"equipment_id": str(machine.pk), "type": "INSPECTION", "title": "x", "due_at": "0267-08-16T02:27:33-03:01"}

    response = api(mona).post("/api/v1/work-orders", body)

    assert response.json()["data"]["due_at"] == "0267-08-16T05:28:33Z"


@pytest.mark.parametrize("number", ["100000000000000", "1" * 5000, "-1", "+1", "1e3"])
def test_a_number_beyond_its_bounds(api: Api, adam: User, number: str) -> None:
    response = api(adam).get("/api/v1/audit-logs/verify", {"after": number})

    assert_error(response, 400, "INVALID_PARAMETER", "after")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("is_enabled", "true"),
        ("is_enabled", 1),
        ("trigger_value", "5"),
        ("trigger_value", "nan"),
        ("trigger_value", True),
        ("title", 5),
        ("title", ["x"]),
    ],
)
def test_a_value_has_the_type_json_gives_it(api: Api, mona: User, field: str, value: Any) -> None:
    rule = RuleFactory()

    response = api(mona).patch(f"/api/v1/iot-rules/{rule.pk}", {field: value})

    assert_error(response, 400, "VALIDATION_ERROR", field)


def test_money_may_come_as_a_number(api: Api, mona: User) -> None:
    body = {"equipment_id": str(EquipmentFactory().pk), "year": 2026, "quarter": 1, "kwh": 5, "cost": 1.5}

    response = api(mona).post("/api/v1/energy-consumption", body)

    assert response.json()["data"]["cost"] == "1.50"


def test_an_empty_id_is_not_null(api: Api, mona: User) -> None:
    mode = FailureModeFactory(category=CategoryFactory())

    response = api(mona).patch(f"/api/v1/failure-modes/{mode.pk}", {"category_id": ""})

    assert_error(response, 400, "VALIDATION_ERROR", "category_id")


def test_what_lies_in_a_field_comes_whole_even_when_the_record_doesnt(api: Api, mona: User) -> None:
    drawing = DiagramFactory()

    response = api(mona).patch(f"/api/v1/technical-diagrams/{drawing.pk}", {"hotspots": [{"x": 0.5}]})

    details = assert_error(response, 400, "VALIDATION_ERROR")["details"]
    assert {detail["field"] for detail in details} == {
        "hotspots[0].y",
        "hotspots[0].w",
        "hotspots[0].h",
        "hotspots[0].label",
    }


def test_what_has_a_default_in_a_field_keeps_it(api: Api, mona: User) -> None:
    drawing = DiagramFactory()
    spot = {"x": 0.5, "y": 0.5, "w": 0.1, "h": 0.1, "label": "Pump"}

    response = api(mona).patch(f"/api/v1/technical-diagrams/{drawing.pk}", {"hotspots": [spot]})

    assert response.json()["data"]["hotspots"] == [{**spot, "equipment_id": None}]


def below(kind: Any) -> Iterator[Any]:
    for one in kind.__subclasses__():
        yield one
        yield from below(one)


def taken() -> Iterator[tuple[str, serializers.Field[Any, Any, Any, Any]]]:
    """What bodies may hold, by serializer and name."""
    for kind in below(RefuseUnknownFields):
        if hasattr(kind, "Meta") or (kind is not Serializer and not issubclass(kind, ModelSerializer)):
            for name, field in kind().fields.items():
                if not field.read_only:
                    yield f"{kind.__name__}.{name}", field


def test_every_time_that_is_taken_needs_its_offset() -> None:
    assert get_resolver().url_patterns  # every app's serializers and filters are imported
    moments = {name: field for name, field in taken() if isinstance(field, serializers.DateTimeField)}
    filters = {
        f"{kind.__name__}.{name}": one for kind in below(FilterSet) for name, one in kind.base_filters.items()
        if isinstance(one, django_filters.DateTimeFilter | django_filters.IsoDateTimeFilter)
    }  # fmt: skip

    assert (len(moments) > 8, len(filters) > 20) == (True, True)
    assert [name for name, field in moments.items() if not isinstance(field, InstantField)] == []
    assert [name for name, one in filters.items() if not isinstance(one, InstantFilter)] == []


def test_a_time_without_an_offset_is_refused_with_the_remedy(api: Api, mona: User) -> None:
    begins = timezone.now() + timedelta(days=1)
    ends_at = (begins + timedelta(hours=1)).isoformat()
    body = {"equipment_id": str(EquipmentFactory().pk), "reason": "Service", "ends_at": ends_at}

    for wrong in (f"{begins:%Y-%m-%dT%H:%M}", f"{begins:%Y-%m-%d %H:%M:%S}"):
        answer = api(mona).post("/api/v1/maintenance-windows", {**body, "starts_at": wrong})
        assert "such as 2026-03-01T12:00:00Z" in assert_error(answer, 400, "VALIDATION_ERROR", "starts_at")["message"]
    for named in ("created_after", "updated_since", "at"):
        for wrong in ("2026-03-01T12:00:00", "2026-03-01"):
            answer = api(mona).get("/api/v1/maintenance-windows", {named: wrong})
            assert "offset" in assert_error(answer, 400, "INVALID_PARAMETER", named)["message"]


@pytest.mark.parametrize("time", ["2026-03-01T13:00:00+01:00", "2026-03-01T13:00:00%2B01:00", "2026-03-01T12:00:00Z"])
def test_a_plus_in_an_address_may_have_become_a_space(api: Api, mona: User, time: str) -> None:
    key, _plain = issue_key()

    found = api(mona).get(f"/api/v1/device-keys?created_after={time}").json()["data"]

    assert [one["id"] for one in found] == [str(key.pk)]


@pytest.mark.xdist_group("together")
def test_what_belongs_together_runs_together(request: pytest.FixtureRequest) -> None:
    """Tests that start servers would be in each other's way; xdist and pytest must agree on how a group is told."""
    if getattr(request.config.option, "loadgroup", False):
        assert request.node.nodeid.endswith("@together")
