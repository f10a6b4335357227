"""Checklists, tasks, links between orders, signatures and the paper report in the back office."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from alerts.backoffice import MoveForm, MovingAdmin, NoteForm, ReasonForm, move, pictures
from equipment.admin.catalogue import CatalogueAdmin
from faultreporter.accounts.models import User
from faultreporter.attachments.admin import thumbnail_tag
from faultreporter.attachments.files import pdf_response
from faultreporter.attachments.models import Attachment
from faultreporter.backoffice import ReadOnlyInline, TabularInline, badge, link_to
from workorders.models import (
    ChecklistItem,
    ChecklistTemplate,
    WorkOrder,
    WorkOrderAttachment,
    WorkOrderRelation,
    WorkOrderTask,
)
from workorders.models.relations import KINDS
from workorders.models.signatures import digest_of
from workorders.report import report_of
from workorders.services import raise_follow_up

COLOURS = {"OK": "success", "FAILED": "danger", "SKIPPED": "info", "": ""}
YES_NO = [("", "–"), ("yes", _("Passed")), ("no", _("Failed"))]


def choice(label: Any, queryset: Any, *, required: bool = True) -> forms.ModelChoiceField[Any]:
    return forms.ModelChoiceField(label=label, queryset=queryset, required=required, widget=UnfoldAdminSelectWidget)


class CompleteTaskForm(NoteForm):
    """What the task's kind asks for."""

    value = forms.CharField(label=_("Value"), max_length=10_000, widget=UnfoldAdminTextInputWidget)
    passed = forms.ChoiceField(label=_("Result"), choices=YES_NO, required=False, widget=UnfoldAdminSelectWidget)
    attachment = choice(_("Photo, of the order's files"), Attachment.objects.none(), required=False)
    field_order = ("value", "passed", "attachment", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        task, photo = self.record, self.fields["attachment"]
        photo.queryset = task.work_order.attachments.filter(kind=Attachment.Kind.IMAGE)  # type: ignore[attr-defined]
        photo.required = task.kind == task.Kind.PHOTO
        self.fields["passed"].required = task.kind == task.Kind.PASS_FAIL
        if task.kind not in {task.Kind.NUMBER, task.Kind.TEXT}:
            del self.fields["value"]
        if task.kind == task.Kind.NUMBER:
            del self.fields["passed"]

    def said(self) -> dict[str, Any]:
        said = super().said()
        return {**said, "passed": said["passed"] == "yes"} if "passed" in said else said


class TaskForm(MoveForm):
    """A task for this order alone."""

    title = forms.CharField(label=_("Title"), max_length=200, widget=UnfoldAdminTextInputWidget)
    kind = forms.ChoiceField(label=_("Kind"), choices=WorkOrderTask.Kind.choices, widget=UnfoldAdminSelectWidget)
    unit = forms.CharField(label=_("Unit"), max_length=20, required=False, widget=UnfoldAdminTextInputWidget)
    minimum = forms.DecimalField(label=_("Lowest good value"), required=False, widget=UnfoldAdminDecimalFieldWidget)
    maximum = forms.DecimalField(label=_("Highest good value"), required=False, widget=UnfoldAdminDecimalFieldWidget)
    instructions = forms.CharField(
        label=_("Instructions"), max_length=10_000, required=False, widget=UnfoldAdminTextareaWidget
    )


class ChecklistForm(MoveForm):
    template = choice(_("Checklist"), ChecklistTemplate.objects.none())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        of_kind = Q(category=None) | Q(category=self.record.equipment.category_id)
        field: Any = self.fields["template"]
        field.queryset = ChecklistTemplate.objects.living().filter(of_kind).order_by("name")


class LinkForm(MoveForm):
    kind = forms.ChoiceField(label=_("This order is"), choices=KINDS, widget=UnfoldAdminSelectWidget)
    number = forms.CharField(label=_("Number of the other order"), max_length=20, widget=UnfoldAdminTextInputWidget)

    def clean_number(self) -> str:
        number = str(self.cleaned_data["number"]).strip().upper()
        self.other = WorkOrder.objects.for_user(self.user).living().filter(number=number).first()
        if self.other is None:
            raise forms.ValidationError(gettext("There is no such order."))
        return number

    def said(self) -> dict[str, Any]:
        return {"kind": self.cleaned_data["kind"], "other": self.other}


class UnlinkForm(MoveForm):
    relation = choice(_("Link"), WorkOrderRelation.objects.none())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["relation"]
        field.queryset = WorkOrderRelation.objects.of(self.record).select_related("order", "other")


def apply_checklist(order: WorkOrder, *, template: ChecklistTemplate, by: User, at: datetime) -> WorkOrder:
    WorkOrderTask.add_from_template(order, template, by=by, at=at)
    return order


def add_task(order: WorkOrder, *, by: User, at: datetime, **line: Any) -> WorkOrder:
    WorkOrderTask.add(work_order=order, by=by, at=at, **line)
    return order


def link(order: WorkOrder, **said: Any) -> WorkOrder:
    WorkOrderRelation.add(order=order, **said)
    return order


def unlink(order: WorkOrder, *, relation: WorkOrderRelation, by: User, at: datetime) -> WorkOrder:
    relation.remove(by=by, at=at)
    return order


def complete_task(task: WorkOrderTask, **said: Any) -> WorkOrder:
    task.complete(**said)
    return task.work_order


def skip_task(task: WorkOrderTask, **said: Any) -> WorkOrder:
    task.skip(**said)
    return task.work_order


def follow_up(task: WorkOrderTask, **said: Any) -> WorkOrder:
    return raise_follow_up(task=task, **said)


class TaskColumns:
    """A task's result in words and colour."""

    @admin.display(description=_("result"), ordering="outcome")
    def result(self, task: WorkOrderTask) -> SafeString:
        text = task.get_outcome_display() if task.outcome else gettext("To do")
        return format_html("{} {} {}", badge(text, COLOURS[task.outcome]), task.value, task.unit if task.value else "")

    @admin.display(description=_("photo"))
    def photo(self, task: WorkOrderTask) -> SafeString | str:
        return thumbnail_tag(task.attachment, edge=60) if task.attachment else "–"


class TaskInline(TaskColumns, ReadOnlyInline):
    """The order's checklist. Each line leads to its task, an open one straight to its result."""

    model = WorkOrderTask
    fk_name = "work_order"
    fields = readonly_fields = ("position", "task", "result", "note", "photo", "done_by", "done_at", "next_step")
    ordering = ("position", "id")
    per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("attachment", "done_by", "raised_order", "work_order")

    @admin.display(description=_("task"))
    def task(self, task: WorkOrderTask) -> SafeString | str:
        return link_to(task)

    @admin.display(description=_("next"))
    def next_step(self, task: WorkOrderTask) -> SafeString | str:
        if task.raised_order:
            return link_to(task.raised_order, task.raised_order.number)
        step = next(iter(offered_on(task)), None)
        if step is None:
            return "–"
        url = reverse(f"admin:workorders_workordertask_{step}", args=[task.pk])
        return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, STEPS[step])


STEPS = {
    "complete": _("Write the result"),
    "skip": _("Skip"),
    "follow_up": _("Raise an order"),
    "reopen": _("Take the result back"),
}


def offered_on(task: WorkOrderTask) -> list[str]:
    """What can be done with the task now."""
    open_order = not task.work_order.is_finished and task.work_order.deleted_at is None
    if not open_order:
        return []
    if not task.is_done:
        return ["complete", "skip"]
    failed = task.outcome == task.Outcome.FAILED and task.raised_order_id is None
    return ["follow_up", "reopen"] if failed else ["reopen"]


@admin.register(WorkOrderTask)
class WorkOrderTaskAdmin(TaskColumns, MovingAdmin):
    """Tasks of all orders: what failed where, and a page to write a result."""

    list_display = ("title", "work_order", "result", "done_by", "done_at")
    list_filter = ("outcome", "kind", "required")
    list_select_related = ("work_order", "done_by")
    search_fields = ("title", "work_order__number", "note")
    ordering = ("-created_at", "-id")
    actions = ()
    actions_detail = tuple(STEPS)
    empty_note = _("Tasks come onto an order with a checklist, or one by one from the order's page.")
    fields = readonly_fields = (
        "work_order", "position", "title", "instructions", "kind", "unit", "minimum", "maximum", "required", "result",
        "note", "photo", "done_by", "done_at", "raised_order",
    )  # fmt: skip

    complete = move("complete", STEPS["complete"], CompleteTaskForm, complete_task)
    skip = move("skip", STEPS["skip"], ReasonForm, skip_task)
    follow_up = move("follow_up", STEPS["follow_up"], MoveForm, follow_up)
    reopen = move("reopen", STEPS["reopen"])

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def offered(self, record: WorkOrderTask) -> list[str]:
        return offered_on(record)


class ItemInline(TabularInline):
    """The lines of a checklist. Orders that have them already keep their own."""

    model = ChecklistItem
    fields = ("position", "title", "kind", "unit", "minimum", "maximum", "required", "instructions")
    extra = 0
    tab = False
    verbose_name_plural = _("lines")


@admin.register(ChecklistTemplate)
class ChecklistTemplateAdmin(CatalogueAdmin):
    """Reusable checklists with their lines."""

    list_display = ("name", "category", "description")
    list_filter = ("category",)
    list_select_related = ("category",)
    search_fields = ("name", "description")
    autocomplete_fields = ("category",)
    ordering = ("name",)
    fields = ("name", "category", "description")
    inlines = (ItemInline,)
    empty_note = _("Add a checklist for what is done again and again: a monthly visit, a round through the plant.")


class OrderPaperwork:
    """Tasks, links, photos by phase, signatures and the report on an order's page."""

    additions = ("apply_checklist", "add_task", "link")
    paperwork = ("unlink", "report")
    apply_checklist = move("apply_checklist", _("Add a checklist"), ChecklistForm, apply_checklist)
    add_task = move("add_task", _("Add a task"), TaskForm, add_task)
    link = move("link", _("Link to another order"), LinkForm, link)
    unlink = move("unlink", _("Remove a link"), UnlinkForm, unlink)

    @action(description=_("PDF report"), url_path="report", permissions=["view"])
    def report(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        order = self.record(request, object_id)
        if order is None:
            raise Http404
        if not self.has_view_permission(request, order):
            raise PermissionDenied
        return pdf_response(report_of(order, with_costs=True), name=order.number)

    @staticmethod
    def paperwork_offered(order: WorkOrder) -> list[str]:
        if order.deleted_at:
            return ["report"]
        linked = WorkOrderRelation.objects.of(order).exists()
        always = ["link", *(["unlink"] if linked else []), "report"]
        return always if order.is_finished else ["apply_checklist", "add_task", *always]

    @admin.display(description=_("files"))
    def photos(self, order: WorkOrder) -> SafeString | str:
        """Before and after side by side."""
        groups = [
            (phase.label, [file for file in order.files if file.phase == phase])  # type: ignore[attr-defined]
            for phase in WorkOrderAttachment.Phase
        ]
        columns = [(label, pictures(files)) for label, files in groups if files]
        shown = format_html_join("", "<div><p>{}</p>{}</div>", columns)
        return format_html('<div class="flex flex-wrap gap-4">{}</div>', shown) if columns else "–"

    @admin.display(description=_("other orders"))
    def links(self, order: WorkOrder) -> SafeString | str:
        rows = WorkOrderRelation.objects.of(order).select_related("order", "other")
        seen = [relation.seen_from(order) for relation in rows]
        words = ((WorkOrderRelation.word(kind), link_to(other), other.get_status_display()) for kind, other in seen)
        return format_html_join("", "<p>{} {} ({})</p>", words) or "–"

    @admin.display(description=_("signatures"))
    def signed(self, order: WorkOrder) -> SafeString | str:
        signatures = order.signatures.all()
        if not signatures:
            return "–"
        now = digest_of(order)
        changed = badge(gettext("The order was changed after this was signed"), "danger")
        rows = (
            (one, thumbnail_tag(one.attachment, edge=80), "" if one.digest == now else changed) for one in signatures
        )
        return format_html_join("", "<p>{} {} {}</p>", rows)
