from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from equipment.admin.machines import OnSite
from equipment.models import TechnicalDiagram, UserEquipmentAssignment
from faultreporter.accounts.authentication import caller
from faultreporter.attachments.admin import thumbnail_tag
from locations.backoffice import ActionForm, RecordAdmin, confirmed


@admin.register(UserEquipmentAssignment)
class AssignmentAdmin(RecordAdmin):
    """Who looks after which machine."""

    list_display = ("equipment", "user", "role", "starts_at", "ends_at")
    list_filter = ("role", OnSite)
    empty_note = _("Say who looks after which machine: they see it in their app and hear of its faults.")
    list_select_related = ("equipment", "user")
    search_fields = ("equipment__equipment_code", "equipment__equipment_name", "user__display_name", "user__email")
    autocomplete_fields = ("user", "equipment")
    ordering = ("-created_at", "-id")
    actions = ("end",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("user", "equipment") if obj else ()

    @confirmed(ActionForm, _("End now"))
    def end(self, request: HttpRequest, assignment: UserEquipmentAssignment, data: dict[str, Any]) -> None:
        assignment.change(by=caller(request), ends_at=timezone.now())


@admin.register(TechnicalDiagram)
class DiagramAdmin(RecordAdmin):
    """Drawings. A new file is a new revision, which is added over the API."""

    list_display = ("title", "equipment", "kind", "version", "created_at")
    list_filter = ("kind", OnSite)
    empty_note = _("Add a drawing of a machine: upload the file under Attachments first.")
    list_select_related = ("equipment",)
    search_fields = ("title", "equipment__equipment_code", "equipment__equipment_name")
    autocomplete_fields = ("equipment", "attachment")
    ordering = ("-created_at", "-id")
    fields = ("equipment", "title", "kind", "version", "attachment", "preview", "hotspots", "supersedes")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = ("version", "preview", "supersedes")
        return (*fixed, "equipment", "attachment") if obj else fixed

    @admin.display(description=_("drawing"))
    def preview(self, diagram: TechnicalDiagram) -> SafeString | str:
        return thumbnail_tag(diagram.attachment, edge=320) if diagram.attachment_id else "–"
