"""From the status log and the work orders to `asset_reliability`: all machines of a quarter in a few statements."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce, NullIf

from analytics.models import AssetReliability
from analytics.reliability import (
    DownInterval,
    Measurement,
    Span,
    in_service,
    local_midnight,
    loss_of,
    measure,
    quarter_after,
    quarter_before,
    quarter_of,
    quarter_span,
)
from equipment.models import Equipment, StatusInterval
from workorders.models import WorkOrder

# Any constant does; it only has to differ from the other advisory locks of the project.
QUARTER_LOCK = 7_107_001
BATCH = 1000
UTC_ZONE = ZoneInfo("UTC")
# Two nightly runs may be lost before a late correction is.
LATE_CHANGES_WITHIN = timedelta(days=3)
# No site's clock is further than this from UTC.
ANY_ZONE = timedelta(days=1)
KEY = ("equipment", "year", "quarter", "revision")

Inputs = dict[str, Any]


@dataclass(slots=True)
class RollUp:
    """What a roll-up did, in rows."""

    created: int = 0
    updated: int = 0
    revised: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class Machine:
    """What the engine has to know about a machine: since when and until when it was in service, and its clock."""

    id: UUID
    installed_date: date | None
    retired_date: date | None
    created_at: datetime
    deleted_at: datetime | None
    zone: str

    def service(self, period: Span) -> Span:
        """In service from the morning it was installed until the morning it was retired, or was deleted.

        Without a date of installation it counts as in service since before our records.
        """
        zone = ZoneInfo(self.zone)
        since = local_midnight(self.installed_date, zone) if self.installed_date else None
        ends = [local_midnight(self.retired_date, zone)] if self.retired_date else []
        ends += [self.deleted_at] if self.deleted_at else []
        return in_service(period, since=since, retired=min(ends, default=None))


@dataclass(slots=True)
class Quarter:
    """What was found for one quarter, by machine."""

    year: int
    quarter: int
    as_of: datetime
    machines: list[Machine]
    rows: dict[UUID, AssetReliability]
    periods: dict[UUID, Span] = field(default_factory=dict)
    intervals: dict[UUID, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))
    orders: dict[UUID, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))


def roll_up(*, year: int, quarter: int, as_of: datetime, equipment_ids: Sequence[UUID] | None = None) -> RollUp:
    """Bring the quarter's rows up to what is known at `as_of`, of all machines or of some.

    A row whose inputs haven't changed isn't written. A frozen row is never changed: the next revision takes its place.
    Running it twice, or twice at the same time, does the same as running it once.
    """
    with transaction.atomic():
        hold_quarter(year, quarter)
        found = load(year, quarter, as_of, equipment_ids)
        done, rows, superseded = RollUp(), [], []
        for machine in found.machines:
            before = found.rows.get(machine.id)
            row = next_row(found, machine, before)
            if row is None:
                done.unchanged += before is not None
                continue
            rows.append(row)
            if before is None:
                done.created += 1
            elif before.is_frozen:
                superseded.append(before.pk)
                done.revised += 1
            else:
                done.updated += 1
        store(rows, superseded, at=as_of)
    return done


def roll_up_recent(*, as_of: datetime, equipment_ids: Sequence[UUID] | None = None) -> dict[tuple[int, int], RollUp]:
    """The running quarter and the one before it, which late data still reaches most often."""
    running = quarter_of(as_of, UTC_ZONE)
    return {
        (year, quarter): roll_up(year=year, quarter=quarter, as_of=as_of, equipment_ids=equipment_ids)
        for year, quarter in (quarter_before(*running), running)
    }


def roll_up_late_changes(*, as_of: datetime) -> None:
    """Older quarters of the machines whose log or costs somebody corrected since the last nights' runs."""
    oldest_recent = quarter_span(*quarter_before(*quarter_of(as_of, UTC_ZONE)), UTC_ZONE).start
    since, before = as_of - LATE_CHANGES_WITHIN, oldest_recent + ANY_ZONE
    intervals = StatusInterval.objects.filter(updated_at__gte=since, started_at__lt=before)
    orders = WorkOrder.objects.filter(updated_at__gte=since, completed_at__lt=before)
    late = defaultdict(set)
    for rows, moment in ((intervals, "started_at"), (orders, "completed_at")):
        for equipment_id, at in rows.values_list("equipment_id", moment):
            late[quarter_of(at - ANY_ZONE, UTC_ZONE)].add(equipment_id)
    changed: set[UUID] = set()
    quarter = min(late, default=quarter_of(as_of, UTC_ZONE))
    while quarter_span(*quarter, UTC_ZONE).start < oldest_recent:
        changed |= late.get(quarter, set())
        roll_up(year=quarter[0], quarter=quarter[1], as_of=as_of, equipment_ids=list(changed))
        quarter = quarter_after(*quarter)


def roll_up_since(year: int, quarter: int, *, as_of: datetime) -> Iterator[tuple[int, int, RollUp]]:
    """Every quarter from this one to the running one, oldest first."""
    while (year, quarter) <= quarter_of(as_of, UTC_ZONE):
        yield year, quarter, roll_up(year=year, quarter=quarter, as_of=as_of)
        year, quarter = quarter_after(year, quarter)


def hold_quarter(year: int, quarter: int) -> None:
    """One roll-up of a quarter at a time; the second then finds the first one's rows and has nothing to write."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [QUARTER_LOCK, year * 4 + quarter])


def load(year: int, quarter: int, as_of: datetime, equipment_ids: Sequence[UUID] | None) -> Quarter:
    """Everything the quarter needs, in four queries however many machines there are."""
    machines = machines_of(of_equipment(Equipment.objects.all(), equipment_ids, "pk"))
    latest = of_equipment(AssetReliability.objects.filter(year=year, quarter=quarter).latest_revisions(), equipment_ids)
    found = Quarter(year, quarter, as_of, machines, {row.equipment_id: row for row in latest.defer("inputs")})
    found.periods = {machine.id: period_of(found, machine) for machine in machines}
    if not machines:
        return found
    reach = Span(min(p.start for p in found.periods.values()), max(p.end for p in found.periods.values()))
    for interval in of_equipment(intervals_touching(reach), equipment_ids):
        found.intervals[interval[0]].append(interval[1:])
    for order in of_equipment(orders_completed_in(reach), equipment_ids):
        found.orders[order[0]].append(order[1:])
    return found


def of_equipment(rows: QuerySet[Any, Any], ids: Sequence[UUID] | None, name: str = "equipment") -> QuerySet[Any, Any]:
    return rows if ids is None else rows.filter(**{f"{name}__in": ids})


def machines_of(rows: QuerySet[Equipment, Any]) -> list[Machine]:
    columns = ("id", "installed_date", "retired_date", "created_at", "deleted_at", site_zone())
    return [Machine(*row) for row in rows.values_list(*columns)]


def site_zone() -> Coalesce:
    own = NullIf(F("location__time_zone"), Value(""))
    return Coalesce(own, F("location__site__time_zone"), Value(settings.TIME_ZONE))


def period_of(found: Quarter, machine: Machine) -> Span:
    """The quarter at the machine's site; a frozen row keeps its own, wherever the machine has moved since."""
    row = found.rows.get(machine.id)
    if row and row.is_frozen:
        return Span(row.period_start, row.period_end)
    return quarter_span(found.year, found.quarter, ZoneInfo(machine.zone))


def intervals_touching(reach: Span) -> QuerySet[Any, Any]:
    """Whole intervals, also those that end in the moment the quarter begins: their repair is completed in it."""
    rows = StatusInterval.objects.filter(Q(ended_at=None) | Q(ended_at__gte=reach.start), started_at__lt=reach.end)
    return rows.order_by("started_at", "id").values_list(
        "equipment_id", "id", "status", "exclusion_reason", "counts_as_failure", "started_at", "ended_at"
    )


def orders_completed_in(reach: Span) -> QuerySet[Any, Any]:
    parts = (Coalesce(F(name), Decimal(0)) for name in ("labour_cost", "parts_cost", "other_cost"))
    cost = reduce(add, parts)
    rows = WorkOrder.objects.living().filter(completed_at__gte=reach.start, completed_at__lt=reach.end)
    return rows.order_by("completed_at", "id").values_list("equipment_id", "id", "completed_at", cost, "currency")


def next_row(found: Quarter, machine: Machine, before: AssetReliability | None) -> AssetReliability | None:
    """The row to write for a machine, or None when what is stored says the same already."""
    period = found.periods[machine.id]
    service = machine.service(period)
    if before is None and not worth_a_row(found, machine, service):
        return None
    if before and not before.is_frozen and before.as_of > found.as_of:
        return None  # a roll-up that was held up for long knows less than the one after it
    inputs = inputs_of(found, machine.id, period, service)
    digest = input_hash(inputs)
    closes = found.as_of >= period.end
    if before and before.input_hash == digest and before.is_frozen == closes:
        return None
    revision = 1 if before is None else before.revision + before.is_frozen
    return AssetReliability(
        equipment_id=machine.id,
        year=found.year,
        quarter=found.quarter,
        revision=revision,
        period_start=period.start,
        period_end=period.end,
        inputs=inputs,
        input_hash=digest,
        as_of=found.as_of,
        frozen_at=found.as_of if closes else None,
        **figures(inputs),
    )


def worth_a_row(found: Quarter, machine: Machine, service: Span) -> bool:
    """Whether the quarter has begun for the machine, and it is known to have been there."""
    known = machine.installed_date or machine.created_at < service.end or found.intervals.get(machine.id)
    return bool(known) and service.start < min(service.end, found.as_of)


def inputs_of(found: Quarter, equipment_id: UUID, period: Span, service: Span) -> Inputs:
    """What a machine's numbers are made of, cut off at the end of the quarter so that later events change nothing."""
    cut_off = min(found.as_of, period.end)
    return {
        "service": [service.start.isoformat(), service.end.isoformat()],
        "as_of": cut_off.isoformat(),
        "intervals": [
            [str(key), status, reason, counts, start.isoformat(), ended(end, cut_off, period)]
            for key, status, reason, counts, start, end in found.intervals.get(equipment_id, ())
            if start <= cut_off and start < period.end and (end is None or end >= period.start)
        ],
        "orders": [
            [str(key), done.isoformat(), str(cost), currency]
            for key, done, cost, currency in found.orders.get(equipment_id, ())
            if period.contains(done) and done <= cut_off
        ],
    }


def input_hash(inputs: Mapping[str, Any]) -> str:
    """SHA-256 of the inputs as canonical JSON, the same before and after they were stored."""
    return hashlib.sha256(orjson.dumps(inputs, option=orjson.OPT_SORT_KEYS)).hexdigest()


def ended(end: datetime | None, cut_off: datetime, period: Span) -> str | None:
    return end.isoformat() if end and end <= cut_off and end < period.end else None


def figures(inputs: Inputs) -> dict[str, Any]:
    """Every number of a row, from its inputs alone."""
    numbers = measurement(inputs)
    cost_total, currency = cost(inputs)
    return {
        "required_hours": numbers.required_hours,
        "operating_hours": numbers.operating_hours,
        "unplanned_down_hours": numbers.unplanned_down_hours,
        "planned_down_hours": numbers.planned_down_hours,
        "standby_hours": numbers.standby_hours,
        "failure_count": len(numbers.failures),
        "restoration_count": len(numbers.restorations),
        "mtbf_hours": numbers.mtbf_hours,
        "mtbf_lower_90_hours": numbers.mtbf_lower_90_hours,
        "mttr_hours": numbers.mttr_hours,
        "availability": numbers.availability,
        "open_count": len(numbers.open_repairs),
        "open_hours_so_far": numbers.open_hours_so_far,
        "work_order_count": len(inputs["orders"]),
        "cost_total": cost_total,
        "currency": currency,
    }


def measurement(inputs: Mapping[str, Any]) -> Measurement:
    """The engine's answer to stored inputs: the figures of a row and the evidence for them."""
    moment = datetime.fromisoformat
    service = Span(*(moment(bound) for bound in inputs["service"]))
    intervals = (
        down_interval((key, status, reason, counts, moment(start), moment(end) if end else None))
        for key, status, reason, counts, start, end in inputs["intervals"]
    )
    return measure(intervals, service=service, as_of=moment(inputs["as_of"]))


def down_interval(row: tuple[Any, str, str, bool, datetime, datetime | None]) -> DownInterval:
    key, status, reason, counts, start, end = row
    return DownInterval(start, end, loss_of(status, reason), counts, str(key))


def cost(inputs: Mapping[str, Any]) -> tuple[Decimal | None, str]:
    """The orders' cost and its currency; no sum where they are in several, which nobody can add up."""
    costs = [(Decimal(amount), currency) for _key, _done, amount, currency in inputs["orders"] if Decimal(amount)]
    currencies = {currency for _amount, currency in costs}
    if len(currencies) > 1:
        return None, ""
    return sum((amount for amount, _currency in costs), Decimal(0)), next(iter(currencies), settings.CURRENCY)


def store(rows: Iterable[AssetReliability], superseded: Iterable[UUID], *, at: datetime) -> None:
    """Insert what is new and overwrite the running quarter's rows in place."""
    if ids := list(superseded):
        AssetReliability.objects.filter(pk__in=ids).update(superseded_at=at)
    kept = {*KEY, "id", "created_at", "superseded_at"}
    AssetReliability.objects.bulk_create(
        rows,
        batch_size=BATCH,
        update_conflicts=True,
        unique_fields=KEY,
        update_fields=[field.name for field in AssetReliability._meta.concrete_fields if field.name not in kept],
    )
