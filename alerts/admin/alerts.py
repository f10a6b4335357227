from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from alerts import services
from alerts.admin.escalation import escalate, ladder_of
from alerts.backoffice import (
    MoveForm,
    MovingAdmin,
    NoteForm,
    ReasonForm,
    TimelineInline,
    move,
    pictures,
)
from alerts.models import Alert, AlertEvent
from equipment.admin.machines import OnSite
from equipment.models import Equipment
from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import PeriodFilter, ReadOnlyInline, add_tabs, badge, linked, severity_badge
from telemetry.charts import curves

STATUS_COLOURS = {"OPEN": "danger", "ACKNOWLEDGED": "warning", "RESOLVED": "success"}
MOVES = Alert.LIFECYCLE.moves
AROUND, MOST_AROUND = timedelta(hours=3), timedelta(days=7)
SILENCES = (1, 4, 8, 24, 72, 168)


class ResolveForm(NoteForm):
    resolution = forms.ChoiceField(
        label=_("Resolution"), choices=Alert.Resolution.choices, widget=UnfoldAdminSelectWidget
    )
    field_order = ("resolution", "note")


class SilenceForm(MoveForm):
    hours = forms.TypedChoiceField(
        label=_("For how long"),
        coerce=int,
        choices=[(n, ngettext_lazy("%d hour", "%d hours", n) % n) for n in SILENCES] + [(0, _("No longer: end it"))],
        widget=UnfoldAdminSelectWidget,
    )

    def said(self) -> dict[str, Any]:
        hours = self.cleaned_data["hours"]
        return {"until": timezone.now() + timedelta(hours=hours) if hours else None}


class MergeForm(NoteForm):
    alert_ids = forms.ModelMultipleChoiceField(
        label=_("Duplicates"),
        queryset=Alert.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Open alerts of the machine and its parts. They are resolved; this one stands for them."),
    )
    field_order = ("alert_ids", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["alert_ids"]
        field.queryset = possible_duplicates(self.record).order_by("-created_at")

    def said(self) -> dict[str, Any]:
        return {**super().said(), "alert_ids": [alert.pk for alert in self.cleaned_data["alert_ids"]]}


def possible_duplicates(alert: Alert) -> Any:
    return Alert.objects.living().unresolved().of_asset(alert.equipment).exclude(pk=alert.pk)


def merge_into(alert: Alert, **said: Any) -> Alert:
    services.merge(into=alert, **said)
    return alert


def curve_of(alert: Alert, *, at: datetime) -> str:
    """The readings before, during and after the alarm: people judge one by its curve."""
    if alert.series is None:
        return "–"
    begun, end = alert.occurred_at, alert.cleared_at or at
    around = min(max((end - begun) / 2, AROUND), MOST_AROUND)
    rules = [alert.rule] if alert.rule else []
    until = min(at, end + around)
    return curves.curve(alert.series, since=begun - around, until=until, rules=rules, span=(begun, alert.cleared_at))


class AlertBadges:
    """Severity and status, on the alert's own pages and on the machine's."""

    @admin.display(description=_("severity"), ordering="severity")
    def shown_severity(self, alert: Alert) -> str:
        return severity_badge(alert)

    @admin.display(description=_("status"), ordering="status")
    def shown_status(self, alert: Alert) -> str:
        return badge(alert.get_status_display(), STATUS_COLOURS[alert.status])


class InStorm(admin.SimpleListFilter):
    """Of many alerts that came at once, the first speaks for all."""

    title = _("storms")
    parameter_name = "storm"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("One line a storm")), ("yes", _("Only what another alert speaks for"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        known: dict[Any, bool] = {"no": True, "yes": False}
        return queryset.filter(storm__isnull=known[self.value()]) if self.value() in known else queryset


class AlertTimeline(TimelineInline):
    model = AlertEvent


@admin.register(Alert)
class AlertAdmin(AlertBadges, MovingAdmin):
    """Faults. What people wrote can be corrected; everything else happens by a move."""

    list_display = (
        "title", "shown_severity", "shown_status", "equipment", "place", "occurrences", "occurred_at", "reporter",
    )  # fmt: skip
    list_filter = ("status", "severity", OnSite, "source", InStorm, "equipment_down", ("occurred_at", PeriodFilter))
    search_fields = ("title", "description", "equipment__equipment_code", "equipment__equipment_name")
    empty_note = _("Nobody has reported a fault. The first report, or the first alarm of a rule, appears here.")
    autocomplete_fields = ("equipment",)
    ordering = ("-created_at", "-id")
    inlines: Any = (AlertTimeline,)
    actions_detail = (
        *(name for name in MOVES if name not in ("dismiss", "silence")),
        {"title": _("More"), "items": ["dismiss", "silence", "merge", "escalate"]},
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "shown_status", "title", "equipment", "severity", "equipment_down", "description", "photos",
                )
            },
        ),
        (_("Readings"), {"fields": ("readings",)}),
        (_("Escalation"), {"fields": ("ladder",)}),
        (
            _("What is known"),
            {
                "fields": (
                    "source", "rule", "condition", "occurrences", "occurred_at", "last_occurred_at", "reported_by",
                    "cleared_at", "silenced_until", "downtime", "storm",
                )
            },
        ),
        (
            _("What was done"),
            {
                "fields": (
                    "acknowledged_at", "acknowledged_by", "repaired_at", "resolved_at", "resolved_by", "resolution",
                    "resolution_note", "duplicate_of",
                )
            },
        ),
    )  # fmt: skip
    add_fieldsets = ((None, {"fields": ("equipment", "title", "severity", "equipment_down", "description")}),)

    acknowledge = move("acknowledge", MOVES["acknowledge"].label, NoteForm)
    resolve = move("resolve", MOVES["resolve"].label, ResolveForm)
    dismiss = move("dismiss", MOVES["dismiss"].label, NoteForm)
    silence = move("silence", MOVES["silence"].label, SilenceForm)
    reopen = move("reopen", MOVES["reopen"].label, ReasonForm)
    merge = move("merge", _("Merge duplicates"), MergeForm, merge_into)
    escalate = move("escalate", _("Escalate now"), MoveForm, escalate)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        rows: QuerySet[Alert] = super().get_queryset(request)
        return rows.select_related("equipment__location__site", "reported_by", "series__metric", "rule")

    def offered(self, record: Alert) -> list[str]:
        offered = list(super().offered(record))
        if not record.is_resolved and possible_duplicates(record).exists():
            offered.append("merge")
        return [*offered, "escalate"] if record.escalations.running().exists() else offered

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Only an alarm has a curve."""
        shown = super().get_fieldsets(request, obj)
        return [one for one in shown if one[1]["fields"] != ("readings",) or (obj and obj.series_id)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ()
        shown = {name for _title, options in self.fieldsets for name in options["fields"]}
        return tuple(shown - {"title", "severity", "equipment_down", "description"})

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj else ()

    def create_record(self, request: HttpRequest, record: Alert) -> None:
        stored, is_new = services.report_fault(
            equipment=record.equipment, title=record.title, description=record.description, severity=record.severity,
            equipment_down=record.equipment_down, by=caller(request), at=timezone.now(),
        )  # fmt: skip
        if not is_new:
            self.message_user(
                request, gettext("This fault was reported before; your report was added to it."), messages.WARNING
            )
        self.become(record, stored)

    @admin.display(description=_("reported by"), ordering="reported_by__display_name")
    def reporter(self, alert: Alert) -> str:
        return str(alert.reported_by or alert.get_source_display())

    @admin.display(description=_("condition"))
    def condition(self, alert: Alert) -> str:
        if alert.rule_id is None:
            return "–"
        return gettext("Still holds") if alert.is_firing else gettext("Cleared")

    @admin.display(description=_("place"))
    def place(self, alert: Alert) -> str:
        return str(alert.equipment.location or "–")

    @admin.display(description=_("steps"))
    def ladder(self, alert: Alert) -> SafeString | str:
        return ladder_of(alert)

    @property
    def media(self) -> Any:
        return super().media + curves.MEDIA

    @admin.display(description=_("around the alarm"))
    def readings(self, alert: Alert) -> str:
        return curve_of(alert, at=timezone.now())

    @admin.display(description=_("files"))
    def photos(self, alert: Alert) -> SafeString | str:
        return pictures(alert.files)


class AlertInline(AlertBadges, ReadOnlyInline):
    """A machine's alerts."""

    model = Alert
    alert = linked(_("alert"))
    fields = readonly_fields = ("alert", "shown_severity", "shown_status", "occurred_at", "resolved_at")
    ordering = ("-occurred_at",)
    per_page = 20

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.living()


add_tabs(Equipment, AlertInline)
