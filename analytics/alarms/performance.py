"""How alarms perform: over all, and rule by rule or machine by machine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from alerts.models import Alert, AlertQuerySet
from analytics.alarms.advice import Advice, advice_for
from analytics.alarms.figures import DAY, NOTHING, DayLoad, Load, Period, Share, by_day, pareto
from analytics.alarms.statements import BY_MACHINE, BY_RULE, WHOLE, counted
from equipment.models import Equipment
from locations.models import Location
from telemetry.models import Rule


@dataclass(frozen=True, slots=True)
class Peak:
    """The fullest window of ten minutes, the first of them if there are several."""

    begins: int
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class SiteLoad:
    """`site` None: machines that stand nowhere."""

    site: Location | None
    begins: int
    per_day: float | None


@dataclass(frozen=True, slots=True)
class Actor:
    """One alarm, which is a rule on a series or a fault that people report by one name, and its part of the load."""

    title: str
    source: str
    rule_id: UUID | None
    equipment: Equipment
    begins: int
    share: Share
    cumulative: Share
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Performance:
    """The figures of a period. Shares and times are None where there is nothing to tell them from."""

    period: Period
    load: Load
    standing: int
    severities: Mapping[str, Share]
    sources: Mapping[str, Share]
    days: list[DayLoad]
    peak: Peak | None
    floods: Share
    sites: list[SiteLoad]
    bad_actors: list[Actor]

    @property
    def per_day(self) -> float | None:
        return self.period.per_day(self.load.begins)

    @property
    def top_share(self) -> Share:
        """What the ten most frequent alarms have of the load."""
        return Share(sum(actor.begins for actor in self.bad_actors), self.load.begins)


def performance(alerts: AlertQuerySet, period: Period) -> Performance:
    """What these alerts come to. Three queries."""
    found = counted(alerts, period, WHOLE)
    load = Load.read(found["load"])
    severities, sources = Alert.Severity.values, Alert.Source.values
    windows, peak = found["floods"]["windows"], found["floods"]["peak"]
    return Performance(
        period=period,
        load=load,
        standing=found["standing"],
        severities={one: Share((found["severities"] or {}).get(one, 0), load.begins) for one in severities},
        sources={one: Share((found["sources"] or {}).get(one, 0), load.begins) for one in sources},
        days=by_day(period.days, found["days"] or (), severities),
        peak=Peak(peak, moment(found["floods"]["peak_at"])) if peak else None,
        floods=Share(windows, period.windows),
        sites=sites(found["sites"] or (), period),
        bad_actors=actors(found["actors"] or (), load.begins),
    )


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def sites(rows: Iterable[tuple[str | None, int]], period: Period) -> list[SiteLoad]:
    """The loudest first."""
    counts = {key and UUID(key): number for key, number in rows}
    known = Location.objects.in_bulk([key for key in counts if key])
    loads = [SiteLoad(known[key] if key else None, number, period.per_day(number)) for key, number in counts.items()]
    return sorted(loads, key=lambda one: (-one.begins, one.site.name if one.site else ""))


def actors(rows: Iterable[Mapping[str, Any]], total: int) -> list[Actor]:
    rows = list(rows)
    machines = Equipment.objects.in_bulk([UUID(row["equipment_id"]) for row in rows])
    shares = pareto([row["begins"] for row in rows], total)
    return [
        Actor(
            title=row["title"],
            source=row["source"],
            rule_id=row["rule_id"] and UUID(row["rule_id"]),
            equipment=machines[UUID(row["equipment_id"])],
            begins=row["begins"],
            share=share,
            cumulative=cumulative,
            last_at=moment(row["last_at"]),
        )
        for row, (share, cumulative) in zip(rows, shares, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Row:
    """A rule's or a machine's part. A rule tells of the version in force, if it was changed in the period.

    `per_day_before` and `per_day_since` compare the time before the change with the time after it.
    """

    record: Any
    load: Load
    standing: int
    share: Share
    per_day: float | None
    advice: list[Advice] = field(default_factory=list)
    changed_at: datetime | None = None
    per_day_before: float | None = None
    per_day_since: float | None = None


def rule_rows(alerts: AlertQuerySet, period: Period) -> list[Row]:
    """Every rule with an alarm that began in the period or stands at its end. Two queries."""
    found = counted(alerts, period, BY_RULE)
    loads: dict[UUID, dict[bool | None, Load]] = {}
    for row in found["loads"] or ():
        loads.setdefault(UUID(row["key"]), {})[row["is_current"]] = Load.read(row)
    standing = {UUID(key): number for key, number in (found["standing"] or {}).items()}
    total = sum(each[None].begins for each in loads.values())
    rules = Rule.objects.select_related("metric", "equipment", "category").in_bulk([*loads, *standing])
    return [
        rule_row(rule, loads.get(key, {}), standing.get(key, 0), total=total, period=period)
        for key, rule in rules.items()
    ]


def rule_row(rule: Rule, loads: Mapping[bool | None, Load], standing: int, *, total: int, period: Period) -> Row:
    load, current = loads.get(None, NOTHING), loads.get(True, NOTHING)
    return Row(
        record=rule,
        load=load,
        standing=standing,
        share=Share(load.begins, total),
        per_day=period.per_day(load.begins),
        advice=advice_for(rule, current, standing),
        **since_change(rule, load.begins - current.begins, current.begins, period),
    )


def since_change(rule: Rule, before: int, since: int, period: Period) -> dict[str, Any]:
    """How often it spoke before its last change and after it; nothing unless that lies within the period."""
    changed = rule.effective_from
    if rule.version == 1 or not period.start < changed < period.known_until:
        return {}
    return {
        "changed_at": changed,
        "per_day_before": rate(before, changed - period.start),
        "per_day_since": rate(since, period.known_until - changed),
    }


def rate(count: int, span: timedelta) -> float | None:
    """So many a day; of less than a day nothing is known yet."""
    return count * DAY / span if span >= DAY else None


def machine_rows(alerts: AlertQuerySet, period: Period) -> list[Row]:
    """Every machine with an alarm that began in the period or stands at its end. Two queries."""
    found = counted(alerts, period, BY_MACHINE)
    loads = {UUID(row["key"]): Load.read(row) for row in found["loads"] or ()}
    standing = {UUID(key): number for key, number in (found["standing"] or {}).items()}
    total = sum(load.begins for load in loads.values())
    machines = Equipment.objects.in_bulk([*loads, *standing])
    return [
        Row(machine, load := loads.get(key, NOTHING), standing.get(key, 0), Share(load.begins, total),
            period.per_day(load.begins))
        for key, machine in machines.items()
    ]  # fmt: skip
