"""Where it happens: an open campus of two buildings, and a data centre that only its members see."""

from collections.abc import Iterable

from faultreporter.demo import pictures
from faultreporter.demo.people import Team
from locations.models import Location, SiteMembership

CAMPUS = ("NORTHGATE", "Northgate Campus", 52.5186, 13.3763, "Am Nordtor 1, 10557 Berlin")
DATA_CENTRE = ("HARBOUR", "Harbour Data Centre", 53.5413, 9.9842, "Kaispeicher 7, 20457 Hamburg")

# building, its site, name, floors from the lowest level, rooms on each
BUILDINGS = (
    ("NG-A", "NORTHGATE", "Tower A", range(-1, 7), 9),
    ("NG-B", "NORTHGATE", "Laboratory B", range(-1, 4), 9),
    ("HB-1", "HARBOUR", "Hall 1", range(-1, 4), 6),
)
ROOM_NAMES = {
    -1: ("Chiller plant", "Boiler room", "Pump room", "Transformer room", "Fire pump room", "Generator hall",
         "Switchgear room", "Workshop", "Store"),
    "top": ("Roof plant", "Cooling tower deck", "Lift machine room", "Ventilation centre", "Antenna room",
            "Store", "Solar inverter room", "Terrace", "Archive"),
    "office": ("Open-plan office", "Meeting room", "Server closet", "Tea kitchen", "Electrical riser", "Corridor",
               "Laboratory", "Office", "Copy room"),
}  # fmt: skip


def site(row: tuple[str, str, float, float, str], *, open_to_all: bool, team: Team) -> Location:
    code, name, latitude, longitude, address = row
    return Location.add(
        by=team.admin,
        kind=Location.Kind.SITE,
        code=code,
        name=name,
        latitude=latitude,
        longitude=longitude,
        address=address,
        time_zone="Europe/Berlin",
        open_to_all=open_to_all,
    )


def room_names(level: int, floors: range) -> Iterable[str]:
    if level == -1:
        return ROOM_NAMES[-1]
    return ROOM_NAMES["top"] if level == floors[-1] else ROOM_NAMES["office"]


def floor_label(level: int) -> str:
    return {-1: "Basement", 0: "Ground floor"}.get(level, f"Floor {level}")


def build(team: Team) -> list[Location]:
    """The whole tree; returns the rooms."""
    sites = {
        CAMPUS[0]: site(CAMPUS, open_to_all=True, team=team),
        DATA_CENTRE[0]: site(DATA_CENTRE, open_to_all=False, team=team),
    }
    members = [*team.managers, *team.technicians[:3]]
    SiteMembership.objects.bulk_create(SiteMembership(user=person, site=sites["HARBOUR"]) for person in members)
    rooms: list[Location] = []
    for code, site_code, name, floors, count in BUILDINGS:
        parent = sites[site_code]
        building = Location.add(
            by=team.admin, kind=Location.Kind.BUILDING, parent=parent, code=code, name=name,
            latitude=parent.latitude, longitude=parent.longitude,
        )  # fmt: skip
        for level in floors:
            rooms += build_floor(building, level, list(room_names(level, floors))[:count], team)
    Location.objects.bulk_create(rooms)
    return rooms


def build_floor(building: Location, level: int, names: list[str], team: Team) -> list[Location]:
    label, code = floor_label(level), f"{building.code}-{'B' if level < 0 else 'F'}{abs(level)}"
    plan = pictures.store(
        pictures.floor_plan(f"{building.name}, {label}", names), name=f"{code}.png", by=team.admin, at=team.since
    )
    floor = Location.add(
        by=team.admin, kind=Location.Kind.FLOOR, parent=building, code=code,
        name=label, floor_level=level, floor_plan=plan,
    )  # fmt: skip
    return [
        Location(
            kind=Location.Kind.ROOM,
            parent=floor,
            site=building.site,
            code=f"{floor.code}-{number:02d}",
            name=name,
            floor_level=level,
            latitude=round((building.latitude or 0) + number * 0.00004, 6),
            longitude=round((building.longitude or 0) + number * 0.00003, 6),
            plan_x=round(pictures.room_centre(number - 1)[0], 3),
            plan_y=round(pictures.room_centre(number - 1)[1], 3),
        )
        for number, name in enumerate(names, start=1)
    ]
