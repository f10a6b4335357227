"""A batch that is taken column by column comes to what it comes to reading by reading."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equipment.tests.factories import EquipmentFactory
from telemetry.checks import Clock, Line, take_columns, take_each
from telemetry.directory import Sender
from telemetry.refusals import Refused
from telemetry.tests.factories import MetricFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES: dict[str, Any] = {
    "equipment_code": st.sampled_from(["CH-1", "CH-2"]) | st.just("CH-9") | st.sampled_from([None, 7, []]),
    "metric": st.just("temperature") | st.sampled_from(["humidity", None]),
    "unit": st.sampled_from(["Cel", "[degF]", None]) | st.just("kW"),
}
FACTS: dict[str, Any] = {
    "value": st.floats(-60, 130) | st.integers(-60, 130) | st.sampled_from([1e308, float("nan"), True, "5", 10**400]),
    "recorded_at": st.sampled_from([f"2026-03-01T11:5{n}:00Z" for n in range(6)])
    | st.sampled_from([None, "2026-03-01T11:58:00+00:30", "2026-03-02T12:00:00Z", "yesterday", {}]),
}
GOOD: dict[str, Any] = {
    "equipment_code": st.sampled_from(["CH-1", "CH-2"]),
    "metric": st.just("temperature"),
    "value": st.floats(-20, 100) | st.integers(-20, 100),
    "recorded_at": FACTS["recorded_at"].filter(lambda text: isinstance(text, str) and "03-01" in text),
}
"""A gateway's batch; with a unit it converts."""


def batches() -> st.SearchStrategy[list[Any]]:
    anything = st.fixed_dictionaries({}, optional={**NAMES, **FACTS, "colour": st.just("red")})
    kinds = [GOOD, {**GOOD, "unit": st.just("[degF]")}, {**GOOD, "unit": NAMES["unit"]}, {**NAMES, **FACTS}]
    alike = st.sampled_from(kinds).flatmap(lambda kind: st.lists(st.fixed_dictionaries(kind), max_size=12))
    return alike | st.lists(anything | st.sampled_from([None, 3, "text", ["value"]]), max_size=5)


def rows_of(lines: Any) -> dict[Any, tuple[list[int], list[float]]]:
    taken: list[Line] = list(lines)
    return {line.entry.place: (line.rows.moments, line.rows.values) for line in taken}


@pytest.fixture
def machines() -> None:
    MetricFactory(code="temperature", unit="Cel", physical_min=-50, physical_max=120)
    for code in ("CH-1", "CH-2"):
        EquipmentFactory(equipment_code=code)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches())
def test_both_ways_agree(machines: None, batch: list[Any]) -> None:
    refused: list[tuple[int, Refused]] = []

    quick = take_columns(batch, Sender(), Clock(NOW))
    slow = rows_of(take_each(batch, Sender(), Clock(NOW), lambda *one: refused.append(one)))

    assert quick is None or (rows_of(quick), []) == (slow, refused)


def test_what_a_gateway_sends_is_taken_by_columns(machines: None) -> None:
    sent = [("CH-1", 50, "11:00"), ("CH-2", 68.0, "11:00"), ("CH-1", 212.0, "11:01")]
    batch = [
        {"equipment_code": code, "metric": "temperature", "unit": "[degF]", "value": value, "recorded_at": moment}
        for code, value, moment in [(code, value, f"2026-03-01T{time}:00Z") for code, value, time in sent]
    ]

    lines = take_columns(batch, Sender(), Clock(NOW))

    assert lines is not None
    assert [line.rows.values for line in lines] == [[10.0, 100.0], [20.0]]


@pytest.mark.parametrize("spoilt", [{"value": 130}, {"value": None}, {"unit": "kW"}, {"recorded_at": ""}, {"x": 1}])
def test_one_wrong_reading_is_found_among_the_others(machines: None, spoilt: dict[str, Any]) -> None:
    good = {"equipment_code": "CH-1", "metric": "temperature", "unit": "Cel", "value": 5.0, "recorded_at": None}

    assert take_columns([good, {**good, **spoilt}], Sender(), Clock(NOW)) is None
