from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from alerts import services
from alerts.backoffice import (
    SEVERITY_COLOURS,
    MoveForm,
    MovingAdmin,
    NoteForm,
    ReasonForm,
    TimelineInline,
    move,
    pictures,
)
from alerts.models import Alert, AlertEvent
from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import PeriodFilter

STATUS_COLOURS = {"OPEN": "danger", "ACKNOWLEDGED": "warning", "RESOLVED": "success"}
MOVES = Alert.LIFECYCLE.moves
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


class AlertTimeline(TimelineInline):
    model = AlertEvent


@admin.register(Alert)
class AlertAdmin(MovingAdmin):
    """Faults. What people wrote can be corrected; everything else happens by a move."""

    list_display = (
        "title", "shown_severity", "shown_status", "equipment", "place", "occurrences", "occurred_at", "reported_by",
    )  # fmt: skip
    list_filter = ("status", "severity", "source", "equipment_down", ("occurred_at", PeriodFilter))
    list_select_related = ("equipment__location", "reported_by")
    search_fields = ("title", "description")
    autocomplete_fields = ("equipment",)
    ordering = ("-created_at", "-id")
    inlines: Any = (AlertTimeline,)
    actions_detail = tuple(MOVES)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "status", "title", "equipment", "severity", "equipment_down", "description", "photos",
                )
            },
        ),
        (
            _("What is known"),
            {
                "fields": (
                    "source", "rule", "condition", "occurrences", "occurred_at", "last_occurred_at", "reported_by",
                    "cleared_at", "silenced_until", "downtime",
                )
            },
        ),
        (
            _("What was done"),
            {
                "fields": (
                    "acknowledged_at", "acknowledged_by", "repaired_at", "resolved_at", "resolved_by", "resolution",
                    "resolution_note",
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

    @display(description=_("severity"), ordering="severity", label=SEVERITY_COLOURS)
    def shown_severity(self, alert: Alert) -> Any:
        return alert.severity, alert.get_severity_display()

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def shown_status(self, alert: Alert) -> Any:
        return alert.status, alert.get_status_display()

    @admin.display(description=_("condition"))
    def condition(self, alert: Alert) -> str:
        if alert.rule_id is None:
            return "–"
        return gettext("Still holds") if alert.is_firing else gettext("Cleared")

    @admin.display(description=_("place"))
    def place(self, alert: Alert) -> str:
        return str(alert.equipment.location or "–")

    @admin.display(description=_("files"))
    def photos(self, alert: Alert) -> SafeString | str:
        return pictures(alert.files)
