from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSingleDateWidget, UnfoldAdminTextareaWidget

from equipment import labels
from equipment.models import Equipment, Move, StatusInterval, TechnicalDiagram, UserEquipmentAssignment
from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import PeriodFilter, ReadOnlyAdmin, ReadOnlyInline, add_tabs, badge, link_to, linked
from locations.backoffice import ActionForm, RecordAdmin, SiteFilter, button, confirmed
from locations.models import Location

STATUS_COLOURS = {"ONLINE": "success", "OFFLINE": "info", "MAINTENANCE": "warning", "ERROR": "danger"}


class ReasonedForm(ActionForm):
    reason = forms.CharField(label=_("Reason"), required=False, max_length=2000, widget=UnfoldAdminTextareaWidget)


class MoveForm(ReasonedForm):
    location = forms.ModelChoiceField(
        label=_("Move to"),
        queryset=Location.objects.none(),
        widget=AutocompleteSelect(Equipment._meta.get_field("location"), admin.site),
    )
    field_order = ("location", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["location"]
        field.queryset = Location.objects.for_user(self.user).living()


class StatusForm(ReasonedForm):
    status = forms.ChoiceField(label=_("Status"), choices=Equipment.Status.choices, widget=UnfoldAdminSelectWidget)
    field_order = ("status", "reason")


class RetireForm(ActionForm):
    on = forms.DateField(label=_("Out of service from"), widget=UnfoldAdminSingleDateWidget)


class ExclusionForm(ActionForm):
    reason = forms.ChoiceField(
        label=_("Why it doesn't count"),
        required=False,
        choices=[("", _("It counts")), *StatusInterval.Exclusion.choices],
        widget=UnfoldAdminSelectWidget,
    )


class AssignmentInline(ReadOnlyInline):
    model = UserEquipmentAssignment
    fields = readonly_fields = ("person", "role", "starts_at", "ends_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.living().select_related("user").order_by("-starts_at")

    @admin.display(description=_("person"))
    def person(self, assignment: UserEquipmentAssignment) -> str:
        return link_to(assignment, assignment.user)


class StatusLogInline(ReadOnlyInline):
    model = StatusInterval
    fields = readonly_fields = (
        "status",
        "started_at",
        "ended_at",
        "source",
        "reason",
        "counts_as_failure",
        "exclusion_reason",
    )
    ordering = ("-started_at",)
    per_page = 25


class MoveInline(ReadOnlyInline):
    model = Move
    fields = readonly_fields = ("at", "from_location", "to_location", "by", "reason")
    ordering = ("-at",)
    per_page = 25

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: QuerySet[Move] = super().get_queryset(request)
        return rows.select_related("from_location", "to_location", "by")


class DiagramInline(ReadOnlyInline):
    model = TechnicalDiagram
    drawing = linked(_("drawing"))
    fields = readonly_fields = ("drawing", "kind", "created_at")

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.living().order_by("title", "-version")


@admin.register(Equipment)
class EquipmentAdmin(RecordAdmin):
    """Machines. Code and status have no field: one never changes, the other is set by its action."""

    list_display = ("equipment_code", "equipment_name", "shown_status", "location", "category", "criticality")
    list_display_links = ("equipment_code", "equipment_name")
    list_filter = ("status", SiteFilter, "criticality", "category")
    empty_note = _("Add the first machine: a code from its label and a name are enough.")
    list_select_related = ("location", "category")
    search_fields = ("equipment_code", "equipment_name", "serial_number", "asset_number")
    autocomplete_fields = ("location", "parent", "category")
    ordering = ("equipment_code",)
    inlines = (StatusLogInline, AssignmentInline, MoveInline, DiagramInline)
    actions = ("move", "set_status", "retire", "rotate_qr_code", "restore")
    actions_detail = (
        "set_status_button",
        {"title": _("More"), "items": ["move_button", "rotate_qr_code_button", "retire_button"]},
    )
    fieldsets = (
        (
            None,
            {"fields": ("equipment_code", "equipment_name", "shown_status", "criticality", "category", "description")},
        ),
        (_("Where"), {"fields": ("location", "parent", "plan_x", "plan_y")}),
        (_("Nameplate"), {"fields": ("manufacturer", "model", "serial_number", "asset_number", "metadata")}),
        (_("Dates"), {"fields": ("installed_date", "warranty_end_date", "retired_date")}),
        (_("Record"), {"fields": ("public_page", "qr_rotated_at", "created_by", "created_at", "updated_at")}),
    )

    add_fieldsets = (
        (None, {"fields": ("equipment_code", "equipment_name", "criticality", "category", "description")}),
        *fieldsets[1:-1],
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = ("shown_status", "public_page", "qr_rotated_at", "created_by", "created_at", "updated_at")
        return (*fixed, "equipment_code") if obj else fixed

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj else ()

    @staticmethod
    def changes(record: Any, changed: list[str]) -> dict[str, Any]:
        return {**RecordAdmin.changes(record, changed), "at": timezone.now()}

    @admin.display(description=_("status"), ordering="status")
    def shown_status(self, machine: Equipment) -> str:
        return badge(machine.get_status_display(), STATUS_COLOURS[machine.status])

    @admin.display(description=_("page for passers-by"))
    def public_page(self, machine: Equipment) -> str:
        """What the public QR code opens."""
        url = labels.report_url(machine)
        return format_html('<a href="{0}">{0}</a>', url) if url else gettext("Off (PUBLIC_REPORTS_ENABLED)")

    @confirmed(MoveForm, _("Move to another place"))
    def move(self, request: HttpRequest, machine: Equipment, data: dict[str, Any]) -> None:
        machine.move_to(data["location"], by=caller(request), at=timezone.now(), reason=data["reason"])

    @confirmed(StatusForm, _("Set status"))
    def set_status(self, request: HttpRequest, machine: Equipment, data: dict[str, Any]) -> None:
        machine.set_status(status=data["status"], by=caller(request), at=timezone.now(), reason=data["reason"])

    @confirmed(RetireForm, _("Retire"))
    def retire(self, request: HttpRequest, machine: Equipment, data: dict[str, Any]) -> None:
        machine.retire(by=caller(request), on=data["on"])

    @confirmed(ActionForm, _("Replace the QR code"))
    def rotate_qr_code(self, request: HttpRequest, machine: Equipment, data: dict[str, Any]) -> None:
        machine.rotate_qr_code(by=caller(request), at=timezone.now())

    move_button, set_status_button = button(move), button(set_status)
    retire_button, rotate_qr_code_button = button(retire), button(rotate_qr_code)


class OnSite(SiteFilter):
    path = "equipment__location"


@admin.register(StatusInterval)
class StatusLogAdmin(ReadOnlyAdmin):
    """When machines were down. What can be said afterwards is whether it counts."""

    empty_note = _("No machine has been down. A fault that stops one, or its status set by hand, is written here.")
    list_display = (
        "equipment",
        "shown_status",
        "started_at",
        "ended_at",
        "source",
        "counts_as_failure",
        "exclusion_reason",
    )
    list_filter = ("status", OnSite, "source", "counts_as_failure", "exclusion_reason", ("started_at", PeriodFilter))
    list_select_related = ("equipment",)
    search_fields = ("equipment__equipment_code", "equipment__equipment_name", "reason")
    ordering = ("-started_at", "-id")
    actions = ("count_or_not",)

    def get_queryset(self, request: HttpRequest) -> Any:
        visible = Equipment.objects.for_user(caller(request))
        return super().get_queryset(request).filter(equipment__in=visible)

    def has_judge_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("equipment.change_statusinterval"))

    @admin.display(description=_("status"), ordering="status")
    def shown_status(self, interval: StatusInterval) -> str:
        return badge(interval.get_status_display(), STATUS_COLOURS[interval.status])

    @confirmed(ExclusionForm, _("Say whether it counts as a failure"), permission="judge")
    def count_or_not(self, request: HttpRequest, interval: StatusInterval, data: dict[str, Any]) -> None:
        interval.exclude(reason=data["reason"], by=caller(request))


@admin.register(Move)
class MoveAdmin(ReadOnlyAdmin):
    """Where machines were carried."""

    empty_note = _("No machine has been moved. The machine's page has a button for it.")
    list_display = ("equipment", "from_location", "to_location", "at", "by")
    list_select_related = ("equipment", "from_location", "to_location", "by")
    search_fields = ("equipment__equipment_code", "equipment__equipment_name", "reason")
    ordering = ("-at", "-id")

    def get_queryset(self, request: HttpRequest) -> Any:
        visible = Equipment.objects.for_user(caller(request))
        return super().get_queryset(request).filter(equipment__in=visible)


class MachineInline(ReadOnlyInline):
    """The machines that stand in a place."""

    model = Equipment
    machine = linked(_("machine"))
    fields = readonly_fields = ("machine", "status", "category", "criticality")
    verbose_name_plural = _("machines here")
    ordering = ("equipment_code",)
    per_page = 50

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.living().select_related("category")


add_tabs(Location, MachineInline)
