"""What can break: some three hundred machines, each where such a machine stands, with makers that don't exist."""

import random
from dataclasses import dataclass
from datetime import date, timedelta

from equipment.models import Category, Equipment, UserEquipmentAssignment
from faultreporter.demo.people import Team
from locations.models import Location


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of machine and how it lives: hours between failures, hours to repair, what a repair costs in parts."""

    category: str
    prefix: str
    name: str
    makers: tuple[str, ...]
    rooms: tuple[str, ...]
    per_room: int
    criticality: str
    mtbf_hours: float
    mttr_hours: float
    parts_cost: int
    preventive_days: int
    metrics: dict[str, tuple[float, float]]
    faults: tuple[str, ...]


KINDS = (
    Kind("CHILLER", "CH", "Chiller", ("Frostwerk", "Polaris HVAC"), ("Chiller plant",), 3, "CRITICAL", 3000, 9, 900, 90,
         {"vibration": (2.1, 0.15), "temperature": (6.8, 0.4), "power": (142, 9)},
         ("High vibration at the compressor", "Low cooling capacity", "Oil pressure low", "Refrigerant leak alarm")),
    Kind("BOILER", "BO", "Boiler", ("Wärmebau", "Calidus"), ("Boiler room",), 2, "HIGH", 4200, 6, 400, 180,
         {"temperature": (72, 2.5), "pressure": (2.4, 0.1)},
         ("Burner lockout", "Flue gas temperature too high", "Water leak at the flange")),
    Kind("PUMP", "PU", "Circulation pump", ("Hydrova", "Aquamot"), ("Pump room", "Chiller plant", "Boiler room"), 3,
         "HIGH", 5200, 4, 180, 120, {"vibration": (1.6, 0.2), "current": (11.5, 0.6)},
         ("Mechanical seal leaking", "Bearing noise", "Pump trips on overload")),
    Kind("FIRE-PUMP", "FP", "Fire pump", ("Hydrova",), ("Fire pump room",), 1, "CRITICAL", 9000, 8, 350, 30,
         {"pressure": (9.6, 0.2)}, ("Weekly test run failed", "Jockey pump cycling")),
    Kind("TRANSFORMER", "TR", "Transformer", ("Voltara",), ("Transformer room",), 1, "CRITICAL", 16000, 12, 1500, 365,
         {"temperature": (58, 3)}, ("Winding temperature alarm", "Humming louder than usual")),
    Kind("GENERATOR", "GE", "Emergency generator", ("Kraftquell",), ("Generator hall",), 1, "CRITICAL", 8000, 10, 700,
         30, {"temperature": (34, 2)}, ("Failed to start in the monthly test", "Starter battery weak")),
    Kind("AHU", "AH", "Air handling unit", ("Ventoria", "Polaris HVAC"), ("Ventilation centre", "Roof plant"), 3,
         "HIGH", 3600, 4, 220, 90, {"temperature": (20.5, 0.8), "vibration": (1.9, 0.2)},
         ("Filter pressure drop too high", "Supply fan belt squealing", "Damper actuator stuck")),
    Kind("COOLING-TOWER", "CT", "Cooling tower", ("Frostwerk",), ("Cooling tower deck",), 2, "HIGH", 3800, 6, 300, 60,
         {"temperature": (27, 1.5), "vibration": (2.4, 0.3)}, ("Fan vibrates", "Basin level low", "Iced up")),
    Kind("ELEVATOR", "EL", "Passenger lift", ("Aufwind",), ("Lift machine room",), 3, "HIGH", 1900, 3, 260, 60,
         {"current": (16, 2.5)}, ("Door does not close", "Stops between floors", "Levelling inaccurate")),
    Kind("UPS", "UP", "Uninterruptible power supply", ("Voltara", "Kraftquell"), ("Switchgear room", "Server closet"),
         1, "CRITICAL", 11000, 5, 800, 180, {"temperature": (26, 1)},
         ("Battery string weak", "On bypass")),
    Kind("FAN-COIL", "FC", "Fan coil unit", ("Ventoria", "Calidus"),
         ("Open-plan office", "Meeting room", "Laboratory", "Office", "Copy room"), 3, "LOW", 7000, 2, 60, 365, {},
         ("Drips onto the ceiling", "Rattles", "Does not cool", "Thermostat dead")),
    Kind("LIGHTING-PANEL", "LP", "Lighting panel", ("Lumenta",), ("Electrical riser",), 2, "MEDIUM", 12000, 2, 90, 365,
         {}, ("Circuit trips", "Whole row of lamps dark")),
)  # fmt: skip
RATED_KW: dict[str, tuple[float, ...]] = {
    "CHILLER": (110, 142, 180), "BOILER": (5.5, 7.5), "PUMP": (7.5, 11, 15), "FIRE-PUMP": (45, 75),
    "TRANSFORMER": (12,), "GENERATOR": (4,), "AHU": (7.5, 15, 22), "COOLING-TOWER": (11, 15),
    "ELEVATOR": (9, 13), "UPS": (3, 6), "FAN-COIL": (0.2, 0.4), "LIGHTING-PANEL": (4, 8),
}  # fmt: skip
BY_CATEGORY = {kind.category: kind for kind in KINDS}


def install(rooms: list[Location], team: Team, *, on: date, rng: random.Random) -> list[Equipment]:
    """A machine of each fitting kind in each fitting room, and who looks after it."""
    categories = {category.code: category for category in Category.objects.living()}
    machines = [
        make(kind, categories[kind.category], room, number, team, on=on, rng=rng)
        for room in rooms
        for kind in KINDS
        if room.name in kind.rooms
        for number in range(1, kind.per_room + 1)
    ]
    Equipment.objects.bulk_create(machines)
    assign(machines, team)
    return machines


def make(
    kind: Kind, category: Category, room: Location, number: int, team: Team, *, on: date, rng: random.Random
) -> Equipment:
    maker = rng.choice(kind.makers)
    installed = on - timedelta(days=rng.randint(800, 5200))
    floor = room.parent.name.lower() if room.parent else ""
    return Equipment(
        equipment_code=f"{kind.prefix}-{room.code}-{number}",
        equipment_name=f"{kind.name} {number}, {room.name.lower()}",
        description=f"{kind.name} by {maker}, serves {room.name.lower()} on {floor}.",
        location=room,
        asset_number=f"AST-{rng.randint(10000, 99999)}",
        manufacturer=maker,
        model=f"{kind.prefix}{rng.choice((120, 200, 320, 450, 600))}-{rng.choice('ABCX')}",
        serial_number=f"{maker[:2].upper()}{installed:%y}{rng.randint(100000, 999999)}",
        metadata={"year": installed.year, "rated_power_kw": rng.choice(RATED_KW[kind.category])},
        category=category,
        criticality=kind.criticality,
        installed_date=installed,
        warranty_end_date=installed + timedelta(days=5 * 365),
        plan_x=room.plan_x,
        plan_y=room.plan_y,
        created_by=team.admin,
        created_at=team.since,
    )


def assign(machines: list[Equipment], team: Team) -> None:
    """Two technicians look after each machine; the data centre's belong to its members."""
    assignments = []
    for index, machine in enumerate(machines):
        crew = team.technicians[:3] if machine.equipment_code.split("-")[1] == "HB" else team.technicians
        for role, offset in (("PRIMARY", 0), ("BACKUP", 1)):
            person = crew[(index + offset) % len(crew)]
            since = {"starts_at": team.since, "created_at": team.since}
            assignments.append(UserEquipmentAssignment(user=person, equipment=machine, role=role, **since))
    UserEquipmentAssignment.objects.bulk_create(assignments)
