"""The back office's menu: by what people come to do, not by Django app."""

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from unfold.dataclasses import SearchResult

from aiassist.admin import waiting
from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import page_of

SEARCHED = (
    ("precision_manufacturing", "equipment.equipment"),
    ("notifications_active", "alerts.alert"),
    ("assignment", "workorders.workorder"),
    ("event_repeat", "workorders.maintenanceplan"),
    ("location_on", "locations.location"),
    ("group", "accounts.user"),
)
FOUND_OF_EACH = 5

GROUPS: tuple[tuple[Any, tuple[tuple[Any, str, str], ...]], ...] = (
    (
        _("Work"),
        (
            (_("Alerts"), "notifications_active", "alerts.alert"),
            (_("Work orders"), "assignment", "workorders.workorder"),
            (_("Board"), "view_kanban", "workorders.workorder:board"),
            (_("Calendar"), "calendar_month", "workorders.workorder:calendar"),
            (_("Maintenance plans"), "event_repeat", "workorders.maintenanceplan"),
            (_("Maintenance ahead"), "date_range", "workorders.maintenanceplan:horizon"),
            (_("Tasks"), "task_alt", "workorders.workordertask"),
            (_("Checklists"), "checklist", "workorders.checklisttemplate"),
            (_("AI analyses"), "psychology", "aiassist.analysis"),
            (_("Shift handover"), "sync_alt", "aiassist.analysis:handover"),
            (_("AI to review"), "rate_review", "aiassist.analysis:review"),
            (_("Escalation policies"), "stairs", "alerts.escalationpolicy"),
        ),
    ),
    (
        _("Machines and places"),
        (
            (_("Equipment"), "precision_manufacturing", "equipment.equipment"),
            (_("Locations"), "location_on", "locations.location"),
            (_("Who looks after what"), "engineering", "equipment.userequipmentassignment"),
            (_("Teams"), "groups", "equipment.team"),
            (_("Skills"), "workspace_premium", "equipment.skill"),
            (_("Skills of people"), "badge", "equipment.personskill"),
            (_("Status log"), "timeline", "equipment.statusinterval"),
            (_("Technical diagrams"), "schema", "equipment.technicaldiagram"),
            (_("Manuals"), "menu_book", "aiassist.manual"),
            (_("Categories"), "category", "equipment.category"),
            (_("Failure modes"), "report", "equipment.failuremode"),
            (_("Failure mechanisms"), "settings_alert", "equipment.failuremechanism"),
            (_("Failure causes"), "help", "equipment.failurecause"),
            (_("Remedies"), "build", "equipment.remedy"),
        ),
    ),
    (
        _("Store and costs"),
        (
            (_("Spare parts"), "inventory_2", "workorders.part"),
            (_("Stock movements"), "swap_vert", "workorders.stockmovement"),
            (_("Used parts"), "hardware", "workorders.partuse"),
            (_("Labour"), "timer", "workorders.labourentry"),
            (_("Labour rates"), "payments", "workorders.labourrate"),
            (_("Other costs"), "receipt_long", "workorders.costentry"),
        ),
    ),
    (
        _("Service targets"),
        (
            (_("Response and restore"), "timer", "workorders.slapolicy"),
            (_("Hold reasons"), "pause_circle", "workorders.holdreason"),
            (_("Business calendars"), "event_available", "locations.businesscalendar"),
        ),
    ),
    (
        _("Telemetry"),
        (
            (_("Latest readings"), "sensors", "telemetry.latestreading"),
            (_("Series"), "show_chart", "telemetry.series"),
            (_("Void readings"), "layers_clear", "telemetry.readingvoid"),
            (_("Readings by hand"), "edit_note", "telemetry.handreading"),
            (_("Meters"), "electric_meter", "telemetry.meter"),
            (_("Tariffs"), "payments", "telemetry.tariff"),
            (_("Alarm rules"), "rule", "telemetry.rule"),
            (_("Maintenance windows"), "notifications_paused", "telemetry.maintenancewindow"),
            (_("Insights"), "lightbulb", "telemetry.insight"),
            (_("Detectors"), "query_stats", "telemetry.detector"),
            (_("Metrics"), "straighten", "telemetry.metric"),
            (_("Device keys"), "key", "telemetry.devicekey"),
            (_("MQTT bridges"), "router", "telemetry.mqttbridge"),
            (_("Dead letters"), "unsubscribe", "telemetry.deadletter"),
            (_("Imports"), "upload_file", "telemetry.readingimport"),
        ),
    ),
    (
        _("Numbers"),
        (
            (_("Asset reliability"), "monitoring", "analytics.assetreliability"),
            (_("Alarm performance"), "notification_important", "analytics.assetreliability:alarms"),
            (_("Energy"), "bolt", "analytics.energyconsumption"),
            (_("Reports"), "summarize", "analytics.operationsreport"),
        ),
    ),
    (
        _("AI assistant"),
        (
            (_("AI costs"), "savings", "aiassist.analysis:costs"),
            (_("AI comparison"), "compare", "aiassist.analysis:comparison"),
            (_("Model prices"), "sell", "aiassist.modelprice"),
        ),
    ),
    (
        _("Administration"),
        (
            (_("People"), "group", "accounts.user"),
            (_("API tokens"), "vpn_key", "accounts.apitoken"),
            (_("Access attempts"), "lock", "axes.accessattempt"),
            (_("Sign-ins"), "login", "axes.accesslog"),
            (_("Webhooks"), "webhook", "webhooks.webhook"),
            (_("Webhook deliveries"), "outbox", "webhooks.webhookdelivery"),
            (_("Notifications"), "notifications", "notifications.notification"),
            (_("Pushes and e-mails"), "send", "notifications.delivery"),
            (_("Phones"), "smartphone", "notifications.pushtarget"),
            (_("Attachments"), "attach_file", "attachments.attachment"),
            (_("Escalation outages"), "running_with_errors", "alerts.escalationoutage"),
            (_("Audit log"), "history", "audit.auditlog"),
            (_("Schedules"), "schedule", "django_celery_beat.periodictask"),
        ),
    ),
)


def item(title: Any, icon: str, model: str) -> dict[str, Any]:
    """`model` names its list, or another page of it: `workorders.workorder:board`."""
    record, _colon, page = model.partition(":")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{record.replace('.', '_')}_{page or 'changelist'}"),
    }


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Only what this person may open."""
    home = {"title": _("Today"), "icon": "today", "link": reverse_lazy("admin:index")}
    groups: list[dict[str, Any]] = [{"items": [home]}]
    for title, entries in GROUPS:
        items = [item(*entry) for entry in entries if request.user.has_perm(permission(entry[2]))]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    count_waiting(request, groups)
    mark_active(request.path, [entry for group in groups[1:] for entry in group["items"]])
    return groups


def count_waiting(request: HttpRequest, groups: list[dict[str, Any]]) -> None:
    """How many answers of the assistant wait for a person's word, beside the page that lists them."""
    queue = str(reverse_lazy("admin:aiassist_analysis_review"))
    for entry in (entry for group in groups for entry in group["items"] if str(entry["link"]) == queue):
        entry["badge"] = waiting(caller(request))


def mark_active(path: str, items: list[dict[str, Any]]) -> None:
    """The item whose address goes furthest with the page's: on the board that isn't the list of work orders."""
    leading = [entry for entry in items if path.startswith(str(entry["link"]))]
    here = max(leading, key=lambda entry: len(str(entry["link"])), default=None)
    for entry in items:
        entry["active"] = entry is here


def search(request: HttpRequest, term: str) -> list[SearchResult]:
    """The palette's answers: the first few of each kind that the person may see."""
    return [
        SearchResult(title=str(record), description=str(record._meta.verbose_name), link=page_of(record), icon=icon)
        for icon, model in SEARCHED
        if request.user.has_perm(permission(model))
        for record in found(request, model, term)
    ]


def found(request: HttpRequest, model: str, term: str) -> Iterable[Model]:
    page = admin.site.get_model_admin(apps.get_model(model))
    rows, _duplicates = page.get_search_results(request, page.get_queryset(request), term)
    return rows.filter(deleted_at=None)[:FOUND_OF_EACH]


def permission(model: str) -> str:
    app_label, _dot, model_name = model.partition(":")[0].partition(".")
    return f"{app_label}.view_{model_name}"
