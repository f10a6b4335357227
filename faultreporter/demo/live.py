"""What is going on today: made with the same calls that the API makes."""

import random
from datetime import datetime, timedelta

from alerts.models import Alert
from alerts.services import report_fault
from equipment.models import Equipment, TechnicalDiagram
from faultreporter.demo import pictures
from faultreporter.demo.machines import BY_CATEGORY
from faultreporter.demo.people import Team
from workorders.models import WorkOrder
from workorders.services import raise_work_order

# what was reported on which kind, how many hours ago, how bad, and how far it has come
HAPPENINGS = (
    ("ELEVATOR", "Stops between floors", 2, "CRITICAL", "reported"),
    ("FAN-COIL", "Drips onto the ceiling", 1, "LOW", "reported"),
    ("AHU", "Supply fan belt squealing", 5, "MEDIUM", "reported"),
    ("LIGHTING-PANEL", "Whole row of lamps dark", 8, "MEDIUM", "reported"),
    ("FAN-COIL", "Thermostat dead", 20, "LOW", "acknowledged"),
    ("PUMP", "Mechanical seal leaking", 26, "HIGH", "acknowledged"),
    ("COOLING-TOWER", "Fan vibrates", 30, "HIGH", "ordered"),
    ("FAN-COIL", "Rattles", 33, "LOW", "ordered"),
    ("UPS", "Battery string weak", 40, "HIGH", "assigned"),
    ("BOILER", "Water leak at the flange", 44, "MEDIUM", "assigned"),
    ("PUMP", "Bearing noise", 50, "HIGH", "started"),
    ("AHU", "Damper actuator stuck", 52, "MEDIUM", "started"),
    ("GENERATOR", "Starter battery weak", 60, "CRITICAL", "held"),
    ("ELEVATOR", "Door does not close", 66, "HIGH", "completed"),
    ("FAN-COIL", "Does not cool", 70, "MEDIUM", "completed"),
)
STEPS = ("reported", "acknowledged", "ordered", "assigned", "started", "held", "completed")


def happen(machines: list[Equipment], team: Team, *, now: datetime, rng: random.Random) -> None:
    for index, (category, title, hours, severity, progress) in enumerate(HAPPENINGS):
        candidates = [m for m in machines if m.category and m.category.code == category]
        machine = candidates[index % len(candidates)]
        at = now - timedelta(hours=hours)
        photo = pictures.store(
            pictures.fault_photo(index, machine.equipment_code), name=f"fault-{index + 1}.jpg", by=team.reporters[0]
        )
        alert, _ = report_fault(
            equipment=machine, title=title, severity=severity, by=team.reporters[index % 3], at=at, occurred_at=at,
            description=f"Noticed at {machine.equipment_name.lower()}.", attachments=[photo], analyze=index < 4,
        )  # fmt: skip
        advance(alert, STEPS.index(progress), team, at=at, rng=rng)


def advance(alert: Alert, steps: int, team: Team, *, at: datetime, rng: random.Random) -> None:
    """Carry a fault `steps` steps of the way from report to restore."""
    manager, technician = team.managers[0], team.technicians[rng.randrange(3)]
    if steps >= 1:
        alert.acknowledge(by=manager, at=at + timedelta(minutes=9))
    if steps < 2:
        return
    due = at + timedelta(hours=36)
    order = raise_work_order(alert=alert, by=manager, at=at + timedelta(minutes=15), due_at=due)
    if steps >= 3:
        order.assign(to=technician, by=manager, at=at + timedelta(minutes=20))
    if steps >= 4:
        order.start(by=technician, at=at + timedelta(hours=2))
    if steps == 5:
        order.hold(by=technician, at=at + timedelta(hours=4), reason="Waiting for a battery, delivery on Thursday.")
    if steps == 6:
        complete(order, team, at=at + timedelta(hours=7))


def complete(order: WorkOrder, team: Team, *, at: datetime) -> None:
    order.complete(
        by=order.assigned_to or team.technicians[0],
        at=at,
        resolution="Worn part replaced, test run passed.",
        cause="Wear",
        labour_minutes=150,
        labour_cost="145.00",
        parts_cost="86.40",
    )


def draw_diagrams(machines: list[Equipment], team: Team) -> None:
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
        )
        TechnicalDiagram.objects.create(
            equipment=machine, title=f"{kind.name} schematic", attachment=picture,
            hotspots=[{"x": 0.1, "y": 0.225, "w": 0.2, "h": 0.163, "label": parts[code][0]}],
        )  # fmt: skip
