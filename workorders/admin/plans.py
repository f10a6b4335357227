"""Maintenance plans: what comes round on which machine, and the weeks ahead."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.formats import date_format, localize
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSingleDateWidget

from alerts.backoffice import MovingAdmin, ReasonForm, TimelineInline, move
from equipment.admin.machines import OnSite
from equipment.models import Equipment
from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import ReadOnlyInline, add_tabs, badge, link_to, linked, page_of, severity_badge
from faultreporter.errors import DomainError
from telemetry.units import exactly, with_unit
from workorders.generation import tell
from workorders.horizon import DueTime, Week, by_week, monday, next_dates, plan_occurrences
from workorders.models import MaintenancePlan, PlanEvent, PlanOccurrence, WorkOrder
from workorders.models.plan_queryset import paused
from workorders.models.plans import JOINED

WEEKS = 12
LATE_SINCE = timedelta(days=120)
STATE_COLOURS = {"GENERATED": "primary", "SKIPPED": "info", "MISSED": "danger", "EXPECTED": ""}
FIELDS = (
    "title", "description", "type", "priority", "trigger", "schedule", "rule", "start_date", "due_time", "ends_on",
    "lead_days", "tolerance_days", "metric", "meter_interval", "meter_base", "estimated_minutes", "checklist",
    "assigned_to", "assigned_team",
)  # fmt: skip


class PauseForm(ReasonForm):
    until = forms.DateField(
        label=_("Until"), required=False, widget=UnfoldAdminSingleDateWidget, help_text=_("Empty: until it is resumed.")
    )


class PlanState(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("active", _("Active")), ("overdue", _("Overdue")), ("paused", _("Paused"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        known: dict[str | None, Any] = {
            "active": lambda: queryset.filter(pk__in=MaintenancePlan.objects.active(now).values("pk")),
            "overdue": lambda: queryset.filter(pk__in=MaintenancePlan.objects.overdue(now).values("pk")),
            "paused": lambda: queryset.filter(paused(now)),
        }
        return known.get(self.value(), lambda: queryset)()  # type: ignore[no-any-return]


class PlanBadges:
    """How a plan stands, on its own pages and on its machine's."""

    @admin.display(description=_("state"))
    def shown_state(self, plan: MaintenancePlan) -> str:
        now, order = timezone.now(), plan.open_order()
        if plan.is_paused(now):
            return badge(_("Paused"), "info")
        if not plan.is_active(now):
            return badge(_("Over"), "")
        if order.is_overdue(now) if order else plan.is_overdue(now):
            return badge(_("Overdue"), "danger")
        return badge(_("Order is out"), "primary") if order else badge(_("Active"), "success")

    @admin.display(description=_("comes round"))
    def comes_round(self, plan: MaintenancePlan) -> str:
        counter = ""
        if plan.metric and plan.meter_interval is not None:
            counter = f"{gettext('every')} {exactly(plan.meter_interval, plan.metric.unit)}"
        return f" {gettext('or')} ".join(part for part in (plan.rule_in_words(), counter) if part)

    @admin.display(description=_("next due"), ordering="next_due_at")
    def due(self, plan: MaintenancePlan) -> str:
        if plan.next_due_at:
            return date_format(plan.next_due_at.astimezone(plan.zone_info()), "D j M Y")
        expected = plan.meter.expected_at(timezone.now()) if plan.trigger in plan.BY_METER else None
        return gettext("about %(day)s") % {"day": date_format(expected, "j M Y")} if expected else "–"


class PlanTimeline(TimelineInline):
    model = PlanEvent


class OccurrenceInline(ReadOnlyInline):
    """What became of its due times."""

    model = PlanOccurrence
    fields = readonly_fields = ("due_at", "shown_state", "work_order", "reason", "by")
    ordering = ("-due_at",)
    per_page = 20
    verbose_name_plural = _("due times")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("work_order", "by")

    @admin.display(description=_("state"))
    def shown_state(self, occurrence: PlanOccurrence) -> str:
        return badge(occurrence.get_state_display(), STATE_COLOURS[occurrence.state])


def generate(plan: MaintenancePlan, *, by: Any, at: datetime) -> WorkOrder:
    order = plan.generate(by=by, at=at)
    tell(plan, order, at=at)
    return order


@admin.register(MaintenancePlan)
class MaintenancePlanAdmin(PlanBadges, MovingAdmin):
    """Work that comes round. Its orders come by themselves."""

    list_display = ("title", "equipment", "shown_state", "shown_priority", "comes_round", "due", "shown_assignee")
    list_display_links = ("title",)
    list_filter = (PlanState, "trigger", "schedule", "type", "priority", OnSite)
    list_select_related = JOINED
    search_fields = ("title", "description", "equipment__equipment_code", "equipment__equipment_name")
    empty_note = _("Nothing is planned yet. Add a plan: what is to be done on which machine, and how often.")
    autocomplete_fields = ("equipment", "assigned_to", "metric")
    ordering = ("next_due_at", "id")
    inlines = (OccurrenceInline, PlanTimeline)
    actions_detail = ("generate", "skip", "pause", "resume")
    fieldsets = (
        (None, {"fields": ("title", "equipment", "shown_state", "type", "priority", "description")}),
        (
            _("When"),
            {
                "fields": (
                    "trigger", "schedule", "rule", "start_date", "due_time", "ends_on", "lead_days", "tolerance_days",
                    "preview",
                )
            },
        ),
        (_("Counter"), {"fields": ("metric", "meter_interval", "meter_base", "counted")}),
        (_("The order"), {"fields": ("estimated_minutes", "checklist", "assigned_to", "assigned_team")}),
        (_("How it stands"), {"fields": ("open", "last_completed_at", "compliance", "pause_said")}),
    )  # fmt: skip
    add_fieldsets = (
        (None, {"fields": ("equipment", "title", "type", "priority", "description")}),
        (
            _("When"),
            {
                "fields": (
                    "trigger", "schedule", "rule", "start_date", "due_time", "ends_on", "lead_days", "tolerance_days",
                )
            },
        ),
        (_("Counter"), {"fields": ("metric", "meter_interval", "meter_base")}),
        (_("The order"), {"fields": ("estimated_minutes", "checklist", "assigned_to", "assigned_team")}),
    )  # fmt: skip

    generate = move("generate", _("Make the next order now"), deed=generate)
    skip = move("skip", _("Skip the next time"), ReasonForm)
    pause = move("pause", _("Pause"), PauseForm)
    resume = move("resume", _("Resume"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        return rows.select_related(*JOINED).with_open_order()  # type: ignore[no-any-return]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ()
        shown = {name for _title, options in self.fieldsets for name in options["fields"]}
        return tuple(shown - set(FIELDS))

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj else ()

    def offered(self, record: MaintenancePlan) -> list[str]:
        return record.allowed_moves(timezone.now())

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        form.clean = check_plan
        return form

    def create_record(self, request: HttpRequest, record: MaintenancePlan) -> None:
        fields = {name: getattr(record, name) for name in FIELDS}
        stored = MaintenancePlan.add(equipment=record.equipment, by=caller(request), at=timezone.now(), **fields)
        self.become(record, stored)

    @admin.display(description=_("priority"), ordering="priority")
    def shown_priority(self, plan: MaintenancePlan) -> str:
        return severity_badge(plan, "priority")

    @admin.display(description=_("assigned to"))
    def shown_assignee(self, plan: MaintenancePlan) -> str:
        return str(plan.assigned_to or plan.assigned_team or "–")

    @admin.display(description=_("in words"))
    def preview(self, plan: MaintenancePlan) -> str:
        dates = [date_format(due.astimezone(plan.zone_info()), "D j M Y H:i") for due in next_dates(plan)]
        words = self.comes_round(plan)
        return gettext("%(words)s; next: %(dates)s") % {"words": words, "dates": ", ".join(dates)} if dates else words

    @admin.display(description=_("counted so far"))
    def counted(self, plan: MaintenancePlan) -> str:
        meter = plan.meter
        if plan.metric is None or meter.due is None:
            return "–"
        far = "–" if meter.total is None else f"{meter.total:,.0f}"
        said = {"far": far, "due": with_unit(f"{meter.due:,.0f}", plan.metric.unit)}
        return gettext("%(far)s of %(due)s") % said

    @admin.display(description=_("unfinished order"))
    def open(self, plan: MaintenancePlan) -> SafeString | str:
        return link_to(plan.open_order())

    @admin.display(description=_("done in time, last 365 days"))
    def compliance(self, plan: MaintenancePlan) -> str:
        counts = plan.occurrences.compliance(at=timezone.now())
        if counts["on_time_percent"] is None:
            return gettext("nothing was due yet")
        words = gettext("%(on_time_percent)g %% (%(on_time)d in time, %(late)d late, %(missed)d missed)")
        return words % counts

    @admin.display(description=_("pause"))
    def pause_said(self, plan: MaintenancePlan) -> str:
        return plan.pause_reason or "–"

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(self.horizon)
        return [path("horizon/", page, name="workorders_maintenanceplan_horizon"), *super().get_urls()]

    def horizon(self, request: HttpRequest) -> HttpResponse:
        """Twelve weeks, one after the other: what is due when, and how many hours that is."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        first = monday(timezone.localdate())
        last = first + timedelta(days=7 * WEEKS - 1)
        start, end = (datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone()) for day in (first, last))
        times = plan_occurrences(caller(request), start - LATE_SINCE, end + timedelta(days=1))
        late = [one for one in times if one.day < first and is_late(one)]
        weeks = by_week(times, first, last)
        most = max((week.minutes for week in weeks), default=0)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Maintenance ahead"),
            "late": [due_shown(one) for one in late],
            "weeks": [week_shown(week, times, most=most) for week in weeks],
        }
        return TemplateResponse(request, "admin/workorders/horizon.html", context)


def week_shown(week: Week, times: list[DueTime], *, most: int) -> dict[str, Any]:
    last = week.starts_on + timedelta(days=6)
    due = [one for one in times if week.starts_on <= one.day <= last]
    return {
        "heading": f"{date_format(week.starts_on, 'j M')} – {date_format(last, 'j M Y')}",
        "this_week": week.starts_on <= date.today() <= last,  # noqa: DTZ011 - only which week is framed
        "hours": localize(round(week.minutes / 60, 1)),
        "share": round(100 * week.minutes / most) if most else 0,
        "count": week.occurrences,
        "due": [due_shown(one) for one in due],
    }


def is_late(one: DueTime) -> bool:
    return one.work_order is not None and one.work_order.is_overdue(timezone.now())


def due_shown(one: DueTime) -> dict[str, Any]:
    words = gettext("Expected") if one.state == "EXPECTED" else PlanOccurrence.State(one.state).label
    words = one.work_order.get_status_display() if one.work_order else words
    return {
        "day": date_format(one.day, "D j M"),
        "title": one.plan.title,
        "url": page_of(one.plan),
        "machine": one.plan.equipment,
        "order": one.work_order and {"number": one.work_order.number, "url": page_of(one.work_order)},
        "badge": badge(gettext("Overdue"), "danger") if is_late(one) else badge(words, STATE_COLOURS[one.state]),
        "forecast": one.is_forecast,
        "reason": one.reason,
    }


def check_plan(form: Any) -> Any:
    """Says at the field what the plan itself would refuse."""
    data = forms.ModelForm.clean(form)
    for name in FIELDS:
        if name in form.cleaned_data:
            setattr(form.instance, name, form.cleaned_data[name])
    equipment = form.cleaned_data.get("equipment")
    if equipment is not None:
        form.instance.equipment = equipment
    if not form.errors:
        try:
            form.instance.check_plan(timezone.now())
        except DomainError as error:
            fields = [d.field.removesuffix("_id") for d in error.details]
            form.add_error(fields[0] if fields and fields[0] in form.fields else None, error.message)
    return data


class PlanInline(PlanBadges, ReadOnlyInline):
    """What comes round on a machine."""

    model = MaintenancePlan
    plan = linked(_("maintenance plan"))
    fields = readonly_fields = ("plan", "shown_state", "comes_round", "due", "last_completed_at")
    ordering = ("next_due_at", "id")
    fk_name = "equipment"
    per_page = 20
    verbose_name_plural = _("maintenance plans")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        return rows.filter(deleted_at=None).select_related(*JOINED).with_open_order()  # type: ignore[no-any-return]


add_tabs(Equipment, PlanInline)
