"""From the status log and the work orders to `asset_reliability`: all machines of a quarter in a few statements."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import F, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Coalesce, NullIf

from analytics.inputs import CompletedOrder, LoggedInterval, figures, input_hash, make_inputs
from analytics.models import AssetReliability
from analytics.reliability import (
    Span,
    in_service,
    local_midnight,
    quarter_after,
    quarter_before,
    quarter_of,
    quarter_span,
)
from equipment.models import Equipment, StatusInterval
from faultreporter.locks import Lock, hold
from workorders.models import WorkOrder

BATCH = 1000
UTC_ZONE = ZoneInfo("UTC")
# Two nightly runs may be lost before a late correction is.
LATE_CHANGES_WITHIN = timedelta(days=3)
# No site's clock is further than this from UTC.
ANY_ZONE = timedelta(days=1)
KEY = ("equipment", "year", "quarter", "revision")


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
    log: dict[UUID, list[LoggedInterval]] = field(default_factory=dict)
    orders: dict[UUID, list[CompletedOrder]] = field(default_factory=dict)


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
    hold(Lock.QUARTER, of=f"{year}-Q{quarter}")


def load(year: int, quarter: int, as_of: datetime, equipment_ids: Sequence[UUID] | None) -> Quarter:
    """Everything the quarter needs, in four queries however many machines there are."""
    machines = machines_of(of_equipment(Equipment.objects.all(), equipment_ids, "pk"))
    latest = of_equipment(AssetReliability.objects.filter(year=year, quarter=quarter).latest_revisions(), equipment_ids)
    found = Quarter(year, quarter, as_of, machines, {row.equipment_id: row for row in latest.defer("inputs")})
    found.periods = {machine.id: period_of(found, machine) for machine in machines}
    if not machines:
        return found
    reach = Span(min(p.start for p in found.periods.values()), max(p.end for p in found.periods.values()))
    found.log = log_by_machine(of_equipment(intervals_touching(reach), equipment_ids))
    found.orders = orders_by_machine(of_equipment(orders_completed_in(reach), equipment_ids))
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


def intervals_touching(reach: Span) -> QuerySet[StatusInterval]:
    """Whole intervals, also those that end in the moment the quarter begins: their repair is completed in it."""
    rows = StatusInterval.objects.filter(Q(ended_at=None) | Q(ended_at__gte=reach.start), started_at__lt=reach.end)
    return rows.order_by("started_at", "id")


def log_by_machine(rows: QuerySet[StatusInterval]) -> dict[UUID, list[LoggedInterval]]:
    """Times and ids travel as text: Django makes objects of them slower than the engine counts."""
    read, log = datetime.fromisoformat, defaultdict(list)
    for equipment_id, key, status, reason, counts, started, ended in rows.values_list(
        "equipment_id",
        Cast("id", TextField()),
        "status",
        "exclusion_reason",
        "counts_as_failure",
        Iso8601("started_at"),
        Iso8601("ended_at"),
    ):
        entry = LoggedInterval(key, status, reason, counts, read(started), read(ended) if ended else None)
        log[equipment_id].append(entry)
    return log


def orders_completed_in(reach: Span) -> QuerySet[WorkOrder]:
    rows = WorkOrder.objects.living().filter(completed_at__gte=reach.start, completed_at__lt=reach.end)
    return rows.order_by("completed_at", "id")


def orders_by_machine(rows: QuerySet[WorkOrder]) -> dict[UUID, list[CompletedOrder]]:
    costs = reduce(add, (Coalesce(F(name), Decimal(0)) for name in ("labour_cost", "parts_cost", "other_cost")))
    orders = defaultdict(list)
    for equipment_id, key, completed_at, cost, currency in rows.values_list(
        "equipment_id", Cast("id", TextField()), "completed_at", costs, "currency"
    ):
        orders[equipment_id].append(CompletedOrder(key, completed_at, cost, currency))
    return orders


class Iso8601(Func):
    """A time as text that datetime.fromisoformat reads, in UTC."""

    template = """to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"')"""
    output_field = TextField()


def next_row(found: Quarter, machine: Machine, before: AssetReliability | None) -> AssetReliability | None:
    """The row to write for a machine, or None when what is stored says the same already."""
    period = found.periods[machine.id]
    service = machine.service(period)
    if before is None and not worth_a_row(found, machine, service):
        return None
    if before and not before.is_frozen and before.as_of > found.as_of:
        return None  # a roll-up that was held up for long knows less than the one after it
    inputs = make_inputs(
        found.log.get(machine.id, ()),
        found.orders.get(machine.id, ()),
        period=period,
        service=service,
        as_of=found.as_of,
    )
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
    known = machine.installed_date or machine.created_at < service.end or found.log.get(machine.id)
    return bool(known) and service.start < min(service.end, found.as_of)


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
