from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.forms import PaginationInlineFormSet

from alerts import ladder
from alerts.escalation import escalate_now
from alerts.models import Alert, AlertEscalation, EscalationOutage, EscalationPolicy, EscalationStep
from alerts.models.escalation import latest
from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import ReadOnlyAdmin, RecordForm, TabularInline, badge
from faultreporter.errors import ErrorDetail, ValidationFailed
from locations.backoffice import RecordAdmin

STATE_COLOURS = {"ACTIVE": "danger", "QUIET": "warning", "STOPPED": "success", "DONE": "info"}
MOST_SHOWN = 12
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
LAST_PLACE = 10_000


class StepForm(RecordForm):
    """One row. What it must say is checked with the others, in their order."""

    position = forms.IntegerField(label=_("Order"), required=False, min_value=0, max_value=LAST_PLACE)

    class Meta:
        model = EscalationStep
        fields = ("position", "kind", "minutes", "person", "role", "severity", "times")

    def validate_unique(self) -> None:
        """Places are given anew when the list is stored."""

    def check_constraints(self, exclude: Any = None) -> None:
        """The ladder says it in words."""

    def said(self) -> ladder.Step:
        return {name: self.cleaned_data.get(name) for name in ("kind", *ladder.FIELDS)}


class StepFormSet(PaginationInlineFormSet):
    """The whole list: it is stored as one, by the policy's own method."""

    new_objects = changed_objects = deleted_objects = ()

    def validate_unique(self) -> None:
        """As in each form."""

    def in_order(self) -> list[StepForm]:
        """Rows that say something, by their place; a new row without one comes last."""
        rows = [form for form in self.forms if form not in self.deleted_forms and is_filled(form)]
        return sorted(rows, key=place_of)

    def clean(self) -> None:
        rows = self.in_order()
        if any(form.errors for form in rows):
            return
        try:
            ladder.check([form.said() for form in rows])
        except ValidationFailed as error:
            for detail in error.details:
                blame(rows, detail)
            if not any(form.errors for form in rows):
                raise forms.ValidationError(error.message) from error

    def save(self, commit: bool = True) -> list[Any]:
        return []


def is_filled(form: Any) -> bool:
    return bool(form.instance.pk and not form.instance._state.adding) or form.has_changed()


def place_of(form: StepForm) -> int:
    place = getattr(form, "cleaned_data", {}).get("position")
    return LAST_PLACE if place is None else int(place)


def blame(rows: list[StepForm], detail: ErrorDetail) -> None:
    """`steps[2].minutes` belongs to the third row."""
    index, _bracket, field = detail.field.removeprefix("steps[").partition("].")
    if index.isdigit():
        rows[int(index)].add_error(field, detail.message)


class StepInline(TabularInline):
    model = EscalationStep
    form = StepForm
    formset = StepFormSet
    fields = StepForm.Meta.fields
    autocomplete_fields = ("person",)
    ordering = ("position",)
    ordering_field = "position"
    verbose_name_plural = _("steps")

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        return 0 if obj else 3


@admin.register(EscalationPolicy)
class EscalationPolicyAdmin(RecordAdmin):
    """Who is told, and when, about an alert that nobody takes care of."""

    list_display = ("name", "in_force", "site", "source", "minimum_severity", "course")
    list_filter = ("is_active", "minimum_severity", "source")
    list_select_related = ("site",)
    search_fields = ("name",)
    autocomplete_fields = ("site",)
    ordering = ("name",)
    inlines = (StepInline,)
    readonly_fields = ("course",)
    empty_note = _(
        "Nobody is told about alerts that nobody takes care of. Add a policy: a wait, whom to tell, and start again."
    )
    fieldsets = (
        (None, {"fields": ("name", "is_active", "course")}),
        (_("For which alerts"), {"fields": ("site", "source", "minimum_severity")}),
        (_("After an acknowledgement"), {"fields": ("remind_after_minutes", "reminders")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.with_steps().prefetch_related("steps__person")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj:
            return self.fieldsets
        return ((None, {"fields": ("name", "is_active")}), *self.fieldsets[1:])

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Stored with its steps, in `save_related`."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        policy, (steps,) = form.instance, formsets
        listed = [row.said() for row in steps.in_order()]
        if change:
            stored = EscalationPolicy.objects.get(pk=policy.pk)
            stored.change(by=caller(request), steps=listed, **self.changes(policy, form.changed_data))
        else:
            policy.register(by=caller(request), steps=listed)

    @admin.display(description=_("in force"), boolean=True, ordering="is_active")
    def in_force(self, policy: EscalationPolicy) -> bool:
        return policy.is_active

    @admin.display(description=_("what happens"))
    def course(self, policy: EscalationPolicy) -> SafeString:
        rows = list(in_words(policy.rungs()))
        return render_to_string("admin/alerts/course.html", {"rows": rows, "warnings": policy.warnings()})


def in_words(rungs: list[ladder.Rung]) -> Iterator[tuple[str, str]]:
    """The first round: after how long, and what."""
    for planned in ladder.timetable(rungs, since=BEGINNING):
        if planned.round > 1:
            return
        yield after(planned.at - BEGINNING), planned.words


def after(wait: timedelta) -> str:
    hours, minutes = divmod(int(wait.total_seconds()) // 60, 60)
    if not (hours or minutes):
        return gettext("At once")
    if not hours:
        return ngettext("After %(n)d minute", "After %(n)d minutes", minutes) % {"n": minutes}
    if not minutes:
        return ngettext("After %(n)d hour", "After %(n)d hours", hours) % {"n": hours}
    return gettext("After %(hours)d h %(minutes)02d min") % {"hours": hours, "minutes": minutes}


@admin.register(EscalationOutage)
class EscalationOutageAdmin(ReadOnlyAdmin):
    """When escalations stood still, as the watchdog found."""

    list_display = ("started_at", "ended_at", "overdue", "oldest_due_at", "told_at", "shown_state")
    list_display_links = ("started_at",)
    ordering = ("-started_at",)
    fields = ("started_at", "ended_at", "overdue", "oldest_due_at", "told_at")
    empty_note = _("Escalations have always moved when they were due. The watchdog looks every half minute.")

    @admin.display(description=_("state"), ordering="is_open")
    def shown_state(self, outage: EscalationOutage) -> str:
        return badge(_("Stands still"), "danger") if outage.is_open else badge(_("Moves again"), "success")


def ladder_of(alert: Alert) -> SafeString | str:
    """What an alert's escalation did, and what comes next and when."""
    escalation = latest(alert)
    if escalation is None:
        return gettext("No policy fits this alert: nobody is told if it is left alone.")
    planned = list(escalation.planned())
    colour = STATE_COLOURS[escalation.state]
    return render_to_string(
        "admin/alerts/ladder.html",
        {
            "escalation": escalation,
            "state": badge(escalation.get_state_display(), colour),
            "planned": planned[:MOST_SHOWN],
            "further": max(0, len(planned) - MOST_SHOWN),
            "reminds": escalation.state == AlertEscalation.State.QUIET and not escalation.is_held,
        },
    )


def escalate(alert: Alert, **said: Any) -> Alert:
    escalate_now(alert=alert, **said)
    return alert
