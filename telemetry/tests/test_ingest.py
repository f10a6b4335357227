from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.errors import PayloadTooLarge
from faultreporter.outbox.models import OutboxMessage
from telemetry.intake.checks import MAX_FUTURE
from telemetry.intake.ingest import MAX_ERRORS, MAX_READINGS, IngestResult, ingest
from telemetry.models import Arrival, LatestReading, Reading, Series
from telemetry.store import storage
from telemetry.store.partitions import MAX_AGE
from telemetry.tests.factories import MetricFactory, SeriesFactory, issue_key

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def chiller() -> Equipment:
    MetricFactory()
    machine: Equipment = EquipmentFactory.create(equipment_code="CH-1")
    return machine


@pytest.fixture(params=["few", "many"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """New readings are stored by a statement if they are few, by COPY if they are many."""
    if request.param == "many":
        monkeypatch.setattr(storage, "FEW", 0)


def sent(**fields: Any) -> dict[str, Any]:
    return {"equipment_code": "CH-1", "metric": "temperature", "value": 21.5, **fields}


def take(*readings: Any, **kwargs: Any) -> IngestResult:
    return ingest(readings, at=NOW, **kwargs)


def counts(result: IngestResult) -> tuple[int, int, int, int]:
    return result.accepted, result.duplicate, result.conflict, result.rejected


def the_code(*readings: Any, **kwargs: Any) -> str:
    """Why the only reading was refused; nothing is stored."""
    result = take(*readings, **kwargs)
    assert (counts(result), Reading.objects.count()) == ((0, 0, 0, 1), 0)
    (error,) = result.errors
    return error.code


@pytest.mark.usefixtures("either_way")
def test_it_works(chiller: Equipment) -> None:
    result = take(
        sent(recorded_at="2026-03-01T11:59:00+01:00"), sent(equipment_code=None, equipment_id=str(chiller.pk))
    )

    assert counts(result) == (2, 0, 0, 0)
    series = Series.objects.get(equipment=chiller, metric__code="temperature")
    stored = list(Reading.objects.order_by("recorded_at").values_list("series_id", "recorded_at", "value"))
    assert stored == [(series.pk, datetime(2026, 3, 1, 10, 59, tzinfo=UTC), 21.5), (series.pk, NOW, 21.5)]
    assert (series.latest.recorded_at, series.latest.value) == (NOW, 21.5)
    (message,) = OutboxMessage.objects.all()
    assert (message.task, message.payload) == ("telemetry.tasks.readings_arrived", {"series": [series.pk]})


def test_sending_again_changes_nothing(chiller: Equipment) -> None:
    take(sent(), sent(recorded_at="2026-03-01T11:00:00Z"))
    OutboxMessage.objects.all().delete()

    result = take(sent(), sent(recorded_at="2026-03-01T11:00:00Z"))

    assert counts(result) == (0, 2, 0, 0)
    assert (Reading.objects.count(), OutboxMessage.objects.count()) == (2, 0)


def test_the_first_value_of_a_moment_stays(chiller: Equipment) -> None:
    take(sent(value=20))

    result = take(sent(value=30), sent(value=20))

    assert counts(result) == (0, 1, 1, 0)
    assert (Reading.objects.get().value, LatestReading.objects.get().value) == (20.0, 20.0)


def test_a_time_in_small_letters_is_one_too(chiller: Equipment) -> None:
    assert counts(take(sent(recorded_at="2026-03-01t11:30:00z"))) == (1, 0, 0, 0)
    assert Reading.objects.get().recorded_at == datetime(2026, 3, 1, 11, 30, tzinfo=UTC)


def test_equal_moments_in_one_batch(chiller: Equipment) -> None:
    result = take(sent(value=1), sent(value=1), sent(value=2), sent(value=1, recorded_at="2026-03-01T13:00:00+01:00"))

    assert counts(result) == (1, 2, 1, 0)
    assert Reading.objects.get().value == 1.0


def test_the_journal_names_the_times_that_changed_by_quarters_of_an_hour(chiller: Equipment) -> None:
    times = "2026-03-01T11:59:59+00:07", "2026-03-01T11:44:00Z", "2026-03-01T11:46:00Z", "2026-03-01T11:47:00Z"
    take(*(sent(recorded_at=at) for at in times), sent())
    series = Series.objects.get().pk

    arrival = Arrival.objects.get()
    assert arrival.received_at == NOW
    assert list(zip(arrival.series, arrival.first_at, arrival.last_at, strict=True)) == [
        (series, datetime(2026, 3, 1, 11, 44, tzinfo=UTC), datetime(2026, 3, 1, 11, 44, tzinfo=UTC)),
        (series, datetime(2026, 3, 1, 11, 46, tzinfo=UTC), datetime(2026, 3, 1, 11, 52, 59, tzinfo=UTC)),
        (series, NOW, NOW),
    ]
    take(sent())
    assert Arrival.objects.count() == 1


def test_the_latest_knows_when_it_arrived_and_what_was_before(chiller: Equipment) -> None:
    earlier = NOW - timedelta(hours=1)
    take(sent(recorded_at=earlier.isoformat()))
    batch = [sent(recorded_at=moment) for moment in (NOW.isoformat(), "2026-03-01T11:30:00Z")]
    ingest(batch, at=NOW + timedelta(seconds=1))

    latest = LatestReading.objects.get()

    assert (latest.recorded_at, latest.received_at, latest.previous_at) == (NOW, NOW + timedelta(seconds=1), earlier)


def test_a_series_knows_the_key_its_newest_readings_came_with(chiller: Equipment) -> None:
    (first, _), (second, _) = issue_key(), issue_key(name="Gateway 2")
    take(sent(), gateway=first.pk)
    assert Series.objects.get().gateway == first

    take(sent(recorded_at="2026-03-01T11:00:00Z"), gateway=second.pk)
    assert Series.objects.get().gateway == first
    take(sent(recorded_at="2026-03-01T12:00:01Z"), gateway=second.pk)
    assert Series.objects.get().gateway == second
    take(sent(recorded_at="2026-03-01T12:00:02Z"))
    assert Series.objects.get().gateway == second


def test_late_readings_are_stored_and_leave_the_latest_alone(chiller: Equipment) -> None:
    take(sent(value=50))
    OutboxMessage.objects.all().delete()

    result = take(sent(value=90, recorded_at="2026-03-01T11:00:00Z"))

    assert counts(result) == (1, 0, 0, 0)
    assert (LatestReading.objects.get().value, OutboxMessage.objects.count()) == (50.0, 0)


@pytest.mark.usefixtures("either_way")
def test_a_batch_of_late_new_equal_and_unordered_readings(chiller: Equipment) -> None:
    take(sent(value=1, recorded_at=MOMENTS[2]))

    result = take(*[sent(value=n, recorded_at=MOMENTS[which]) for n, which in enumerate([0, 3, 1, 2, 1])])

    assert counts(result) == (3, 0, 2, 0)
    rows = Reading.objects.order_by("-recorded_at").values_list("value", flat=True)
    assert list(rows) == [0.0, 2.0, 1.0, 1.0]
    assert LatestReading.objects.get().value == 0.0


def test_a_clock_of_ours_that_ran_ahead_leaves_the_latest_the_newest(chiller: Equipment) -> None:
    ahead = NOW + timedelta(hours=5)
    ingest([sent(value=1)], at=ahead)

    assert counts(take(sent(value=2), sent(value=3, recorded_at=MOMENTS[1]))) == (2, 0, 0, 0)
    latest = LatestReading.objects.get()
    assert (latest.recorded_at, latest.value) == (ahead, 1.0)


@pytest.mark.usefixtures("either_way")
def test_readings_that_somebody_wrote_without_the_latest_stop_nobody(chiller: Equipment) -> None:
    take(sent(recorded_at=MOMENTS[3]))
    series = Series.objects.get()
    Reading.objects.create(series=series, recorded_at=NOW, value=7)

    assert counts(take(sent(value=8), sent(value=9, recorded_at=MOMENTS[1]))) == (1, 0, 1, 0)
    assert Reading.objects.get(recorded_at=NOW).value == 7


def test_a_series_is_not_made_for_readings_that_are_all_refused(chiller: Equipment) -> None:
    take(sent(value=5000), sent(recorded_at="yesterday"))

    assert not Series.objects.exists()


def test_values_come_in_the_metrics_unit(chiller: Equipment) -> None:
    take(sent(value=212, unit="[degF]"))

    assert Reading.objects.get().value == 100.0


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"equipment_code": "CH-2"}, "unknown_equipment"),
        ({"equipment_code": "ch-1"}, "unknown_equipment"),
        ({"equipment_code": "CH-1\0"}, "unknown_equipment"),
        ({"equipment_code": "\ud800"}, "unknown_equipment"),
        ({"equipment_code": None}, "unknown_equipment"),
        ({"equipment_id": "019c0000-0000-7000-8000-000000000000"}, "unknown_equipment"),
        ({"equipment_id": "not-a-uuid"}, "unknown_equipment"),
        ({"equipment_id": "x" * 36}, "unknown_equipment"),
        ({"equipment_code": 7}, "wrong_type"),
        ({"equipment_code": ["CH-1"]}, "wrong_type"),
        ({"equipment_id": {"a": 1}}, "wrong_type"),
        ({"metric": "warmth"}, "unknown_metric"),
        ({"metric": None}, "unknown_metric"),
        ({"metric": "temperature\0"}, "unknown_metric"),
        ({"metric": True}, "wrong_type"),
        ({"metric": ["temperature"]}, "wrong_type"),
        ({"unit": "bar"}, "unit_mismatch"),
        ({"unit": "furlong"}, "unit_mismatch"),
        ({"unit": ""}, "unit_mismatch"),
        ({"unit": 1}, "wrong_type"),
        ({"value": "21.5"}, "wrong_type"),
        ({"value": True}, "wrong_type"),
        ({"value": None}, "wrong_type"),
        ({"value": [21.5]}, "wrong_type"),
        ({"value": {"v": 21.5}}, "wrong_type"),
        ({"value": float("nan")}, "not_finite"),
        ({"value": float("inf")}, "not_finite"),
        ({"value": float("-inf")}, "not_finite"),
        ({"value": 10**400}, "not_finite"),
        ({"value": 1.7e308, "unit": "[degF]"}, "not_finite"),
        ({"value": 1200.1}, "out_of_physical_range"),
        ({"value": -90.1}, "out_of_physical_range"),
        ({"value": 1000, "unit": "K", "recorded_at": 5}, "bad_timestamp"),
        ({"recorded_at": "2026-03-01T12:00:00"}, "bad_timestamp"),
        ({"recorded_at": "2026-03-01"}, "bad_timestamp"),
        ({"recorded_at": "2026-W09-7T12:00:00Z"}, "bad_timestamp"),
        ({"recorded_at": "2026-02-30T12:00:00Z"}, "bad_timestamp"),
        ({"recorded_at": "2026-03-01T24:01:00Z"}, "bad_timestamp"),
        ({"recorded_at": "2026-03-01T11:00:00+24:00"}, "bad_timestamp"),
        ({"recorded_at": "0000-01-01T00:00:00Z"}, "bad_timestamp"),
        ({"recorded_at": "99999-01-01T00:00:00Z"}, "bad_timestamp"),
        ({"recorded_at": "２０２６-03-01T12:00:00Z"}, "bad_timestamp"),
        ({"recorded_at": ""}, "bad_timestamp"),
        ({"recorded_at": "yesterday"}, "bad_timestamp"),
        ({"recorded_at": 1772366400}, "bad_timestamp"),
        ({"recorded_at": 1e300}, "bad_timestamp"),
        ({"recorded_at": ["2026-03-01T12:00:00Z"]}, "bad_timestamp"),
        ({"recorded_at": "0001-01-01T00:00:00+14:00"}, "too_old"),
        ({"recorded_at": "9999-12-31T23:59:59-14:00"}, "future_timestamp"),
        ({"colour": "red"}, "unknown_field"),
    ],
)
def test_a_reading_that_is_wrong_is_refused(chiller: Equipment, fields: dict[str, Any], code: str) -> None:
    assert the_code(sent(**fields)) == code


@pytest.mark.parametrize("reading", [None, 1, "x", True, [], [sent()], float("nan")])
def test_a_reading_is_an_object(chiller: Equipment, reading: Any) -> None:
    assert the_code(reading) == "wrong_type"


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (NOW + MAX_FUTURE, None),
        (NOW + MAX_FUTURE + timedelta(microseconds=1), "future_timestamp"),
        (NOW - MAX_AGE, None),
        (NOW - MAX_AGE - timedelta(microseconds=1), "too_old"),
    ],
)
def test_the_bounds_of_time(chiller: Equipment, moment: datetime, code: str | None) -> None:
    result = take(sent(recorded_at=moment.isoformat()))

    assert [error.code for error in result.errors] == ([code] if code else [])


@pytest.mark.parametrize(("value", "unit", "fits"), [(1200, "Cel", True), (1473.15, "K", True), (1473.3, "K", False)])
def test_the_physical_range_is_in_the_metrics_unit(chiller: Equipment, value: float, unit: str, fits: bool) -> None:
    assert take(sent(value=value, unit=unit)).accepted == fits


def test_id_and_code_must_mean_the_same_machine(chiller: Equipment) -> None:
    other = EquipmentFactory(equipment_code="CH-2")

    assert the_code(sent(equipment_id=str(other.pk))) == "unknown_equipment"
    assert take(sent(equipment_id=str(chiller.pk).upper())).accepted == 1


def test_a_deleted_machine_is_unknown(chiller: Equipment) -> None:
    chiller.soft_delete(by=None, at=NOW)

    assert the_code(sent()) == "unknown_equipment"


def test_a_key_speaks_only_for_its_machines(chiller: Equipment) -> None:
    EquipmentFactory(equipment_code="CH-2")

    result = take(sent(), sent(equipment_code="CH-2"), sent(equipment_code="CH-3"), allowed=frozenset({chiller.pk}))

    assert counts(result) == (1, 0, 0, 2)
    assert [(error.index, error.code) for error in result.errors] == [(1, "forbidden_device"), (2, "forbidden_device")]


def test_errors_are_capped_and_counts_are_not(chiller: Equipment) -> None:
    readings = [
        sent(value="x") if n % 2 else sent(recorded_at=f"2026-03-01T11:{n % 60:02}:{n // 60:02}Z") for n in range(600)
    ]

    result = take(*readings)

    assert counts(result) == (300, 0, 0, 300)
    assert [error.index for error in result.errors] == list(range(1, 2 * MAX_ERRORS, 2))


def test_too_many_at_once(chiller: Equipment) -> None:
    with pytest.raises(PayloadTooLarge):
        take(*[sent()] * (MAX_READINGS + 1))


def test_nothing_is_nothing() -> None:
    assert counts(take()) == (0, 0, 0, 0)


def test_a_large_batch_costs_a_fixed_number_of_queries(chiller: Equipment, django_assert_max_num_queries: Any) -> None:
    machines = EquipmentFactory.create_batch(20)
    MetricFactory(vibration=True)
    batch = [
        {"equipment_id": str(machine.pk), "metric": metric, "value": n, "recorded_at": f"2026-03-01T11:00:{n:02}Z"}
        for machine in machines for metric in ("temperature", "vibration") for n in range(25)
    ]  # fmt: skip

    # metrics, machines, series, new series, series again, outbox; the three of storage don't go through Django's cursor
    with django_assert_max_num_queries(8):
        assert counts(take(*batch)) == (1000, 0, 0, 0)


# --- any interleaving of batches gives what one reading after the other gives -----------------------------------------

MOMENTS = [(NOW - timedelta(minutes=n)).isoformat() for n in range(4)]
ONE = st.fixed_dictionaries(
    {
        "equipment_code": st.sampled_from(["CH-1", "CH-2"]),
        "metric": st.just("temperature"),
        "value": st.sampled_from([1.0, 2.0, -0.0, 0.0, 5000.0]),
        "recorded_at": st.sampled_from(MOMENTS),
    }
)


class Reference:
    """The table as a dictionary, filled one reading after the other."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, datetime], float] = {}

    def take(self, batch: list[dict[str, Any]]) -> tuple[int, int, int, int]:
        count = {"accepted": 0, "duplicate": 0, "conflict": 0, "rejected": 0}
        for reading in batch:
            key = reading["equipment_code"], datetime.fromisoformat(reading["recorded_at"])
            if reading["value"] > 1200:
                fate = "rejected"
            elif key not in self.rows:
                fate, self.rows[key] = "accepted", reading["value"]
            else:
                fate = "duplicate" if self.rows[key] == reading["value"] else "conflict"
            count[fate] += 1
        return count["accepted"], count["duplicate"], count["conflict"], count["rejected"]

    def latest(self) -> dict[str, tuple[datetime, float]]:
        newest: dict[str, tuple[datetime, float]] = {}
        for (code, moment), value in sorted(self.rows.items()):
            newest[code] = moment, value
        return newest


@pytest.mark.usefixtures("either_way")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(ONE, max_size=12), max_size=6), st.data())
def test_any_interleaving_gives_the_references_rows_counts_and_latest(
    chiller: Equipment, batches: list[list[dict[str, Any]]], data: st.DataObject
) -> None:
    Reading.objects.all().delete()
    LatestReading.objects.all().delete()
    Equipment.objects.filter(equipment_code="CH-2").exists() or EquipmentFactory(equipment_code="CH-2")
    reference = Reference()
    retries = data.draw(st.lists(st.sampled_from(batches), max_size=3)) if batches else []

    for batch in data.draw(st.permutations(batches + retries)):
        assert counts(take(*batch)) == reference.take(batch)

    rows = Reading.objects.values_list("series__equipment__equipment_code", "recorded_at", "value")
    assert {(code, moment): value for code, moment, value in rows} == reference.rows
    newest = LatestReading.objects.values_list("series__equipment__equipment_code", "recorded_at", "value")
    assert {code: (moment, value) for code, moment, value in newest} == reference.latest()


@pytest.mark.parametrize("nameless", [{"value": 0}, {"value": 0, "recorded_at": None}, {"value": 0, "unit": None}])
def test_a_reading_that_names_nothing(chiller: Equipment, nameless: dict[str, Any]) -> None:
    assert the_code(nameless) == "unknown_equipment"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(categories=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ANY_READING = ANYTHING | st.fixed_dictionaries(
    {},
    optional={
        "equipment_code": st.just("CH-1") | ANYTHING,
        "equipment_id": ANYTHING,
        "metric": st.just("temperature") | ANYTHING,
        "value": st.floats() | ANYTHING,
        "unit": st.sampled_from(["Cel", "K", "[degF]", "bar"]) | ANYTHING,
        "recorded_at": st.datetimes(timezones=st.timezones()).map(datetime.isoformat) | ANYTHING,
        "quality": ANYTHING,
    },
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ANY_READING, max_size=8))
def test_whatever_is_sent_every_reading_is_counted_once(chiller: Equipment, readings: list[Any]) -> None:
    result = take(*readings)

    assert sum(counts(result)) == len(readings)
    assert len(result.errors) == result.rejected


def test_series_are_made_once(chiller: Equipment) -> None:
    existing = SeriesFactory.create(equipment=chiller)

    take(sent(), sent(recorded_at=MOMENTS[1]))

    assert list(Series.objects.all()) == [existing]
