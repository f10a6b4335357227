from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from alerts.admin import AlertAdmin
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
from alerts.models import Alert
from equipment.models import FailureMode
from faultreporter.accounts.authentication import caller
from faultreporter.accounts.models import User
from faultreporter.backoffice import PeriodFilter, ReadOnlyInline
from workorders.models import WorkOrder, WorkOrderEvent
from workorders.services import raise_work_order

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
COSTS = ("labour_cost", "parts_cost", "other_cost")


def amount(label: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label, required=False, min_value=0, max_digits=12, decimal_places=2, widget=UnfoldAdminDecimalFieldWidget
    )


class AssignForm(MoveForm):
    to = forms.ModelChoiceField(label=_("Give to"), queryset=User.objects.none(), widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["to"]
        field.queryset = User.objects.active().filter(role__in=WorkOrder.ASSIGNEES).order_by("display_name")


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


class CompleteForm(MoveForm):
    resolution = forms.CharField(label=_("What was done"), max_length=10_000, widget=UnfoldAdminTextareaWidget)
    failure_mode = forms.ModelChoiceField(
        label=_("Failure mode"), required=False, queryset=FailureMode.objects.none(), widget=UnfoldAdminSelectWidget
    )
    cause = forms.CharField(label=_("Cause"), required=False, max_length=10_000, widget=UnfoldAdminTextInputWidget)
    remedy = forms.CharField(label=_("Remedy"), required=False, max_length=10_000, widget=UnfoldAdminTextInputWidget)
    labour_minutes = forms.IntegerField(
        label=_("Labour in minutes"), required=False, min_value=0, widget=UnfoldAdminIntegerFieldWidget
    )
    labour_cost = amount(_("Labour cost"))
    parts_cost = amount(_("Cost of parts"))
    other_cost = amount(_("Other cost"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["failure_mode"]
        modes = FailureMode.objects.living().applicable_to(self.record.equipment.category_id)
        field.queryset = modes.order_by("code")


class WorkOrderTimeline(TimelineInline):
    model = WorkOrderEvent


@admin.register(WorkOrder)
class WorkOrderAdmin(MovingAdmin):
    """Jobs. The plan of the work can be corrected; everything else happens by a move."""

    list_display = (
        "number", "title", "shown_status", "shown_priority", "type", "equipment", "assigned_to", "due_at", "late",
    )  # fmt: skip
    list_display_links = ("number", "title")
    list_filter = ("status", "priority", "type", ("due_at", PeriodFilter))
    list_select_related = ("equipment", "assigned_to")
    search_fields = ("number", "title", "description")
    autocomplete_fields = ("equipment",)
    ordering = ("-created_at", "-id")
    inlines = (WorkOrderTimeline,)
    actions_detail = tuple(MOVES)
    editable = ("title", "description", "type", "priority", "due_at", "labour_minutes", *COSTS)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "number", "status", "title", "equipment", "alert", "type", "priority", "due_at",
                    "description", "photos",
                )
            },
        ),
        (
            _("Work"),
            {
                "fields": (
                    "assigned_to", "assigned_at", "started_at", "hold_reason", "completed_at", "completed_by",
                    "closed_at", "cancelled_at", "cancel_reason", "downtime",
                )
            },
        ),
        (_("Findings"), {"fields": ("resolution", "failure_mode", "cause", "remedy")}),
        (_("Effort"), {"fields": ("labour_minutes", *COSTS, "total", "currency")}),
    )  # fmt: skip
    add_fieldsets = ((None, {"fields": ("equipment", "title", "type", "priority", "due_at", "description")}),)

    assign = move("assign", MOVES["assign"].label, AssignForm)
    start = move("start", MOVES["start"].label, DownForm)
    hold = move("hold", MOVES["hold"].label, ReasonForm)
    resume = move("resume", MOVES["resume"].label)
    complete = move("complete", MOVES["complete"].label, CompleteForm)
    close = move("close", MOVES["close"].label, NoteForm)
    reopen = move("reopen", MOVES["reopen"].label, ReopenForm)
    cancel = move("cancel", MOVES["cancel"].label, ReasonForm)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ()
        shown = {name for _title, options in self.fieldsets for name in options["fields"]}
        editable = self.editable if obj.status in WorkOrder.EDITABLE_TO_THE_END else ()
        return tuple(shown - set(editable))

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj else ()

    def create_record(self, request: HttpRequest, record: WorkOrder) -> None:
        fields = {name: getattr(record, name) for name in ("title", "description", "type", "priority", "due_at")}
        stored = WorkOrder.add(equipment=record.equipment, by=caller(request), at=timezone.now(), **fields)
        self.become(record, stored)

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def shown_status(self, order: WorkOrder) -> Any:
        return order.status, order.get_status_display()

    @display(description=_("priority"), ordering="priority", label=SEVERITY_COLOURS)
    def shown_priority(self, order: WorkOrder) -> Any:
        return order.priority, order.get_priority_display()

    @display(description=_("overdue"), label={"late": "danger"})
    def late(self, order: WorkOrder) -> Any:
        return ("late", _("Overdue")) if order.is_overdue(timezone.now()) else None

    @admin.display(description=_("total cost"))
    def total(self, order: WorkOrder) -> str:
        return "–" if order.total_cost is None else f"{order.total_cost} {order.currency}"

    @admin.display(description=_("files"))
    def photos(self, order: WorkOrder) -> SafeString | str:
        return pictures(order.files)


class OrderInline(ReadOnlyInline):
    """The jobs that an alert led to."""

    model = WorkOrder
    fields = readonly_fields = ("number", "status", "priority", "assigned_to", "created_at")
    ordering = ("-created_at",)
    show_change_link = True
    verbose_name_plural = _("work orders")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.filter(deleted_at=None).select_related("assigned_to")


def convert(alert: Alert, *, by: User, at: Any) -> None:
    raise_work_order(alert=alert, by=by, at=at)


admin.site.unregister(Alert)


@admin.register(Alert)
class AlertWithOrdersAdmin(AlertAdmin):
    """The alert's page, with its work orders and the button that raises one."""

    inlines = (OrderInline, *AlertAdmin.inlines)
    actions_detail = ("raise_work_order", *AlertAdmin.actions_detail)
    raise_work_order = move("raise_work_order", _("Raise a work order"), MoveForm, convert)

    def offered(self, record: Alert) -> list[str]:
        offered = list(super().offered(record))
        unfinished = WorkOrder.objects.living().unfinished().filter(alert=record)
        return offered if record.is_resolved or unfinished.exists() else [*offered, "raise_work_order"]
