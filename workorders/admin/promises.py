"""What is promised, why work may wait, and how an order's clocks stand."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from alerts.backoffice import ReasonForm
from equipment.admin.catalogue import CatalogueAdmin
from faultreporter.backoffice import badge, severity_badge
from locations.backoffice import RecordAdmin, SiteFilter
from workorders.models import HoldReason, SlaPolicy, WorkOrder
from workorders.models.queryset import CLOCK_IS
from workorders.sla import ClockKind, ClockState

URGENCY = (ClockState.BREACHED, ClockState.AT_RISK, ClockState.PAUSED, ClockState.RUNNING, ClockState.MET)
CLOCK_NAMES = {ClockKind.RESPONSE: _("Response"), ClockKind.RESTORE: _("Restore")}
COLOURS = {ClockState.BREACHED: "danger", ClockState.AT_RISK: "warning", ClockState.PAUSED: "info"}


def clock_badge(order: WorkOrder, *, at: datetime) -> SafeString | str:
    """The clock that presses most: one that still runs before one that is stopped, then the worse, then the sooner."""
    found = [
        (facts.stopped_at is not None, URGENCY.index(state), facts.due_at or at, kind, state)
        for kind in ClockKind
        if (state := order.clock_state(kind, at=at)) and (facts := order.facts(kind))
    ]
    if not found:
        return "–"
    stopped, _urgency, due_at, kind, state = min(found)
    text = f"{CLOCK_NAMES[kind]} {clock_words(state, due_at, stopped=stopped, at=at)}"
    return badge(text, COLOURS[state]) if state in COLOURS else text


def clock_words(state: ClockState, due_at: datetime, *, stopped: bool, at: datetime) -> str:
    if state is ClockState.MET:
        return gettext("kept")
    if state is ClockState.PAUSED:
        return gettext("paused")
    if state is not ClockState.BREACHED:
        return gettext("due in %(time)s") % {"time": timesince(at, due_at, depth=1)}
    if stopped:
        return gettext("missed")
    return gettext("missed %(time)s ago") % {"time": timesince(due_at, at, depth=1)}


class ClockFilter(admin.SimpleListFilter):
    """Orders whose target is at risk, missed, or paused."""

    title = _("service target")
    parameter_name = "sla"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("AT_RISK", _("At risk")), ("BREACHED", _("Missed")), ("PAUSED", _("Paused"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        state = self.value()
        if state is None:
            return queryset
        rows: Any = queryset
        return rows.with_clock(state, timezone.now()) if state in CLOCK_IS else queryset.none()


class HoldForm(ReasonForm):
    why = forms.ModelChoiceField(
        label=_("Waits for"), required=False, queryset=HoldReason.objects.none(), widget=UnfoldAdminSelectWidget,
        help_text=_("Some of these stop the restore clock; without one it runs on."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["why"]
        field.queryset = HoldReason.objects.living().filter(is_active=True).order_by("-pauses_sla", "name")
        self.order_fields(["why", "reason"])


def in_words(minutes: int | None) -> str:
    """90 is 1 h 30 min."""
    if minutes is None:
        return "–"
    hours, rest = divmod(minutes, 60)
    parts = [gettext("%(count)d h") % {"count": hours}] * bool(hours)
    return "\u00a0".join([*parts, *([gettext("%(count)d min") % {"count": rest}] if rest or not hours else [])])


class OfSite(SiteFilter):
    path = "site"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(site=self.value()) if self.value() in dict(self.lookup_choices) else queryset


@admin.register(SlaPolicy)
class SlaPolicyAdmin(RecordAdmin):
    """Response and restore targets. What is under way keeps what it was promised."""

    list_display = ("shown_priority", "shown_site", "response", "restore_within", "counting", "warning")
    list_filter = ("priority", "counting", OfSite)
    list_select_related = ("site",)
    ordering = ("site", "restore_minutes")
    autocomplete_fields = ("site",)
    empty_note = _("Nothing is promised yet. Add a target for each priority, first for every site.")
    fieldsets = (
        (None, {"fields": ("priority", "site")}),
        (_("Targets"), {"fields": ("response_minutes", "restore_minutes", "counting", "warn_percent")}),
    )

    @admin.display(description=_("priority"), ordering="priority")
    def shown_priority(self, policy: SlaPolicy) -> SafeString:
        return severity_badge(policy, "priority")

    @admin.display(description=_("site"), ordering="site__name")
    def shown_site(self, policy: SlaPolicy) -> str:
        return policy.site.name if policy.site else gettext("Every site")

    @admin.display(description=_("response"), ordering="response_minutes")
    def response(self, policy: SlaPolicy) -> str:
        return in_words(policy.response_minutes)

    @admin.display(description=_("restore"), ordering="restore_minutes")
    def restore_within(self, policy: SlaPolicy) -> str:
        return in_words(policy.restore_minutes)

    @admin.display(description=_("at risk from"), ordering="warn_percent")
    def warning(self, policy: SlaPolicy) -> str:
        return f"{policy.warn_percent}\u00a0%"


@admin.register(HoldReason)
class HoldReasonAdmin(CatalogueAdmin):
    """Why work waits, and whether its clock waits with it."""

    list_display = ("code", "name", "pauses_sla", "is_active")
    list_display_links = ("code", "name")
    list_filter = ("pauses_sla", "is_active")
    search_fields = ("code", "name")
    ordering = ("code",)
    empty_note = _("Add the usual reasons: waiting for parts, for access, for another firm.")


class ClockColumns:
    """What the clocks say on the order's page."""

    @admin.display(description=_("service target"))
    def clocks(self, order: WorkOrder) -> SafeString | str:
        return clock_badge(order, at=timezone.now())

    @admin.display(description=_("promised"))
    def promised(self, order: WorkOrder) -> str:
        terms = order.terms
        if terms is None:
            return "–"
        counted = SlaPolicy.Counting.BUSINESS_HOURS if terms.in_business_hours else SlaPolicy.Counting.AROUND_THE_CLOCK
        return gettext("Response within %(response)s, restore within %(restore)s, %(counted)s") % {
            "response": in_words(terms.response_minutes),
            "restore": in_words(terms.restore_minutes),
            "counted": str(counted.label).lower(),
        }

    @admin.display(description=_("paused for"))
    def paused(self, order: WorkOrder) -> str:
        now = timezone.now()
        pauses = [(pause.ended_at or now) - pause.started_at for pause in order.pauses.all()]
        return in_words(sum(pauses, timedelta(0)) // timedelta(minutes=1)) if pauses else "–"
