"""What is going on today: made with the same calls that the API makes."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from alerts.models import Alert
from alerts.services import report_fault
from equipment.models import Equipment, FailureCause, FailureMechanism, FailureMode, Remedy, TechnicalDiagram
from faultreporter.demo import escalation, pictures
from faultreporter.demo.machines import BY_CATEGORY
from faultreporter.demo.people import Team
from workorders.models import HoldReason, LabourEntry, Part, PartUse, WorkOrder
from workorders.services import raise_work_order


class Happening(NamedTuple):
    """A fault of the last days: on which kind of machine, where, how long ago, how bad, and how far it has come."""

    category: str
    building: str
    title: str
    words: str
    hours: float
    severity: str
    progress: str


HAPPENINGS = tuple(
    Happening(*row)
    for row in (
        ("ELEVATOR", "NG-A", "Stops between floors",
         "Stood between floor 2 and 3 for a minute with people inside, then went on. Twice this morning.",
         2, "CRITICAL", "reported"),
        ("FAN-COIL", "NG-B", "Drips onto the ceiling",
         "A brown stain on the ceiling tile below the unit grows, and water drips onto the desk.",
         1, "LOW", "reported"),
        ("AHU", "NG-A", "Supply fan belt squealing",
         "Squeals for some minutes after every start; rubber dust under the belt guard.",
         5, "MEDIUM", "reported"),
        ("LIGHTING-PANEL", "NG-B", "Whole row of lamps dark",
         "The circuit breaker of the window row trips as soon as it is switched on.",
         8, "MEDIUM", "reported"),
        ("FAN-COIL", "NG-A", "Thermostat dead", "The display stays dark, the room is at 26 °C.",
         20, "LOW", "acknowledged"),
        ("PUMP", "HB-1", "Mechanical seal leaking",
         "Water runs from the shaft seal, about a litre an hour; puddle under the coupling.",
         26, "HIGH", "acknowledged"),
        ("COOLING-TOWER", "NG-B", "Fan vibrates", "The whole deck hums; it is worse at full speed.",
         30, "HIGH", "ordered"),
        ("FAN-COIL", "NG-B", "Rattles", "Something loose rattles behind the grille.",
         33, "LOW", "ordered"),
        ("UPS", "HB-1", "Battery string weak", "The battery test ended after four minutes instead of ten.",
         40, "HIGH", "assigned"),
        ("BOILER", "NG-B", "Water leak at the flange", "Drips at the flange of the return line, rust on the bolts.",
         44, "MEDIUM", "assigned"),
        ("PUMP", "NG-A", "Bearing noise", "Grinds at the motor end, the housing is too hot to touch.",
         50, "HIGH", "started"),
        ("AHU", "HB-1", "Damper actuator stuck", "The outside air damper stays at 20 %, whatever is asked of it.",
         52, "MEDIUM", "started"),
        ("GENERATOR", "NG-A", "Starter battery weak", "Cranked slowly and did not start in the monthly test.",
         60, "CRITICAL", "held"),
        ("ELEVATOR", "NG-B", "Door does not close", "The door reverses at the last centimetre.",
         66, "HIGH", "completed"),
        ("FAN-COIL", "NG-A", "Does not cool", "Blows, but only warm air; the valve does not move.",
         70, "MEDIUM", "completed"),
        ("CHILLER", "NG-A", "Trips on high pressure", "Starts again by hand and trips within the hour.",
         3.3, "CRITICAL", "started"),
    )
)  # fmt: skip
KIND_OF_DRAWING = {"CHILLER": "PIPING", "BOILER": "PIPING", "AHU": "MECHANICAL"}
HOURS_TO_REPAIR = {"CRITICAL": 24, "HIGH": 48, "MEDIUM": 96, "LOW": 168}
STEPS = ("reported", "acknowledged", "ordered", "assigned", "started", "held", "completed")


def happen(machines: list[Equipment], team: Team, *, now: datetime, rng: random.Random) -> None:
    for index, one in enumerate(HAPPENINGS):
        candidates = [m for m in machines if is_of(m, one.category, one.building)]
        machine = candidates[index % len(candidates)]
        at = (now - timedelta(hours=one.hours, minutes=rng.randrange(60))).replace(second=0, microsecond=0)
        # nobody but its members enters the data centre
        reporter = team.technicians[index % 3] if one.building == "HB-1" else team.reporters[index % 3]
        content = pictures.fault_photo(index, machine.equipment_code)
        photo = pictures.store(content, name=f"photo-{index + 1}.jpg", by=reporter, at=at)
        alert, _ = report_fault(
            equipment=machine, title=one.title, severity=one.severity, by=reporter, at=at, occurred_at=at,
            description=one.words, attachments=[photo], analyze=index < 4,
        )  # fmt: skip
        escalation.go_on(alert, until=min(now, at + timedelta(minutes=9)))
        advance(alert, STEPS.index(one.progress), team, at=at, rng=rng)
        escalation.go_on(alert, until=now)
    work_now(now=now)


def is_of(machine: Equipment, category: str, building: str) -> bool:
    of_kind = machine.category is not None and machine.category.code == category
    return of_kind and machine.equipment_code.removeprefix(BY_CATEGORY[category].prefix + "-").startswith(building)


def advance(alert: Alert, steps: int, team: Team, *, at: datetime, rng: random.Random) -> None:
    """Carry a fault `steps` steps of the way from report to restore."""
    manager, technician = team.managers[0], team.technicians[rng.randrange(3)]
    if steps >= 1:
        alert.acknowledge(by=manager, at=at + timedelta(minutes=9))
    if steps < 2:
        return
    due = at + timedelta(hours=HOURS_TO_REPAIR[alert.severity])
    order = raise_work_order(alert=alert, by=manager, at=at + timedelta(minutes=15), due_at=due)
    if steps >= 3:
        order.assign(to=technician, by=manager, at=at + timedelta(minutes=20))
    if steps >= 4:
        order.start(by=technician, at=at + timedelta(minutes=40 if alert.severity == "CRITICAL" else 120))
    if steps == 5:
        order.hold(
            by=technician, at=at + timedelta(hours=4), reason="Waiting for a battery, delivery on Thursday.",
            why=HoldReason.named("WAITING_PARTS"),
        )  # fmt: skip
    if steps == 6:
        complete(order, team, at=at + timedelta(hours=7))


def complete(order: WorkOrder, team: Team, *, at: datetime) -> None:
    by = order.assigned_to or team.technicians[0]
    prefix = order.equipment.equipment_code.partition("-")[0]
    for part in Part.objects.filter(number__startswith=f"{prefix}-", stock__gte=1).order_by("number")[:1]:
        PartUse.take(order=order, part=part, quantity=Decimal(1), by=by, at=at)
    LabourEntry.log(order=order, person=by, by=by, at=at, started_at=at - timedelta(minutes=150), ended_at=at)
    order.complete(
        by=by, at=at, resolution="Worn part replaced, test run passed.", cause="Wear", failure_mode=likely_mode(order),
        failure_mechanism=FailureMechanism.objects.get(code="WEAR"),
        failure_cause=FailureCause.objects.get(code="END-OF-LIFE"), remedy_action=Remedy.objects.get(code="REPLACE"),
    )  # fmt: skip


def likely_mode(order: WorkOrder) -> FailureMode | None:
    """The one whose keywords the report has the most of."""
    words = f"{order.title} {order.description}".lower()
    modes = FailureMode.objects.living().applicable_to(order.equipment.category_id).order_by("category", "code")
    return max(modes, key=lambda mode: sum(keyword in words for keyword in mode.keywords), default=None)


def work_now(*, now: datetime) -> None:
    """Somebody's timer is running."""
    order = WorkOrder.objects.filter(status=WorkOrder.Status.IN_PROGRESS).order_by("created_at").last()
    if order is not None and order.assigned_to is not None:
        LabourEntry.start_timer(order=order, by=order.assigned_to, at=now - timedelta(minutes=40))


def draw_diagrams(machines: list[Equipment], team: Team, *, drawn_at: datetime) -> None:
    """A schematic for each chiller, boiler and air handling unit."""
    parts = {
        "CHILLER": ["Evaporator", "Compressor", "Condenser", "Expansion valve", "Oil pump", "Controller"],
        "BOILER": ["Burner", "Heat exchanger", "Flue", "Feed pump", "Safety valve", "Controller"],
        "AHU": ["Outside air", "Filter", "Supply fan", "Heating coil", "Cooling coil", "Silencer"],
    }
    for machine in machines:
        code = machine.category.code if machine.category else ""
        if code not in parts:
            continue
        kind = BY_CATEGORY[code]
        picture = pictures.store(
            pictures.wiring_diagram(f"{kind.name} {machine.model}", parts[code]),
            name=f"{machine.equipment_code}.png",
            by=team.admin,
            at=drawn_at,
        )
        TechnicalDiagram.objects.create(
            equipment=machine, title=f"{kind.name} schematic", kind=KIND_OF_DRAWING[code], attachment=picture,
            created_at=drawn_at,
            hotspots=[{"x": 0.1, "y": 0.225, "w": 0.2, "h": 0.163, "label": parts[code][0]}],
        )  # fmt: skip
