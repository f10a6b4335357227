"""The back office's first page: what needs a manager today."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, When
from django.db.models.functions import Least, TruncDate
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from aiassist.admin import AnalysisColumns, waiting
from aiassist.models import Analysis
from alerts.admin import AlertBadges
from alerts.models import Alert
from analytics.today import Today, today
from equipment.models import Equipment
from faultreporter.accounts.models import User
from faultreporter.backoffice import badge, link_to
from faultreporter.charts import STACKED, severity_bars
from workorders.admin import OrderBadges
from workorders.admin.promises import clock_badge
from workorders.models import WorkOrder
from workorders.models.states import UNFINISHED

LISTED = 6
CHARTED_DAYS = 30
# What runs out first: what somebody said, the response that nobody gave yet, or the restore.
MOST_PRESSING = Least("due_at", Case(When(started_at=None, then="response_due_at")), "restore_due_at")
ALERT, ORDER, ANALYSIS = AlertBadges(), OrderBadges(), AnalysisColumns()


def listing(app_and_model: str, query: str = "") -> str:
    return reverse(f"admin:{app_and_model}_changelist") + query


def tiles(now: Today) -> list[dict[str, Any]]:
    """The big numbers, each a link to the rows behind it."""
    percent = "–" if now.availability is None else f"{now.availability * 100:.1f} %"
    return [
        {
            "title": _("Unresolved alerts"),
            "value": now.alerts_unresolved,
            "note": _("%(new)d not acknowledged, %(critical)d critical")
            % {"new": now.alerts_unacknowledged, "critical": now.alerts_by_severity["CRITICAL"]},
            "href": listing("alerts_alert", "?status__in=OPEN,ACKNOWLEDGED"),
        },
        {
            "title": _("Machines down"),
            "value": now.machines_down,
            "note": _("of %(total)d") % {"total": now.equipment_total},
            "href": listing("equipment_equipment", "?status__exact=ERROR"),
        },
        {
            "title": _("Orders under way"),
            "value": now.orders_unfinished,
            "note": _("%(overdue)d overdue, %(risk)d at risk, %(open)d without a technician")
            % {"overdue": now.orders_overdue, "risk": now.orders_at_risk, "open": now.orders_unassigned},
            "href": listing("workorders_workorder", f"?status__in={','.join(UNFINISHED)}"),
        },
        {
            "title": _("Availability this quarter"),
            "value": percent,
            "note": _("%(failures)s failures") % {"failures": now.failures if now.failures is not None else "–"},
            "href": listing("analytics_assetreliability"),
        },
    ]


def fault_chart(user: User, *, at: datetime) -> str:
    """What was reported on each of the last thirty days, by severity: the data of a stacked bar chart."""
    first = timezone.localdate(at) - timedelta(days=CHARTED_DAYS - 1)
    rows = Alert.objects.for_user(user).living().filter(occurred_at__gte=at - timedelta(days=CHARTED_DAYS))
    groups = rows.order_by().annotate(day=TruncDate("occurred_at")).values_list("day", "severity").annotate(Count("pk"))
    counts = {(day, severity): count for day, severity, count in groups}
    return severity_bars([first + timedelta(days=number) for number in range(CHARTED_DAYS)], counts)


def alert_table(user: User, *, at: datetime) -> dict[str, Any]:
    rows = Alert.objects.for_user(user).living().unresolved().select_related("equipment")
    worst = sorted(
        rows.order_by("-created_at")[:200], key=lambda a: Alert.Severity.values.index(a.severity), reverse=True
    )
    return {
        "headers": [_("Alert"), _("Machine"), _("Severity"), _("Status"), _("Since")],
        "rows": [
            [
                link_to(alert),
                link_to(alert.equipment),
                ALERT.shown_severity(alert),
                ALERT.shown_status(alert),
                timesince(alert.occurred_at, at, depth=1),
            ]
            for alert in worst[:LISTED]
        ],
    }


def order_table(user: User, *, at: datetime) -> dict[str, Any]:
    rows = WorkOrder.objects.for_user(user).living().unfinished().select_related("equipment", "assigned_to")
    return {
        "headers": [_("Work order"), _("Machine"), _("Status"), _("Technician"), _("Due"), _("Service target")],
        "rows": [
            [
                link_to(order),
                link_to(order.equipment),
                ORDER.shown_status(order),
                str(order.assigned_to or badge(_("Nobody yet"), "warning")),
                due_text(order, at=at),
                clock_badge(order, at=at),
            ]
            for order in rows.order_by(MOST_PRESSING.asc(nulls_last=True), "-created_at")[:LISTED]
        ],
    }


def due_text(order: WorkOrder, *, at: datetime) -> SafeString | str:
    if order.due_at is None:
        return "–"
    if order.is_overdue(at):
        return badge(_("overdue by %(time)s") % {"time": timesince(order.due_at, at, depth=1)}, "danger")
    return _("in %(time)s") % {"time": timesince(at, order.due_at, depth=1)}


def down_table(now: Today) -> dict[str, Any]:
    return {
        "headers": [_("Machine"), _("Where"), _("Down for")],
        "rows": [
            [
                link_to(Equipment(pk=row.equipment_id), f"{row.equipment_code} {row.equipment_name}"),
                row.location or "–",
                _("%(hours).0f\u00a0h") % {"hours": row.hours},
            ]
            for row in now.longest_down
        ],
    }


def worst_table(now: Today) -> dict[str, Any]:
    return {
        "headers": [_("Machine"), _("Down"), _("Failures"), _("Availability")],
        "rows": [
            [
                link_to(Equipment(pk=row.equipment_id), f"{row.equipment_code} {row.equipment_name}"),
                _("%(hours).1f\u00a0h") % {"hours": row.unplanned_down_hours},
                row.failure_count,
                "–" if row.availability is None else f"{row.availability * 100:.1f} %",
            ]
            for row in now.worst_machines
        ],
    }


def analysis_table(user: User) -> dict[str, Any]:
    rows: Iterable[Analysis] = (
        Analysis.objects.for_user(user).select_related("equipment", "alert").order_by("-created_at")[:LISTED]
    )
    return {
        "headers": [_("Analysis of"), _("Machine"), _("Status"), _("Severity"), _("Confidence"), _("Answered by")],
        "rows": [
            [
                link_to(row, row.alert or _("a photo")),
                link_to(row.equipment),
                ANALYSIS.shown_status(row),
                ANALYSIS.shown_severity(row),
                ANALYSIS.percent(row),
                row.provider_label or "–",
            ]
            for row in rows
        ],
    }


def today_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """unfold's DASHBOARD_CALLBACK."""
    user, at = request.user, timezone.now()
    assert isinstance(user, User)  # noqa: S101 - the back office lets nobody else in
    now = today(user=user, at=at)
    return {
        **context,
        "title": _("Today"),
        "now": now,
        "fault_chart": fault_chart(user, at=at),
        "fault_chart_options": STACKED,
        "tiles": tiles(now),
        "alert_table": alert_table(user, at=at),
        "order_table": order_table(user, at=at),
        "down_table": down_table(now),
        "worst_table": worst_table(now),
        "analysis_table": analysis_table(user),
        "answers_waiting": waiting(user),
    }
