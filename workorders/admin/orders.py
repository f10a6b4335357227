from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminSingleTimeWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from alerts.admin import AlertAdmin
from alerts.backoffice import (
    MoveForm,
    MovingAdmin,
    ReasonForm,
    TimelineInline,
    move,
)
from alerts.models import Alert
from equipment.admin.machines import OnSite
from equipment.models import Equipment, Team
from faultreporter.accounts.authentication import caller
from faultreporter.accounts.models import User
from faultreporter.backoffice import PeriodFilter, ReadOnlyInline, add_tabs, badge, linked, severity_badge
from workorders.admin.board import BoardPages
from workorders.admin.calendar import CalendarPages
from workorders.admin.effort import EFFORT_TABS
from workorders.admin.forms import CloseForm, CompleteForm, CostForm, DowntimeForm, LabourForm, PartForm
from workorders.admin.promises import ClockColumns, ClockFilter, HoldForm
from workorders.admin.tasks import OrderPaperwork, TaskInline
from workorders.models import CostEntry, LabourEntry, PartUse, WorkOrder, WorkOrderEvent
from workorders.models.findings import CODES
from workorders.models.planning import LONGEST_JOB
from workorders.services import raise_work_order
from workorders.suggestions import Suggestion, suggest

STATUS_COLOURS = {
    "OPEN": "danger",
    "ASSIGNED": "warning",
    "IN_PROGRESS": "primary",
    "ON_HOLD": "info",
    "COMPLETED": "success",
    "CLOSED": "success",
    "CANCELLED": "info",
}
MOVES = WorkOrder.LIFECYCLE.moves
MOST_CHOICES, SHOWN_REASONS = 200, 3
COSTS = ("labour_cost", "parts_cost", "other_cost")
SHOWN_WITH_IT = (
    *CODES, "equipment", "alert", "downtime", "assigned_to", "assigned_team", "completed_by",
)  # fmt: skip
BOOKINGS = ("enter_labour", "use_parts", "enter_cost")


def in_short(one: Suggestion) -> str:
    return gettext("%(name)s (%(score)d points)") % {"name": one.candidate.name, "score": one.score}


def in_words(one: Suggestion) -> tuple[str, str]:
    """A suggestion and its reasons, those that count for something first."""
    reasons = sorted(one.reasons, key=lambda reason: -reason.points)
    return in_short(one), "; ".join(f"{reason.text} (+{reason.points})" for reason in reasons)


class AssignForm(MoveForm):
    to = forms.ModelChoiceField(
        label=_("Give to"), required=False, queryset=User.objects.none(), widget=UnfoldAdminSelectWidget
    )
    team = forms.ModelChoiceField(
        label=_("or to a team"), required=False, queryset=Team.objects.none(), widget=UnfoldAdminSelectWidget,
        help_text=_("Whoever of them starts the job does it."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people: Any = self.fields["to"]
        people.queryset = User.objects.active().filter(role__in=WorkOrder.ASSIGNEES)
        ranked = suggest(self.record, at=timezone.now(), limit=MOST_CHOICES)
        people.choices = [("", "–"), *((one.candidate.user_id, in_short(one)) for one in ranked)]
        people.help_text = format_html_join("", "<p><b>{}</b> {}</p>", map(in_words, ranked[:SHOWN_REASONS]))
        teams: Any = self.fields["team"]
        teams.queryset = Team.objects.for_user(self.user).living().order_by("name")


class ScheduleForm(MoveForm):
    day = forms.DateField(
        label=_("Day"), required=False, widget=UnfoldAdminSingleDateWidget, help_text=_("Empty: not planned any more.")
    )
    start = forms.TimeField(
        label=_("From"), required=False, widget=UnfoldAdminSingleTimeWidget, help_text=_("In the site's time zone.")
    )
    minutes = forms.IntegerField(
        label=_("Estimated minutes"), required=False, min_value=1, max_value=LONGEST_JOB,
        widget=UnfoldAdminIntegerFieldWidget,
    )  # fmt: skip

    def __init__(self, *args: Any, record: WorkOrder, **kwargs: Any) -> None:
        start = record.planned_start_at and record.planned_start_at.astimezone(record.zone_info()).time()
        initial = {"day": record.planned_date, "start": start, "minutes": record.estimated_minutes}
        super().__init__(*args, record=record, initial=initial, **kwargs)

    def said(self) -> dict[str, Any]:
        return {"day": None, **super().said()}


class DownForm(MoveForm):
    equipment_down = forms.ChoiceField(
        label=_("Does the machine stand still?"),
        required=False,
        choices=[("", _("As usual for this kind of work")), ("yes", _("Yes")), ("no", _("No, it keeps running"))],
        widget=UnfoldAdminSelectWidget,
    )

    def said(self) -> dict[str, Any]:
        said = super().said()
        return {**said, "equipment_down": said["equipment_down"] == "yes"} if "equipment_down" in said else said


class ReopenForm(DownForm, ReasonForm):
    pass


class OrderBadges(ClockColumns):
    """Status, priority and what is due, on the order's own pages and on those of its alert and machine."""

    @admin.display(description=_("status"), ordering="status")
    def shown_status(self, order: WorkOrder) -> str:
        return badge(order.get_status_display(), STATUS_COLOURS[order.status])

    @admin.display(description=_("priority"), ordering="priority")
    def shown_priority(self, order: WorkOrder) -> str:
        return severity_badge(order, "priority")

    @admin.display(description=_("assigned to"), ordering="assigned_to__display_name")
    def shown_assignee(self, order: WorkOrder) -> str:
        return str(order.assigned_to or order.assigned_team or "–")

    @admin.display(description=_("due"), ordering="due_at")
    def due(self, order: WorkOrder) -> SafeString | str:
        if order.due_at is None:
            return "–"
        late = badge(_("Overdue"), "danger") if order.is_overdue(timezone.now()) else ""
        return format_html("{} {}", localize(timezone.localtime(order.due_at)), late)

    @admin.display(description=_("due"), ordering="due_at")
    def deadline(self, order: WorkOrder) -> SafeString | str:
        """When it is due, and how its service target stands."""
        due, clocks = self.due(order), self.clocks(order)
        return due if clocks == "–" else clocks if due == "–" else format_html("{} {}", due, clocks)


class RaiseForm(MoveForm):
    """What an order for an alert can say otherwise than the alert."""

    title = forms.CharField(label=_("Title"), required=False, max_length=200, widget=UnfoldAdminTextInputWidget)
    priority = forms.ChoiceField(
        label=_("Priority"), required=False, choices=WorkOrder.Priority.choices, widget=UnfoldAdminSelectWidget
    )
    due_at = forms.SplitDateTimeField(label=_("Due"), required=False, widget=UnfoldAdminSplitDateTimeWidget)

    def __init__(self, *args: Any, record: Alert, **kwargs: Any) -> None:
        super().__init__(*args, record=record, initial={"title": record.title, "priority": record.severity}, **kwargs)


class WorkOrderTimeline(TimelineInline):
    model = WorkOrderEvent


class OfTechnician(admin.SimpleListFilter):
    """Whose work it is; the list of people would otherwise name everybody who ever signed in."""

    title = _("assigned to")
    parameter_name = "assigned_to"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        people = User.objects.active().filter(role__in=WorkOrder.ASSIGNEES).order_by("display_name")
        return [("nobody", _("Nobody yet")), *((str(person.pk), str(person)) for person in people)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        if self.value() == "nobody":
            return queryset.filter(assigned_to=None)
        known = self.value() in dict(self.lookup_choices)
        return queryset.filter(assigned_to=self.value()) if known else queryset.none()


def enter(add: Any) -> Any:
    """A button that adds a row to the order and stays on its page."""

    def deed(order: WorkOrder, **said: Any) -> WorkOrder:
        add(order=order, **said)
        return order

    return deed


@admin.register(WorkOrder)
class WorkOrderAdmin(BoardPages, CalendarPages, OrderPaperwork, OrderBadges, MovingAdmin):
    """Jobs. The plan of the work can be corrected; everything else happens by a move."""

    list_display = (
        "number", "title", "shown_status", "shown_priority", "type", "equipment", "shown_assignee", "planned_date",
        "deadline",
    )  # fmt: skip
    list_display_links = ("number", "title")
    list_filter = ("status", "priority", "type", ClockFilter, OnSite, OfTechnician, ("due_at", PeriodFilter))
    list_select_related = ("equipment", "assigned_to", "assigned_team")
    search_fields = ("number", "title", "description", "equipment__equipment_code", "equipment__equipment_name")
    empty_note = _("There is no work yet. Raise an order from an alert, or add one for planned work.")
    autocomplete_fields = ("equipment",)
    ordering = ("-created_at", "-id")
    inlines = (TaskInline, *EFFORT_TABS, WorkOrderTimeline)
    actions_detail = (
        *MOVES,
        {"title": _("Add"), "items": [*BOOKINGS, *OrderPaperwork.additions]},
        {"title": _("More"), "items": ["schedule", "judge_downtime", *OrderPaperwork.paperwork]},
    )
    editable = (
        "title", "description", "type", "priority", "due_at", "estimated_minutes",
    )  # fmt: skip
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "number", "shown_status", "title", "equipment", "alert", "type", "priority", "due_at",
                    "description", "photos", "links", "signed",
                )
            },
        ),
        (
            _("Work"),
            {
                "fields": (
                    "planned_date", "planned_start_at", "estimated_minutes", "assigned_to", "assigned_team",
                    "assigned_at", "started_at", "hold_reason", "completed_at", "completed_by",
                    "closed_at", "cancelled_at", "cancel_reason", "downtime",
                )
            },
        ),
        (
            _("Service target"),
            {
                "fields": (
                    "clocks", "promised", "response_due_at", "response_breached_at", "restore_due_at",
                    "restore_breached_at", "held_for", "paused",
                )
            },
        ),
        (_("Findings"), {"fields": ("resolution", *CODES, "no_failure_found", "cause", "remedy")}),
        (_("Effort"), {"fields": ("labour_minutes", *COSTS, "total", "currency")}),
    )  # fmt: skip
    add_fieldsets = ((None, {"fields": ("equipment", "title", "type", "priority", "due_at", "description")}),)

    assign = move("assign", MOVES["assign"].label, AssignForm)
    schedule = move("schedule", _("Plan"), ScheduleForm)
    start = move("start", MOVES["start"].label, DownForm)
    hold = move("hold", MOVES["hold"].label, HoldForm)
    resume = move("resume", MOVES["resume"].label)
    complete = move("complete", MOVES["complete"].label, CompleteForm)
    close = move("close", MOVES["close"].label, CloseForm)
    reopen = move("reopen", MOVES["reopen"].label, ReopenForm)
    cancel = move("cancel", MOVES["cancel"].label, ReasonForm)

    enter_labour = move("enter_labour", _("Enter labour"), LabourForm, enter(LabourEntry.log))
    use_parts = move("use_parts", _("Use parts"), PartForm, enter(PartUse.take))
    enter_cost = move("enter_cost", _("Enter a cost"), CostForm, enter(CostEntry.add))
    judge_downtime = move("judge_downtime", _("Judge the downtime"), DowntimeForm)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """One order comes with what its page names: the page reads each line of it several times."""
        rows: QuerySet[Any] = super().get_queryset(request)
        on_a_page = request.resolver_match is not None and "object_id" in request.resolver_match.kwargs
        if not on_a_page:
            return rows
        return rows.select_related(*SHOWN_WITH_IT).prefetch_related("pauses", "signatures__attachment")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ()
        shown = {name for _title, options in self.fieldsets for name in options["fields"]}
        editable = self.editable if obj.status in WorkOrder.EDITABLE_TO_THE_END else ()
        return tuple(shown - set(editable))

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj else ()

    def offered(self, record: WorkOrder) -> list[str]:
        offered = list(super().offered(record))
        if not (record.is_finished or record.deleted_at):
            offered.append("schedule")
        if record.status in WorkOrder.EDITABLE_TO_THE_END and not record.deleted_at:
            offered += BOOKINGS
        if record.downtime and record.downtime.status == "ERROR":
            offered.append("judge_downtime")
        return [*offered, *self.paperwork_offered(record)]

    def create_record(self, request: HttpRequest, record: WorkOrder) -> None:
        fields = {name: getattr(record, name) for name in ("title", "description", "type", "priority", "due_at")}
        stored = WorkOrder.add(equipment=record.equipment, by=caller(request), at=timezone.now(), **fields)
        self.become(record, stored)

    @admin.display(description=_("total cost"))
    def total(self, order: WorkOrder) -> str:
        return "–" if order.total_cost is None else f"{order.total_cost} {order.currency}"


class OrderInline(OrderBadges, ReadOnlyInline):
    """The jobs that an alert led to, or a machine needed."""

    model = WorkOrder
    order = linked(_("work order"))
    fields = readonly_fields = (
        "order",
        "shown_status",
        "shown_priority",
        "assigned_to",
        "due",
        "clocks",
        "completed_at",
    )
    ordering = ("-created_at",)
    per_page = 20
    verbose_name_plural = _("work orders")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.filter(deleted_at=None).select_related("assigned_to")


def convert(alert: Alert, **said: Any) -> WorkOrder:
    return raise_work_order(alert=alert, **said)


add_tabs(Equipment, OrderInline)


admin.site.unregister(Alert)


@admin.register(Alert)
class AlertWithOrdersAdmin(AlertAdmin):
    """The alert's page, with its work orders and the button that raises one."""

    inlines = (OrderInline, *AlertAdmin.inlines)
    actions_detail = ("raise_work_order", *AlertAdmin.actions_detail)
    raise_work_order = move("raise_work_order", _("Raise a work order"), RaiseForm, convert)

    def offered(self, record: Alert) -> list[str]:
        offered = list(super().offered(record))
        unfinished = WorkOrder.objects.living().unfinished().filter(alert=record)
        return offered if record.is_resolved or unfinished.exists() else [*offered, "raise_work_order"]
