"""The weekly operations report: its figures, and its way to every manager, once."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.template.loader import render_to_string
from django.utils.formats import number_format
from django.utils.translation import gettext, override

from alerts.models import Alert, AlertQuerySet
from analytics.alarms.figures import Period
from analytics.alarms.performance import performance
from analytics.models import OperationsReport, ReportDelivery
from analytics.reliability import HOUR, Measurement, Span, local_midnight, measure
from analytics.rollup import intervals_touching, log_by_machine, machines_of
from analytics.summaries import Money
from equipment.models import Equipment, StatusInterval
from faultreporter.accounts.models import User
from locations.scope import hidden_site_ids
from workorders.models import WorkOrder

log = structlog.get_logger(__name__)
WORST = 5


@dataclass(frozen=True, slots=True)
class Week:
    """An ISO 8601 week, Monday to Monday in the product's time zone."""

    iso_year: int
    iso_week: int

    @property
    def span(self) -> Span:
        monday, zone = date.fromisocalendar(self.iso_year, self.iso_week, 1), ZoneInfo(settings.TIME_ZONE)
        return Span(local_midnight(monday, zone), local_midnight(monday + timedelta(days=7), zone))

    @classmethod
    def before(cls, at: datetime) -> "Week":
        """The last week that is over."""
        local = at.astimezone(ZoneInfo(settings.TIME_ZONE)).date() - timedelta(days=7)
        return cls(*local.isocalendar()[:2])


@dataclass(frozen=True, slots=True)
class WorstOfWeek:
    equipment_id: UUID
    equipment_code: str
    equipment_name: str
    unplanned_down_hours: float
    failure_count: int


@dataclass(frozen=True, slots=True)
class AlarmsOfWeek:
    """How often an alarm began, how many alerts of the week have turned out false, and which alarm was loudest."""

    begins: int
    false_alarms: int
    loudest: str | None
    loudest_begins: int | None

    def in_words(self) -> str:
        """14, 3 false; loudest: Supply too warm, AHU-1 (6)"""
        words = gettext("%(begins)d, %(false)d false") % {"begins": self.begins, "false": self.false_alarms}
        if self.loudest is None:
            return words
        loudest = gettext("loudest: %(name)s (%(n)d)") % {"name": self.loudest, "n": self.loudest_begins}
        return f"{words}; {loudest}"


@dataclass(frozen=True, slots=True)
class WeeklyFigures:
    """What happened in the week, and how things stood at its end. `costs` by currency; they can't be added up."""

    alerts_raised: int
    alerts_resolved: int
    orders_completed: int
    orders_overdue: int
    machines: int
    machines_down: int
    availability: float | None
    worst_machines: list[WorstOfWeek]
    costs: list[Money]
    alarms: AlarmsOfWeek

    def lines(self) -> list[tuple[str, str]]:
        """The figures as people read them, each with its words."""
        known = self.availability is not None
        cost = " + ".join(f"{number_format(one.amount, 2, force_grouping=True)} {one.currency}" for one in self.costs)
        return [
            (gettext("Availability"), f"{number_format(100 * (self.availability or 0), 2)} %" if known else "–"),
            (gettext("Alerts raised"), str(self.alerts_raised)),
            (gettext("Alerts resolved"), str(self.alerts_resolved)),
            (gettext("Alarms"), self.alarms.in_words()),
            (gettext("Work orders completed"), str(self.orders_completed)),
            (gettext("Work orders overdue at its end"), str(self.orders_overdue)),
            (gettext("Machines down at its end"), f"{self.machines_down} / {self.machines}"),
            (gettext("Cost of the completed orders"), cost or "–"),
        ]

    def as_json(self) -> dict[str, Any]:
        """As the report keeps it: ids and amounts as text."""
        figures: dict[str, Any] = json.loads(json.dumps(asdict(self), cls=DjangoJSONEncoder))
        return figures


def send_reports_of_last_week(*, at: datetime) -> int:
    """Each active manager gets the report of the last whole week; how many were sent now.

    Run again it sends only to whom it hasn't got yet. Call it outside a transaction: claims must be committed.
    """
    week, sent = Week.before(at), 0
    for readers in audiences(User.objects.active().filter(role=User.Role.MANAGER)):
        report = report_for(readers[0], week=week)
        sent += sum(deliver(report, reader, at=at) for reader in readers)
    return sent


def audiences(people: Iterable[User]) -> list[list[User]]:
    """People grouped by what is hidden from them: each group reads the same report."""
    hidden = {person.pk: sorted(hidden_site_ids(person)) for person in people}
    in_order = sorted(people, key=lambda person: hidden[person.pk])
    return [list(group) for _sites, group in groupby(in_order, key=lambda person: hidden[person.pk])]


def report_for(reader: User, *, week: Week) -> OperationsReport:
    """The week's report for everybody who sees what `reader` sees; made once and then kept as it is."""
    sites = sorted(hidden_site_ids(reader))
    key = {"iso_year": week.iso_year, "iso_week": week.iso_week, "hidden_sites": sites}
    found = OperationsReport.objects.filter(**key).first()
    return found or OperationsReport.objects.get_or_create(**key, defaults=compose(reader, week))[0]


def compose(reader: User, week: Week) -> dict[str, Any]:
    """The columns of a new report."""
    figures, span = weekly_figures(Equipment.objects.for_user(reader).living(), week.span), week.span
    with override(settings.LANGUAGE_CODE):
        subject = gettext("Operations report, week %(week)d of %(year)d")
        context = {
            "week": week,
            "span": span,
            "last_day": span.end - HOUR,
            "figures": figures,
            "lines": figures.lines(),
            "public_url": settings.PUBLIC_URL,
        }
        return {
            "period_start": span.start,
            "period_end": span.end,
            "subject": subject % {"week": week.iso_week, "year": week.iso_year},
            "figures": figures.as_json(),
            "html": render_to_string("reports/weekly.html", context),
            "text": render_to_string("reports/weekly.txt", context),
        }


def weekly_figures(machines: QuerySet[Equipment], week: Span) -> WeeklyFigures:
    """Figures of these machines, in a constant number of queries."""
    alerts = Alert.objects.living().filter(equipment__in=machines)
    orders = WorkOrder.objects.living().filter(equipment__in=machines)
    during = (week.start, week.end)
    measured = measure_machines(machines, week)
    completed = orders.filter(completed_at__gte=week.start, completed_at__lt=week.end)
    down = StatusInterval.objects.filter(Q(ended_at=None) | Q(ended_at__gt=week.end), started_at__lt=week.end)
    return WeeklyFigures(
        alerts_raised=alerts.filter(created_at__gte=during[0], created_at__lt=during[1]).count(),
        alerts_resolved=alerts.filter(resolved_at__gte=during[0], resolved_at__lt=during[1]).count(),
        orders_completed=completed.count(),
        orders_overdue=orders.overdue(week.end).count(),
        machines=len(measured),
        machines_down=down.filter(status=StatusInterval.Status.ERROR, equipment__in=machines).count(),
        availability=availability(measured.values()),
        worst_machines=worst(measured),
        costs=costs(completed),
        alarms=alarms_of_week(alerts, week),
    )


def alarms_of_week(alerts: AlertQuerySet, week: Span) -> AlarmsOfWeek:
    zone = ZoneInfo(settings.TIME_ZONE)
    first, last = (moment.astimezone(zone).date() for moment in (week.start, week.end - HOUR))
    found = performance(alerts, Period(first, last, zone, week.end))
    loudest = next(iter(found.bad_actors), None)
    return AlarmsOfWeek(
        begins=found.load.begins,
        false_alarms=found.load.false_alarms,
        loudest=f"{loudest.title}, {loudest.equipment.equipment_code}" if loudest else None,
        loudest_begins=loudest.begins if loudest else None,
    )


def measure_machines(machines: QuerySet[Equipment], week: Span) -> dict[UUID, Measurement]:
    """The week of every machine that was in service in it."""
    log = log_by_machine(intervals_touching(week).filter(equipment__in=machines))
    services = {machine.id: machine.service(week) for machine in machines_of(machines)}
    return {
        key: measure((one.as_down_interval() for one in log.get(key, ())), service=service, as_of=week.end)
        for key, service in services.items()
        if service.length
    }


def availability(measured: Iterable[Measurement]) -> float | None:
    """1 − unplanned down / required time of all machines together."""
    lost = required = timedelta()
    for machine in measured:
        lost += machine.unplanned_down
        required += machine.required
    return 1 - lost / required if required else None


def worst(measured: Mapping[UUID, Measurement]) -> list[WorstOfWeek]:
    down = {key: machine.unplanned_down for key, machine in measured.items() if machine.unplanned}
    keys = sorted(down, key=lambda key: (-down[key], key))[:WORST]
    machines = Equipment.objects.in_bulk(keys)
    return [
        WorstOfWeek(
            equipment_id=key,
            equipment_code=machines[key].equipment_code,
            equipment_name=machines[key].equipment_name,
            unplanned_down_hours=down[key] / HOUR,
            failure_count=len(measured[key].failures),
        )
        for key in keys
    ]


def costs(orders: QuerySet[WorkOrder]) -> list[Money]:
    nothing = Decimal(0)
    sums = (Coalesce(Sum(name), nothing) for name in ("labour_cost", "parts_cost", "other_cost"))
    rows = orders.order_by("currency").values("currency").annotate(total=sum(sums, start=nothing))
    return [Money(row["total"], row["currency"]) for row in rows if row["total"]]


def deliver(report: OperationsReport, reader: User, *, at: datetime) -> bool:
    """Send a manager their copy, unless somebody has; a server that refuses the mail gives the claim back."""
    delivery = ReportDelivery.claim(report, reader, at=at)
    if delivery is None:
        return False
    try:
        mail_for(report, reader).send()
    except OSError:  # smtplib's errors are OSErrors too
        log.exception("weekly report not sent", report=str(report.pk), user=str(reader.pk))
        delivery.delete()
        return False
    delivery.mark_sent(at=at)
    return True


def mail_for(report: OperationsReport, reader: User) -> EmailMultiAlternatives:
    """One mail each, so that nobody reads the others' addresses; the same Message-ID however often it is made."""
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">")
    message_id = f"<operations-{report}-{reader.pk}@{domain}>"
    mail = EmailMultiAlternatives(report.subject, report.text, to=[reader.email], headers={"Message-ID": message_id})
    mail.attach_alternative(report.html, "text/html")
    return mail
