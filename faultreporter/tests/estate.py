"""A small estate with several of every record that has a back-office page, so that a query per row would show."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from axes.models import AccessAttempt, AccessLog
from django.contrib import admin
from django.db.models import Model
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from aiassist import pipeline
from aiassist.models import Analysis, ModelPrice
from aiassist.tests.factories import make_analysis, make_manual
from alerts.models import EscalationOutage
from alerts.tests.factories import AlertFactory
from alerts.tests.policies import again, make_policy, wait
from analytics.rollup import roll_up
from analytics.tests.factories import EnergyConsumptionFactory, machine
from analytics.weekly import send_reports_of_last_week
from equipment.models import (
    Equipment,
    FailureCause,
    FailureMechanism,
    PersonSkill,
    Remedy,
    Skill,
    Team,
    UserEquipmentAssignment,
)
from equipment.tests.factories import CategoryFactory, FailureModeFactory
from faultreporter.accounts.models import ApiToken, User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.audit.seals import seal_all
from faultreporter.notifications.tests.factories import phone_of, tell
from faultreporter.outbox.testing import deliver
from faultreporter.webhooks.models import Webhook, WebhookDelivery
from faultreporter.webhooks.tests.factories import make_webhook
from locations.models import BusinessCalendar, Location
from locations.tests.factories import LocationFactory, SiteMembershipFactory
from telemetry import voiding
from telemetry.hand_readings.by_hand import Typed, enter
from telemetry.intake.ingest import ingest
from telemetry.models import DeadLetter, Insight, MaintenanceWindow, MqttBridge, ReadingImport, Tariff
from telemetry.mqtt.bridge import letter
from telemetry.mqtt.messages import Message, Unusable
from telemetry.tests.factories import (
    CounterFactory,
    DetectorFactory,
    InsightFactory,
    MeterFactory,
    MetricFactory,
    RuleFactory,
    issue_key,
)
from workorders.generation import generate_due
from workorders.models import CostEntry, LabourEntry, LabourRate, MaintenancePlan, Part, PartUse, SlaPolicy, WorkOrder
from workorders.services import load_promises, raise_work_order
from workorders.tests.checklists import look_through
from workorders.tests.factories import PartFactory, PlanFactory, order_in

SEVERAL = 6


def build_estate(*, manager: User, technician: User) -> None:
    """Everything meets at the first machine; the others are there so that lists have rows."""
    site = LocationFactory.create(name="Northgate", business_calendar=calendars()[0])
    SiteMembershipFactory.create(user=technician, site=site)
    agree(manager)
    load_promises()
    SlaPolicy.add(by=manager, site=site, priority="CRITICAL", response_minutes=15, restore_minutes=120)
    rooms = [place_in(site, number) for number in range(SEVERAL)]
    category = CategoryFactory.create(name="Chiller")
    FailureModeFactory.create_batch(SEVERAL, category=category, keywords=["hums"])
    machines = [machine(location=room, category=category) for room in rooms]
    measure(machines)
    read_dials(machines, by=technician)
    find_unusual(machines, by=(manager, technician))
    for number, room in enumerate(rooms[1:]):
        machines[0].move_to(room, by=manager, at=timezone.now(), reason="Needed there")
        work_on(machines[0], manager=manager, technician=technician)
        work_on(machines[number + 1], manager=manager, technician=technician)
    plan_for(machines)
    draw(machines[0], by=manager)
    count(machines, site)
    crew(manager, technician)
    tell_others(machines[0], by=manager)
    administer(manager)
    for _number in range(SEVERAL):
        phone_of(technician)
        tell(manager, technician, severity="HIGH")
    deliver()
    pipeline.run(Analysis.objects.latest("created_at").pk)


def calendars() -> list[BusinessCalendar]:
    new_year = {"date": date(2026, 1, 1), "name": "New Year", "every_year": True}
    bridge = {"date": date(2026, 5, 15), "name": "Bridge day"}
    return [
        BusinessCalendar.add(by=None, name=f"Shift {number}", holidays=[new_year, bridge]) for number in range(SEVERAL)
    ]


def agree(manager: User) -> None:
    """Policies, one of them in force, and times in which escalations stood still."""
    now = timezone.now()
    tell = {"kind": "NOTIFY_PERSON", "person": manager}
    for number in range(SEVERAL):
        make_policy(wait(10), tell, wait(20), again(2), name=f"Policy {number}", is_active=number == 0)
        EscalationOutage.objects.create(
            is_open=False, started_at=now, ended_at=now, overdue=number, oldest_due_at=now - timedelta(hours=1)
        )


def place_in(site: Location, number: int) -> Location:
    building = LocationFactory.create(kind="BUILDING", parent=site, name=f"Tower {number}")
    floor = LocationFactory.create(kind="FLOOR", parent=building, floor_level=0, name="Ground floor")
    room: Location = LocationFactory.create(kind="ROOM", parent=floor, name="Chiller plant")
    return room


def measure(machines: list[Equipment]) -> None:
    """Readings beyond a rule's limit on every machine."""
    an_hour_ago = timezone.now() - timedelta(hours=1)
    for metric in (MetricFactory.create(), MetricFactory.create(vibration=True), MetricFactory.create(pressure=True)):
        for one in machines:
            RuleFactory.create(equipment=one, metric=metric, at=an_hour_ago)
        readings = [{"equipment_code": one.equipment_code, "metric": metric.code, "value": 99} for one in machines]
        ingest(readings, at=timezone.now())
    deliver()
    issue_key()
    yesterday = an_hour_ago - timedelta(days=1)
    MaintenanceWindow.add(
        by=None, equipment=machines[0], starts_at=yesterday, ends_at=an_hour_ago, reason="Bearings are changed"
    )
    for one in machines:
        meter = MeterFactory.create(series=CounterFactory.create(equipment=one))
        meter.record_exchange(by=None, at=an_hour_ago, now=timezone.now(), final=10, initial=0)
        valid_from = date(2026, 1, 1) + timedelta(days=Tariff.objects.count())
        Tariff.objects.create(utility="ELECTRICITY", valid_from=valid_from)
        ingest([{"equipment_code": one.equipment_code, "metric": "energy", "value": 12}], at=timezone.now())
        stuck = [meter.series_id]
        voiding.declare(series=stuck, since=yesterday, until=an_hour_ago, reason="Stuck", by=None, at=timezone.now())


def read_dials(machines: list[Equipment], *, by: User) -> None:
    for one in machines:
        enter(Typed(equipment_id=one.pk, metric="energy", value=13, note="Dusty"), by=by, at=timezone.now())


def find_unusual(machines: list[Equipment], *, by: tuple[User, User]) -> None:
    """Insights on every machine, those of the first in one group, with everybody's verdict."""
    leader: Insight | None = None
    for one in machines:
        for series in one.series.select_related("metric"):
            DetectorFactory.create(metric=series.metric, category=one.category, kind="RELATIVE_ENTROPY")
            leads = leader if leader and leader.equipment == one else None
            insight: Insight = InsightFactory.create(series=series, leader=leads)
            leader = leads or insight
            for person in by:
                insight.give_feedback(by=person, verdict="USEFUL")
    listen()


def listen() -> None:
    for number in range(SEVERAL):
        MqttBridge.objects.note(f"bridge-{number}", at=timezone.now(), is_connected=True, counts={"messages": 3})
        ReadingImport.objects.create(name="year.csv", digest=f"{number:064}", started_at=timezone.now())
    message = Message("fr/v1/gw-9/telemetry", b"{half a mess", timezone.now())
    DeadLetter.keep([letter(message, Unusable(DeadLetter.Reason.UNREADABLE)) for _ in range(SEVERAL)])


def work_on(one: Equipment, *, manager: User, technician: User) -> None:
    """A fault with a photograph and its order, and an order of every state."""
    photo = make_attachment(by=technician)
    alert = AlertFactory.create(equipment=one, reported_by=technician, critical=True, attachments=[photo])
    raise_work_order(alert=alert, by=manager, at=timezone.now())
    make_analysis(equipment=one, alert=alert, images=(photo,), by=technician)
    book(order_in("COMPLETED", by=technician, equipment=one), by=technician)
    look_through(order_in("IN_PROGRESS", by=technician, equipment=one), by=technician)
    order_in("ON_HOLD", by=technician, equipment=one, due_at=timezone.now() - timedelta(days=1))
    if not one.assignments.exists():
        UserEquipmentAssignment.assign(user=technician, equipment=one, by=manager)


def book(order: WorkOrder, *, by: User) -> None:
    """Hours, parts and a cost on an order, coded findings in the catalogue."""
    now, number = timezone.now(), Part.objects.count()
    part = PartFactory.create(stock=5, minimum_stock=5)
    LabourEntry.log(order=order, person=by, by=by, at=now, minutes=30)
    PartUse.take(order=order, part=part, quantity=Decimal(1), by=by, at=now)
    CostEntry.add(order=order, by=by, at=now, description="Crane", amount=Decimal(250))
    LabourRate.objects.create(person=by, valid_from=date(2020, 1, 1) + timedelta(days=number), hourly_rate=Decimal(58))
    for model in (FailureMechanism, FailureCause, Remedy):
        model._default_manager.create(code=f"CODE-{number}", name=f"Entry {number}")


def plan_for(machines: list[Equipment]) -> None:
    """Plans of every kind: by calendar and counter, with an order out, skipped, paused."""
    now = timezone.now()
    metric = MetricFactory.create(code="running_hours", name="Running hours", unit="h")
    for one in machines:
        PlanFactory.create(equipment=one, title="Change the filters", rule="FREQ=WEEKLY")
        PlanFactory.create(equipment=one, title="Overhaul", by_meter=True, metric=metric)
        skipped = PlanFactory.create(equipment=one, title="Inspect", floating=True)
        skipped.skip(by=None, at=now, reason="The machine stands still")
    MaintenancePlan.objects.filter(title="Inspect")[0].pause(by=None, at=now, reason="Renovation")
    generate_due(at=now + timedelta(days=7))


def draw(one: Equipment, *, by: User) -> None:
    for number in range(SEVERAL):
        one.diagrams.model.add(equipment=one, title=f"Wiring {number}", attachment=make_attachment(by=by), by=by)
        make_manual(by=by, category=one.category, title=f"Handbook {number} of {one}")


def crew(manager: User, technician: User) -> None:
    """Teams, and a skill that is valid and one that isn't."""
    now = timezone.now()
    for number in range(SEVERAL):
        Team.add(name=f"Crew {number}", lead=technician, members=[manager], by=manager, at=now)
        skill = Skill.objects.create(code=f"SKILL-{number}", name=f"Skill {number}")
        until = now.date() + timedelta(days=number - 1)
        PersonSkill.objects.create(user=technician, skill=skill, valid_until=until)


def count(machines: list[Equipment], site: Location) -> None:
    """Numbers of this quarter and of one before, energy, a weekly report."""
    now = timezone.now()
    roll_up(year=now.year, quarter=(now.month + 2) // 3, as_of=now)
    roll_up(year=now.year - 1, quarter=1, as_of=now)
    for one in machines:
        EnergyConsumptionFactory.create(equipment=one)
    EnergyConsumptionFactory.create(location=site)
    send_reports_of_last_week(at=now)


def tell_others(one: Equipment, *, by: User) -> None:
    """Webhooks that are switched on and off, with dead letters and tries."""
    for number in range(SEVERAL):
        webhook = make_webhook(url=f"https://example.com/hooks/{number}", by=by, events=["alert.raised"])
        AlertFactory.create(equipment=one, reported_by=by)
        WebhookDelivery.claim(webhook.pk, at=timezone.now())
        Webhook.objects.get(pk=webhook.pk).switch_off(at=timezone.now(), reason="It wants no more")


def administer(manager: User) -> None:
    for number in range(SEVERAL):
        ModelPrice.objects.create(
            provider="OPENAI", model_name=f"model-{number}", valid_from=date(2026, 1, 1), input_micro_usd=1_250_000,
            output_micro_usd=10_000_000,
        )  # fmt: skip
    every = IntervalSchedule.objects.create(every=30, period=IntervalSchedule.SECONDS)
    for number in range(SEVERAL):
        PeriodicTask.objects.create(name=f"Sweep {number}", task="aiassist.tasks.sweep", interval=every)
        ApiToken.issue(user=manager, name=f"Integration {number}")
        door: dict[str, Any] = {
            "username": f"person{number}@example.org",
            "ip_address": "203.0.113.9",
            "path_info": "/",
        }
        AccessAttempt.objects.create(**door, failures_since_start=number)
        AccessLog.objects.create(**door)
    seal_all()


def without_rows() -> list[type[Model]]:
    """The models with a back-office page that the estate forgot."""
    return [model for model in admin.site._registry if not model._default_manager.exists()]
