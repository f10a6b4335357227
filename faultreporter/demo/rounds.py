"""Checklists, and what came of them lately: a round that found something, and one that is under way."""

from datetime import datetime, timedelta
from typing import Any

from equipment.models import Category, Equipment
from faultreporter.demo import pictures
from faultreporter.demo.people import Team
from workorders.models import (
    ChecklistItem,
    ChecklistTemplate,
    WorkOrder,
    WorkOrderRelation,
    WorkOrderSignature,
    WorkOrderTask,
)
from workorders.services import raise_follow_up

Line = dict[str, Any]
CHECKLISTS: dict[str, tuple[str, tuple[Line, ...]]] = {
    "PUMP": (
        "Quarterly round: pump",
        (
            {"title": "No drops at the seal", "kind": "PASS_FAIL"},
            {"title": "Suction pressure", "kind": "NUMBER", "unit": "bar", "minimum": 1, "maximum": 4},
            {"title": "Bearing temperature", "kind": "NUMBER", "unit": "°C", "maximum": 70,
             "instructions": "At the motor end, after ten minutes at full speed."},
            {"title": "Coupling guard in place"},
            {"title": "Nameplate", "kind": "PHOTO", "required": False},
        ),
    ),
    "ELEVATOR": (
        "Monthly visit: lift",
        (
            {"title": "Emergency call reaches the service desk", "kind": "PASS_FAIL"},
            {"title": "Levelling at the lowest floor", "kind": "NUMBER", "unit": "mm", "minimum": -10, "maximum": 10},
            {"title": "Door reopens at an obstacle", "kind": "PASS_FAIL"},
            {"title": "Pit dry and clean"},
            {"title": "Remarks", "kind": "TEXT", "required": False},
        ),
    ),
    "AHU": (
        "Filter change",
        (
            {"title": "Unit off and secured"},
            {"title": "Pressure drop before", "kind": "NUMBER", "unit": "Pa"},
            {"title": "New filters seated, no gap"},
            {"title": "Pressure drop after", "kind": "NUMBER", "unit": "Pa", "maximum": 120},
        ),
    ),
}  # fmt: skip
SAFETY: tuple[Line, ...] = (
    {"title": "Supply locked out and tagged"},
    {"title": "Absence of voltage checked", "kind": "PASS_FAIL"},
    {"title": "Work area fenced off", "required": False},
)


def walk(machines: list[Equipment], team: Team, *, now: datetime) -> None:
    templates = write_checklists()
    pump, lift = (first(machines, code) for code in ("PUMP", "ELEVATOR"))
    finished_round(pump, templates["PUMP"], team, at=(now - timedelta(days=2)).replace(hour=8, minute=0, second=0))
    visit_under_way(lift, templates["ELEVATOR"], team, at=now - timedelta(hours=2))


def first(machines: list[Equipment], category: str) -> Equipment:
    return next(m for m in machines if m.category and m.category.code == category)


def write_checklists() -> dict[str, ChecklistTemplate]:
    made = {}
    for code, (name, lines) in CHECKLISTS.items():
        made[code] = checklist(name, lines, category=Category.objects.living().get(code=code))
    made[""] = checklist("Before opening a cabinet", SAFETY, category=None)
    return made


def checklist(name: str, lines: tuple[Line, ...], *, category: Category | None) -> ChecklistTemplate:
    template = ChecklistTemplate.objects.create(name=name, category=category)
    ChecklistItem.objects.bulk_create(
        [ChecklistItem(template=template, position=place, **line) for place, line in enumerate(lines, start=1)]
    )
    return template


def finished_round(pump: Equipment, template: ChecklistTemplate, team: Team, *, at: datetime) -> None:
    """Done, photographed and signed; the hot bearing led to another order."""
    technician, manager = team.technicians[0], team.managers[0]
    order = begun("Quarterly round", pump, team, at=at)
    photo = {
        phase: pictures.store(
            pictures.fault_photo(seed, pump.equipment_code), name=f"{phase.lower()}.jpg", by=technician, at=at
        )
        for seed, phase in ((41, "BEFORE"), (44, "AFTER"))
    }
    for phase, picture in photo.items():
        order.attach([picture], by=technician, at=at + timedelta(minutes=15), phase=phase)
    answers: tuple[dict[str, Any], ...] = (
        {"passed": True}, {"value": "2.1"},
        {"value": "83", "note": "Grinds at the motor end.", "attachment": photo["BEFORE"]},
        {"note": "One bolt tightened."}, {"attachment": photo["AFTER"]},
    )  # fmt: skip
    tasks = WorkOrderTask.add_from_template(order, template, by=manager, at=at)
    for minute, (task, said) in enumerate(zip(tasks, answers, strict=True), start=20):
        task.complete(by=technician, at=at + timedelta(minutes=minute), **said)
    raise_follow_up(task=tasks[2], by=technician, at=at + timedelta(minutes=30), priority="HIGH")
    done = at + timedelta(minutes=40)
    order.complete(by=technician, at=done, resolution="Round done. The bearing at the motor end runs hot.")
    sign(order, technician=technician, customer="R. Weber", at=done)


def visit_under_way(lift: Equipment, template: ChecklistTemplate, team: Team, *, at: datetime) -> None:
    """Half ticked; the repair that waits for it can't start yet."""
    order = begun("Monthly visit", lift, team, at=at)
    tasks = WorkOrderTask.add_from_template(order, template, by=team.managers[0], at=at)
    answers: tuple[dict[str, Any], ...] = ({"passed": True}, {"value": "-4"})
    for task, said in zip(tasks[:2], answers, strict=True):
        task.complete(by=team.technicians[0], at=at + timedelta(minutes=25), **said)
    later = WorkOrder.add(
        equipment=lift, title="Renew the door belt", type="IMPROVEMENT", priority="LOW", by=team.managers[0], at=at
    )
    WorkOrderRelation.add(order=later, kind="BLOCKED_BY", other=order, by=team.managers[0], at=at)


def begun(title: str, machine: Equipment, team: Team, *, at: datetime) -> WorkOrder:
    technician, manager = team.technicians[0], team.managers[0]
    order = WorkOrder.add(
        equipment=machine, title=title, type="INSPECTION", priority="MEDIUM", by=manager, at=at - timedelta(days=1),
        due_at=at + timedelta(days=5),
    )  # fmt: skip
    order.assign(to=technician, by=manager, at=at - timedelta(hours=20))
    order.start(by=technician, at=at)
    return order


def sign(order: WorkOrder, *, technician: Any, customer: str, at: datetime) -> None:
    for role, name in (("TECHNICIAN", technician.display_name), ("CUSTOMER", customer)):
        drawn = pictures.store(pictures.signature(name), name="signature.png", by=technician, at=at)
        WorkOrderSignature.add(work_order=order, role=role, name=name, attachment=drawn, by=technician, at=at)
