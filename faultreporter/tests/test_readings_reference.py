"""Batches, retries, late data, contradictions, workers that die or run twice: in any order the plain model's result."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from alerts.models import Alert, AlertEvent
from equipment.tests.factories import CategoryFactory, EquipmentFactory
from faultreporter.outbox.models import OutboxMessage
from faultreporter.tests.readings_reference import CLEAR, FOR, KEEP, TRIGGER, Reference
from telemetry.aggregation import rollups
from telemetry.intake.ingest import IngestResult, ingest
from telemetry.models import LatestReading, Reading, RuleState, Series
from telemetry.models.rollups import DayRollup, HourRollup, MinuteRollup, QuarterRollup
from telemetry.rules import evaluation, standings
from telemetry.tests.factories import MetricFactory, RuleFactory

START = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
LINES = 2
STEPS = {1: MinuteRollup, 15: QuarterRollup, 60: HourRollup, 1440: DayRollup}
BATCHES = st.lists(
    st.tuples(st.integers(0, LINES - 1), st.integers(-12, 3), st.sampled_from([70.0, 75.0, 78.0, 81.0, 90.0])),
    min_size=1, max_size=8,
)  # fmt: skip


class Killed(Exception):
    """The process died before it could commit."""


def time_of(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def minute_of(at: datetime) -> int:
    return round((at - START) / timedelta(minutes=1))


class Readings(RuleBasedStateMachine):
    """Two sensors under one rule. Real and reference do the same; after each step both hold the same."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = transaction.atomic()
        self.whole.__enter__()
        self.reference, self.minute = Reference(), 30
        self.sent: list[list[tuple[int, int, float]]] = []
        metric, category = MetricFactory.create(), CategoryFactory.create()
        self.machines = [EquipmentFactory.create(at=START, category=category) for _ in range(LINES)]
        self.rule = RuleFactory.create(
            equipment=None, category=category, metric=metric, at=START, trigger_value=TRIGGER,
            clear_value=CLEAR, for_s=FOR * 60, keep_firing_s=KEEP * 60,
        )  # fmt: skip
        OutboxMessage.objects.all().delete()

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            transaction.set_rollback(True)
            self.whole.__exit__(None, None, None)

    def send(self, batch: list[tuple[int, int, float]]) -> IngestResult:
        readings = [
            {
                "equipment_id": str(self.machines[line].pk), "metric": "temperature", "value": value,
                "recorded_at": time_of(minute).isoformat(),
            }
            for line, minute, value in batch
        ]  # fmt: skip
        return ingest(readings, at=time_of(self.minute))

    def check_sent(self, batch: list[tuple[int, int, float]]) -> None:
        result = self.send(batch)
        assert (result.accepted, result.duplicate, result.conflict) == self.reference.take(batch, now=self.minute)
        assert result.rejected == 0

    @rule(offsets=BATCHES)
    def send_new(self, offsets: list[tuple[int, int, float]]) -> None:
        """Some of it live, some late, some contradicting what is stored or itself."""
        batch = [(line, self.minute + offset, value) for line, offset, value in offsets]
        self.sent.append(batch)
        self.check_sent(batch)

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 99))
    def send_again(self, which: int) -> None:
        self.check_sent(self.sent[which % len(self.sent)])

    @rule(minutes=st.integers(1, 5))
    def wait(self, minutes: int) -> None:
        self.minute += minutes

    @rule(offsets=BATCHES)
    def die_while_storing(self, offsets: list[tuple[int, int, float]]) -> None:
        self.die(lambda: self.send([(line, self.minute + offset, value) for line, offset, value in offsets]))

    @rule()
    def die_while_judging(self) -> None:
        self.die(lambda: evaluation.evaluate(self.lines()))

    @rule()
    def die_while_rolling_up(self) -> None:
        self.die(lambda: rollups.roll_up(at=time_of(self.minute)))

    def die(self, work: Callable[[], Any]) -> None:
        with suppress(Killed), transaction.atomic():
            work()
            raise Killed

    @precondition(lambda self: self.wakeups().exists())
    @rule(which=st.integers(0, 99), keep=st.booleans())
    def wake(self, which: int, keep: bool) -> None:
        """A wake-up reaches a worker, out of order; one that is kept will come once more."""
        messages = list(self.wakeups())
        message = messages[which % len(messages)]
        self.judge(message.payload["series"])
        if not keep:
            message.delete()

    @rule()
    def sweep(self) -> None:
        """Beat's: what wake-ups forgot, and what time alone brings."""
        at = time_of(self.minute)
        due = {*standings.series_left_behind(limit=9), *standings.series_due(at=at, limit=9)}
        self.judge(sorted(due), at=at)

    @rule()
    def roll_up(self) -> None:
        rollups.roll_up(at=time_of(self.minute))

    def judge(self, series: list[int], *, at: datetime | None = None) -> None:
        evaluation.evaluate(series, at=at)
        for line, pk in enumerate(self.lines()):
            if pk in series:
                self.reference.judge(line, now=self.minute if at else None)

    def wakeups(self) -> Any:
        return OutboxMessage.objects.filter(task="telemetry.tasks.readings_arrived").order_by("pk")

    def lines(self) -> list[int]:
        """The series of each machine, 0 for one that has none yet."""
        known = dict(Series.objects.values_list("equipment_id", "pk"))
        return [known.get(machine.pk, 0) for machine in self.machines]

    @invariant()
    def the_rows_are_those_of_the_reference(self) -> None:
        lines = {pk: line for line, pk in enumerate(self.lines())}
        stored = Reading.objects.values_list("series_id", "recorded_at", "value")
        assert {(lines[pk], minute_of(at)): value for pk, at, value in stored} == self.reference.rows
        latest = LatestReading.objects.values_list("series_id", "recorded_at", "value")
        assert {lines[pk]: (minute_of(at), value) for pk, at, value in latest} == self.reference.latest()

    @invariant()
    def the_alarms_are_those_of_the_reference(self) -> None:
        states = {state.series_id: state for state in RuleState.objects.all()}
        for line, pk in enumerate(self.lines()):
            alarm, state = self.reference.alarms[line], states.get(pk)
            assert (state is not None and state.state in ("FIRING", "RECOVERING")) == alarm.on
            assert self.alerts_of(line) == alarm.episodes

    def alerts_of(self, line: int) -> list[list[int | None]]:
        """Beginning and end of each episode, from the alerts' timelines."""
        events = AlertEvent.objects.filter(alert__in=Alert.objects.filter(equipment=self.machines[line]))
        episodes: list[list[int | None]] = []
        for event in events.order_by("pk"):
            if event.kind in ("RAISED", "FIRED_AGAIN"):
                episodes.append([minute_of(event.at), None])
            elif event.kind == "CLEARED":
                episodes[-1][1] = minute_of(event.at)
        return episodes

    def settle(self) -> None:
        """Everybody has run to the end."""
        self.judge([pk for pk in self.lines() if pk])
        rollups.roll_up(at=time_of(self.minute))
        self.the_alarms_are_those_of_the_reference()
        self.check_rollups(self.reference)

    def check_rollups(self, reference: Reference) -> None:
        lines = {pk: line for line, pk in enumerate(self.lines())}
        for minutes, model in STEPS.items():
            rows = model._default_manager.values_list("series_id", "bucket_at", "n", "min", "max", "last")
            found = {(lines[pk], minute_of(at)): tuple(rest) for pk, at, *rest in rows}
            assert found == reference.rolled_up(minutes)


@pytest.mark.django_db(transaction=True)
def test_any_order_of_events_gives_what_the_reference_gives() -> None:
    run_state_machine_as_test(
        Readings,
        settings=settings(max_examples=25, stateful_step_count=30, suppress_health_check=list(HealthCheck)),
    )
