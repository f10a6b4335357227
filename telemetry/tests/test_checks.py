"""A batch that is taken column by column comes to what it comes to reading by reading."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equipment.tests.factories import EquipmentFactory
from telemetry.intake.checks import PIECE, Clock, Numbers, Taken, by_columns, key_of, one_by_one, take
from telemetry.intake.directory import Entry, Sender, entries_of
from telemetry.intake.refusals import Refusal, Refused
from telemetry.intake.sent import well_formed
from telemetry.store.storage import ticks_of
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
    | st.sampled_from(["2026-02-28T23:59:60Z", "2026-03-01T11:59:60Z", "9999-12-31T23:59:60Z"])
    | st.sampled_from([None, "2026-03-01T11:58:00+00:30", "2026-03-02T12:00:00Z", "yesterday", {}]),
}
GOOD: dict[str, Any] = {
    "equipment_code": st.sampled_from(["CH-1", "CH-2"]),
    "metric": st.just("temperature"),
    "value": st.floats(-20, 100) | st.integers(-20, 100),
    "recorded_at": FACTS["recorded_at"].filter(lambda text: isinstance(text, str) and "03-01" in text),
}
"""A gateway's batch; with a unit it converts."""


FORMS: list[dict[str, Any]] = [
    GOOD,
    {**GOOD, "unit": st.just("[degF]")},
    {**GOOD, "unit": NAMES["unit"]},
    {name: told for name, told in GOOD.items() if name != "recorded_at"},
    {**NAMES, **FACTS},
]


TEXTS = FACTS["recorded_at"].filter(lambda told: told is None or isinstance(told, str))
SENT_FORMS: list[dict[str, Any]] = [
    GOOD,
    {**GOOD, "unit": st.sampled_from(["Cel", "[degF]", "kW", None]), "recorded_at": TEXTS},
    {
        "equipment_code": st.sampled_from(["CH-1", "CH-9", "\0", None]),
        "metric": st.sampled_from(["temperature", "", "humidity"]),
        "value": st.floats(-60, 130) | st.integers(-(2**63), 2**64 - 1) | st.just(1e308),
    },
]
"""What gateways send that know our fields and types, though their machines, values and times may be wrong."""


def batches() -> st.SearchStrategy[list[Any]]:
    """Stretches of equal readings, so that some pieces are good and others aren't, of one form or of several."""
    anything = st.fixed_dictionaries({}, optional={**NAMES, **FACTS, "colour": st.just("red")})
    forms = list(map(st.fixed_dictionaries, FORMS))
    kinds = [*forms, st.one_of(forms[:4]), st.one_of(forms), anything | st.sampled_from([None, 3, "text", ["value"]])]
    times = st.sampled_from([1, 1, 1, 2, PIECE - 1, PIECE])
    stretches = st.sampled_from(kinds).flatmap(lambda kind: st.lists(st.tuples(kind, times), max_size=12))
    return st.lists(stretches, max_size=2).map(
        lambda lists: [reading for reading, times in chain.from_iterable(lists) for _ in range(times)]
    )


def by_entry(taken: Taken) -> list[tuple[Entry, int, float]]:
    """Reading by reading, in the order they were sent."""
    entries = [taken.entries[place] for place in taken.entry]
    return list(zip(entries, taken.moments.tolist(), taken.values.tolist(), strict=True))


@pytest.fixture
def machines() -> None:
    MetricFactory(code="temperature", unit="Cel", physical_min=-50, physical_max=120)
    for code in ("CH-1", "CH-2"):
        EquipmentFactory(equipment_code=code)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches())
def test_a_batch_comes_to_what_its_readings_come_to_one_by_one(machines: None, batch: list[Any]) -> None:
    refused: list[tuple[int, Refused]] = []
    refused_alone: list[tuple[int, Refused]] = []

    together = take(batch, at=NOW, sender=Sender(), refuse=lambda *one: refused.append(one))
    found = entries_of(set(map(key_of, batch)), Sender())
    alone = one_by_one(batch, range(len(batch)), found, Clock(NOW), lambda *one: refused_alone.append(one))

    assert by_entry(together) == [(found[key], moment, value) for _, key, moment, value in alone]
    assert refused == refused_alone


def taken(readings: Sequence[Any]) -> tuple[Any, list[tuple[int, Refused]]]:
    refused: list[tuple[int, Refused]] = []
    together = take(readings, at=NOW, sender=Sender(), refuse=lambda *one: refused.append(one))
    return by_entry(together), refused


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(SENT_FORMS).flatmap(st.fixed_dictionaries), max_size=12), st.sampled_from([1, PIECE]))
def test_what_is_read_into_fields_comes_to_what_its_json_comes_to(
    machines: None, readings: list[Any], times: int
) -> None:
    batch = readings * times
    sent = well_formed(orjson.dumps({"readings": batch}))

    assert sent is not None
    assert taken(sent) == taken(batch)


GOOD_READING = {"equipment_code": "CH-1", "metric": "temperature", "value": 5.0, "recorded_at": "2026-03-01T11:00:00Z"}


def test_what_gateways_send_is_taken_by_columns() -> None:
    batch = [
        {**GOOD_READING, "unit": "[degF]"},
        GOOD_READING,
        {"equipment_code": "CH-1", "metric": "temperature", "value": 7},
        {**GOOD_READING, "unit": None, "recorded_at": None},
    ]

    assert by_columns(batch, Numbers(), Clock(NOW)).missing() == []


@pytest.mark.parametrize(
    "spoilt", [{"value": None}, {"recorded_at": "yesterday"}, {"x": 1}, {"metric": 7}, {"unit": []}]
)
def test_only_the_piece_around_a_malformed_reading_is_looked_at_one_by_one(spoilt: dict[str, Any]) -> None:
    batch = [GOOD_READING] * PIECE + [{**GOOD_READING, **spoilt}] + [GOOD_READING] * (2 * PIECE)

    assert by_columns(batch, Numbers(), Clock(NOW)).missing() == list(range(PIECE, 2 * PIECE))


def test_readings_of_one_series_under_two_names_stay_in_the_order_they_were_sent(machines: None) -> None:
    fahrenheit = {**GOOD_READING, "unit": "[degF]", "value": 212.0}
    batch = [GOOD_READING, fahrenheit, {**GOOD_READING, "value": 6.0}]

    together = take(batch, at=NOW, sender=Sender(), refuse=lambda *one: pytest.fail(str(one)))

    assert together.values.tolist() == [5.0, 100.0, 6.0]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-02-28T23:59:60Z", "2026-03-01T00:00:00"),
        ("2026-02-28t23:59:60.25z", "2026-03-01T00:00:00.25"),
        ("2026-02-28T15:59:60-08:00", "2026-03-01T00:00:00"),
        ("2026-03-01T05:29:60+05:30", "2026-03-01T00:00:00"),
        ("2026-02-28T23:59:60+01:00", None),
        ("2026-03-01T11:59:60Z", None),
        ("2026-02-28T23:59:61Z", None),
        ("9999-12-31T23:59:60Z", None),
    ],
)
def test_a_leap_second_is_the_second_after_it(written: str, meant: str | None) -> None:
    if meant is None:
        with pytest.raises(Refusal):
            Clock(NOW)[written]
    else:
        assert Clock(NOW)[written] == ticks_of(datetime.fromisoformat(f"{meant}+00:00"))
