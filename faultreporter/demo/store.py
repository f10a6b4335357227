"""The store, the rates, and what the past orders took: rows whose sums are the orders' totals."""

import random
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from equipment.models import FailureCause, FailureMechanism, Remedy
from faultreporter.accounts.models import User
from faultreporter.demo.machines import BY_CATEGORY
from faultreporter.demo.people import Team
from faultreporter.roles import Role
from workorders.models import LabourEntry, LabourRate, Part, PartUse, StockMovement, WorkOrder

HOURLY_RATE, MANAGERS_RATE = Decimal(58), Decimal(74)
BATCH = 2_000
DELIVERY = Decimal(6)
# For each kind of machine: what is kept for it, and its price as a share of what a repair of that kind costs.
KEPT = {
    "CHILLER": (("Shaft seal kit", 0.35), ("Oil filter", 0.08), ("Bearing set", 0.9)),
    "BOILER": (("Ignition electrode", 0.12), ("Flange gasket", 0.04), ("Burner nozzle", 0.2)),
    "PUMP": (("Mechanical seal", 0.6), ("Bearing 6306", 0.25), ("Coupling insert", 0.15)),
    "FIRE-PUMP": (("Pressure switch", 0.3), ("Gland packing", 0.1)),
    "TRANSFORMER": (("Temperature monitor", 0.25), ("Silica gel", 0.03)),
    "GENERATOR": (("Starter battery", 0.4), ("Fuel filter", 0.06)),
    "AHU": (("Filter F7", 0.2), ("V-belt SPA", 0.12), ("Damper actuator", 0.8)),
    "COOLING-TOWER": (("Float valve", 0.25), ("Fan belt", 0.2)),
    "ELEVATOR": (("Door roller", 0.15), ("Door contact", 0.2), ("Brake lining", 0.5)),
    "UPS": (("Battery block 12 V", 0.1), ("Fan unit", 0.15)),
    "FAN-COIL": (("Valve actuator", 0.7), ("Condensate pump", 0.9), ("Thermostat", 0.8)),
    "LIGHTING-PANEL": (("Circuit breaker B16", 0.2), ("LED driver", 0.45)),
}
# A word of a mode's usual mechanism, and the code it stands for.
MECHANISM_WORDS = {
    "wear": "WEAR", "worn": "WEAR", "foul": "FOULED", "dust": "BLOCKED", "block": "BLOCKED", "leak": "LEAKAGE",
    "seal": "LEAKAGE", "tight": "LEAKAGE", "loose": "LOOSE", "drift": "DRIFT", "supply": "SUPPLY-LOST",
    "electronic": "SOFTWARE", "battery": "DISCHARGED", "charge": "DISCHARGED", "corrosion": "CORROSION",
    "frost": "FROZEN", "heat": "OVERHEATED", "insulation": "EARTH-FAULT", "contact": "POOR-CONTACT",
    "current": "SHORT-CIRCUIT", "sensor": "FALSE-SIGNAL", "impact": "IMPACT", "align": "MISALIGNED",
}  # fmt: skip
REMEDY_WORDS = {
    "clean": "CLEAN", "tighten": "TIGHTEN", "calibrate": "CALIBRATE", "adjust": "ADJUST", "align": "ADJUST",
    "grease": "LUBRICATE", "fill": "REFILL", "top up": "REFILL", "restart": "RESET", "replace": "REPLACE",
    "renew": "REPLACE", "repair": "REPAIR",
}  # fmt: skip
CAUSES = ("END-OF-LIFE", "END-OF-LIFE", "NOT-MAINTAINED", "OVERLOAD", "NO-LUBRICATION", "ENVIRONMENT", "EARLY-FAILURE")


def fill(team: Team) -> list[Part]:
    """The store's catalogue, still empty."""
    kinds = ((BY_CATEGORY[category], kept) for category, kept in KEPT.items())
    parts = [
        Part(
            number=f"{kind.prefix}-{number:02d}", name=name, manufacturer=kind.makers[0],
            unit_cost=Decimal(max(2, round(kind.parts_cost * share))), minimum_stock=Decimal(2),
            store=f"Shelf {kind.prefix}{number}", created_at=team.since,
        )
        for kind, kept in kinds
        for number, (name, share) in enumerate(kept, start=1)
    ]  # fmt: skip
    return Part.objects.bulk_create(parts)


def set_rates(team: Team) -> None:
    for role, rate in ((Role.TECHNICIAN, HOURLY_RATE), (Role.MANAGER, MANAGERS_RATE)):
        LabourRate.objects.create(role=role, valid_from=team.since.date(), hourly_rate=rate)


def code(orders: list[WorkOrder], rng: random.Random) -> None:
    """Past repairs say how it came to them, why, and what was done; services have nothing to say."""
    mechanisms = {entry.code: entry for entry in FailureMechanism.objects.living()}
    causes = {entry.code: entry for entry in FailureCause.objects.living()}
    remedies = {entry.code: entry for entry in Remedy.objects.living()}
    for order in orders:
        mode = order.failure_mode
        if mode is not None:
            order.failure_mechanism = mechanisms[matching(mode.mechanism, MECHANISM_WORDS, "WEAR")]
            order.failure_cause = causes[rng.choice(CAUSES)]
            order.remedy_action = remedies[matching(mode.remedy, REMEDY_WORDS, "REPAIR")]
        elif order.type == WorkOrder.Type.CORRECTIVE:
            order.no_failure_found = True


def matching(text: str, words: dict[str, str], otherwise: str) -> str:
    return next((code for word, code in words.items() if word in text.lower()), otherwise)


def supply(orders: list[WorkOrder], parts: list[Part], rng: random.Random) -> list[PartUse]:
    """What past repairs took from the shelf; their cost of parts follows."""
    uses = []
    of_kind: dict[str, list[Part]] = {}
    for part in parts:
        of_kind.setdefault(part.number.rpartition("-")[0], []).append(part)
    for order in orders:
        fitting = of_kind.get(order.equipment.equipment_code.partition("-")[0], [])
        if not fitting or order.type != WorkOrder.Type.CORRECTIVE or order.completed_at is None:
            continue
        part, quantity = rng.choice(fitting), Decimal(rng.choice((1, 1, 1, 2)))
        use = PartUse(
            work_order=order, part=part, quantity=quantity, unit_cost=part.unit_cost,
            cost=quantity * (part.unit_cost or 0), created_by=order.completed_by, created_at=order.completed_at,
        )  # fmt: skip
        order.parts_cost = use.cost
        uses.append(use)
    return uses


def keep_books(uses: list[PartUse], keeper: User) -> list[StockMovement]:
    """The ledger in the order of time: a delivery whenever the shelf would run empty. Leaves each part its stock."""
    movements = []
    for use in sorted(uses, key=lambda use: use.created_at):
        part = use.part
        if part is None:
            continue
        if part.stock < use.quantity:
            before = use.created_at - timedelta(minutes=30)
            movements.append(moved(part, DELIVERY, "RECEIPT", before, by=keeper, reason="Delivery"))
        order, by = use.work_order, use.created_by
        movements.append(moved(part, -use.quantity, "USE", use.created_at, by=by, order=order))
    return movements


def moved(
    part: Part, quantity: Decimal, kind: str, at: datetime, *, by: User | None, reason: str = "",
    order: WorkOrder | None = None,
) -> StockMovement:  # fmt: skip
    part.stock += quantity
    return StockMovement(
        part=part, kind=kind, quantity=quantity, stock_after=part.stock, unit_cost=part.unit_cost, reason=reason,
        work_order=order, by=by, at=at, created_at=at,
    )  # fmt: skip


def hours(orders: list[WorkOrder]) -> list[LabourEntry]:
    """The labour of past orders, by whoever completed them."""
    return [
        LabourEntry(
            work_order=order, person=order.completed_by, minutes=order.labour_minutes, hourly_rate=HOURLY_RATE,
            cost=order.labour_cost, created_by=order.completed_by, created_at=order.completed_at or timezone.now(),
        )
        for order in orders
        if order.completed_by and order.labour_minutes is not None
    ]  # fmt: skip


def write(uses: list[PartUse], movements: list[StockMovement], parts: list[Part], orders: list[WorkOrder]) -> None:
    """The orders are written already."""
    Part.objects.bulk_update(parts, ["stock"])
    StockMovement.objects.bulk_create(movements, batch_size=BATCH)
    PartUse.objects.bulk_create(uses, batch_size=BATCH)
    LabourEntry.objects.bulk_create(hours(orders), batch_size=BATCH)
