"""The demo story, told once per database: same seed, same story, shifted to end now."""

import random
from datetime import datetime, timedelta
from typing import Any

from django.core.management import call_command
from django.db import transaction

from analytics.rollup import roll_up
from analytics.weekly import Week, report_for
from equipment.models import Equipment
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from faultreporter.demo import (
    answers,
    dials,
    escalation,
    handbooks,
    history,
    inbox,
    live,
    machines,
    metering,
    neighbours,
    people,
    places,
    planning,
    promises,
    readings,
    rounds,
    store,
    unusual,
    upkeep,
)
from telemetry.models import DeviceKey

SEED = 20260101


def tell(*, now: datetime, quiet: bool = False) -> people.Team:
    """Write the whole story in one transaction; an interrupted run leaves nothing behind."""
    rng = random.Random(SEED)
    call_command("load_catalogue", verbosity=0)
    call_command("load_metrics", verbosity=0)
    call_command("load_promises", verbosity=0)
    call_command("load_ai_prices", verbosity=0)
    with transaction.atomic(), acting(by=None, source=AuditLog.Source.COMMAND):
        team = people.hire(now - timedelta(days=365 * history.YEARS))
        machines.install(places.build(team), team, on=now.date(), rng=rng)
        promises.open_at(promises.calendars(on=now.date()))
        fleet = list(Equipment.objects.select_related("category", "location").order_by("equipment_code"))
        store.set_rates(team)
        remember(history.live_through(fleet, team, now=now, rng=rng), team)
        handbooks.shelve(team, at=team.since)
        answers.give(team, now=now)
        history.meter_energy(fleet, now=now, rng=rng)
        escalation.agree(team)
        live.draw_diagrams(fleet, team, drawn_at=team.since)
        live.happen(fleet, team, now=now, rng=rng)
        promises.watch(now=now)
        planning.plan(fleet, team, now=now, rng=random.Random(SEED))
        rounds.walk(fleet, team, now=now)
        readings.record(fleet, now=now, rng=rng, quiet=quiet)
        unusual.look_at(team)
        metering.meter(fleet, now=now, rng=random.Random(SEED))
        dials.read_by_hand(fleet, team, now=now, rng=random.Random(SEED))
        upkeep.plan(fleet, team, now=now, rng=random.Random(SEED))
        neighbours.appear(fleet, team, now=now, rng=random.Random(SEED))
        inbox.fill(team, now=now, rng=random.Random(SEED))
        sum_up(now)
        report_for(team.managers[0], week=Week.before(now))
    return team


def remember(past: history.Ledger, team: people.Team) -> None:
    """Writes two years of work with their findings, hours and parts. Has its own dice: the story stays the same."""
    rng = random.Random(SEED)
    parts = store.fill(team)
    store.code(past.orders, rng)
    uses = store.supply(past.orders, parts, rng)
    past.write()
    store.write(uses, store.keep_books(uses, team.managers[1]), parts, past.orders)


def sum_up(now: datetime) -> None:
    """Reliability of every quarter that the history touches."""
    current = now.year * 4 + (now.month - 1) // 3
    for index in range(current - 4 * history.YEARS, current + 1):
        roll_up(year=index // 4, quarter=index % 4 + 1, as_of=now)


def device_key(team: people.Team) -> str:
    """A fresh key for the simulator's gateway."""
    _key, plain = DeviceKey.issue(name="Demo gateway", by=team.admin, all_equipment=True)
    return str(plain)


def credentials(team: people.Team, *, base_url: str) -> dict[str, Any]:
    """What `.local/demo.json` says."""
    return {
        "base_url": base_url,
        "admin_url": f"{base_url}/admin/",
        "users": people.logins(team),
        "device_key": device_key(team),
    }
