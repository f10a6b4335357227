"""Readings declared void and taken back, between batches, late data and workers: always the plain model's result."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from faultreporter.tests.readings_reference import Key, Reference
from faultreporter.tests.test_readings_reference import LINES, Readings, minute_of, time_of
from telemetry import voiding
from telemetry.aggregation import rollups
from telemetry.aggregation.aggregates import aggregate
from telemetry.models import LatestReading, ReadingVoid
from telemetry.models.readings import Quality, Reading

HOURS = 12


class VoidReference(Reference):
    """Stretches by line, from and to; what the worker has seen of a stretch is void."""

    def __init__(self) -> None:
        super().__init__()
        self.stretches: list[tuple[int, int, int]] = []
        self.void: set[Key] = set()

    def covered(self, key: Key) -> bool:
        line, minute = key
        return any(line == of and since <= minute < until for of, since, until in self.stretches)

    def follow(self) -> None:
        self.void = {key for key in self.rows if self.covered(key)}

    def good(self) -> Reference:
        only = Reference()
        only.rows = {key: value for key, value in self.rows.items() if key not in self.void}
        return only


class VoidedReadings(Readings):
    """Alarms are left to the other machine: where they stand isn't taken back."""

    reference: VoidReference

    def __init__(self) -> None:
        super().__init__()
        self.reference = VoidReference()
        self.declared: list[tuple[ReadingVoid, tuple[int, int, int]]] = []

    def the_alarms_are_those_of_the_reference(self) -> None:
        pass

    @rule(line=st.integers(0, LINES - 1), offset=st.integers(-20, 0), minutes=st.integers(1, 20))
    def declare(self, line: int, offset: int, minutes: int) -> None:
        series, now = self.lines()[line], self.minute
        stretch = (line, now + offset, min(now + offset + minutes, now + 1))
        if not series:
            return
        void = voiding.declare(
            series=[series], since=time_of(stretch[1]), until=time_of(stretch[2]), reason="stuck", by=None,
            at=time_of(now),
        )  # fmt: skip
        self.declared.append((void, stretch))
        self.reference.stretches.append(stretch)
        self.follow_line(line)

    @precondition(lambda self: self.declared)
    @rule(which=st.integers(0, 99))
    def take_back(self, which: int) -> None:
        void, stretch = self.declared.pop(which % len(self.declared))
        voiding.take_back(void, by=None, at=time_of(self.minute))
        self.reference.stretches.remove(stretch)
        self.follow_line(stretch[0], stretch)

    def follow_line(self, line: int, stretch: tuple[int, int, int] | None = None) -> None:
        """Only what lies in the stretch; late data beside it waits for the worker."""
        of, since, until = stretch or self.reference.stretches[-1]
        inside = {key for key in self.reference.rows if key[0] == of and since <= key[1] < until}
        now_void = {key for key in inside if self.reference.covered(key)}
        self.reference.void = (self.reference.void - inside) | now_void

    @rule()
    def roll_up(self) -> None:
        rollups.roll_up(at=time_of(self.minute))
        self.reference.follow()

    @invariant()
    def aggregates_are_those_of_the_reference(self) -> None:
        lines = {pk: line for line, pk in enumerate(self.lines()) if pk}
        edges = [time_of(-120) + timedelta(hours=hour) for hour in range(HOURS)]
        found = aggregate(list(lines), edges, at=time_of(self.minute)).buckets
        told = {
            (lines[pk], minute_of(one.starts_at)): (one.n, one.min, one.max, one.last)
            for pk, buckets in found.items()
            for one in buckets
        }
        assert told == self.reference.good().rolled_up(60)

    @invariant()
    def the_newest_says_whether_it_is_void(self) -> None:
        lines = {pk: line for line, pk in enumerate(self.lines())}
        void = Reading.objects.filter(quality=Quality.VOID).values_list("series_id", "recorded_at")
        assert {(lines[pk], minute_of(at)) for pk, at in void} == self.reference.void
        for latest in LatestReading.objects.all():
            key = (lines[latest.series_id], minute_of(latest.recorded_at))
            assert (latest.quality is Quality.VOID) == (key in self.reference.void)

    def settle(self) -> None:
        self.roll_up()
        self.aggregates_are_those_of_the_reference()
        self.check_rollups(self.reference.good())


@pytest.mark.django_db(transaction=True)
def test_any_order_of_voids_gives_what_the_reference_gives() -> None:
    run_state_machine_as_test(
        VoidedReadings,
        settings=settings(max_examples=12, stateful_step_count=30, suppress_health_check=list(HealthCheck)),
    )
