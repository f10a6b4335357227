"""The back office's first page: what needs a manager today."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from aiassist.models import Analysis
from alerts.models import Alert
from analytics.today import Today, today
from equipment.models import Equipment
from faultreporter.accounts.models import User
from workorders.models import WorkOrder

LISTED = 6


def link(record: Model, text: object) -> SafeString:
    """The record's back-office page."""
    meta = record._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[record.pk])
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, text)


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
            "href": listing("alerts_alert"),
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
            "note": _("%(overdue)d overdue, %(open)d without a technician")
            % {"overdue": now.orders_overdue, "open": now.orders_unassigned},
            "href": listing("workorders_workorder"),
        },
        {
            "title": _("Availability this quarter"),
            "value": percent,
            "note": _("%(failures)s failures") % {"failures": now.failures if now.failures is not None else "–"},
            "href": listing("analytics_assetreliability"),
        },
    ]


def alert_table(user: User, *, at: Any) -> dict[str, Any]:
    rows = Alert.objects.for_user(user).living().unresolved().select_related("equipment")
    worst = sorted(
        rows.order_by("-created_at")[:200], key=lambda a: Alert.Severity.values.index(a.severity), reverse=True
    )
    return {
        "headers": [_("Alert"), _("Machine"), _("Severity"), _("Status"), _("Since")],
        "rows": [
            [
                link(alert, alert.title),
                link(alert.equipment, alert.equipment.equipment_code),
                alert.get_severity_display(),
                alert.get_status_display(),
                timesince(alert.occurred_at, at, depth=1),
            ]
            for alert in worst[:LISTED]
        ],
    }


def order_table(user: User, *, at: Any) -> dict[str, Any]:
    rows = WorkOrder.objects.for_user(user).living().unfinished().select_related("equipment", "assigned_to")
    return {
        "headers": [_("Order"), _("Title"), _("Machine"), _("Technician"), _("Due")],
        "rows": [
            [
                link(order, order.number),
                order.title,
                order.equipment.equipment_code,
                str(order.assigned_to or "–"),
                due_text(order, at=at),
            ]
            for order in rows.order_by("due_at", "-created_at")[:LISTED]
        ],
    }


def due_text(order: WorkOrder, *, at: Any) -> str:
    if order.due_at is None:
        return "–"
    if order.is_overdue(at):
        return _("overdue by %(time)s") % {"time": timesince(order.due_at, at, depth=1)}
    return _("in %(time)s") % {"time": timesince(at, order.due_at, depth=1)}


def down_table(now: Today) -> dict[str, Any]:
    return {
        "headers": [_("Machine"), _("Name"), _("Where"), _("Down for")],
        "rows": [
            [
                link(Equipment(pk=row.equipment_id), row.equipment_code),
                row.equipment_name,
                row.location or "–",
                _("%(hours).0f h") % {"hours": row.hours},
            ]
            for row in now.longest_down
        ],
    }


def worst_table(now: Today) -> dict[str, Any]:
    return {
        "headers": [_("Machine"), _("Name"), _("Down"), _("Failures"), _("Availability")],
        "rows": [
            [
                link(Equipment(pk=row.equipment_id), row.equipment_code),
                row.equipment_name,
                _("%(hours).1f h") % {"hours": row.unplanned_down_hours},
                row.failure_count,
                "–" if row.availability is None else f"{row.availability * 100:.1f} %",
            ]
            for row in now.worst_machines
        ],
    }


def analysis_table(user: User) -> dict[str, Any]:
    rows: Iterable[Analysis] = (
        Analysis.objects.for_user(user).select_related("equipment").order_by("-created_at")[:LISTED]
    )
    return {
        "headers": [_("Analysis"), _("Machine"), _("Provider"), _("Severity")],
        "rows": [
            [
                link(row, row.get_status_display()),
                row.equipment.equipment_code if row.equipment else "–",
                row.provider or "–",
                row.severity or "–",
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
        "now": now,
        "tiles": tiles(now),
        "alert_table": alert_table(user, at=at),
        "order_table": order_table(user, at=at),
        "down_table": down_table(now),
        "worst_table": worst_table(now),
        "analysis_table": analysis_table(user),
    }
