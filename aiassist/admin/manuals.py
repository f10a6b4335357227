from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from aiassist.models import Manual
from faultreporter.accounts.authentication import caller
from faultreporter.attachments.admin import thumbnail_tag
from faultreporter.backoffice import badge
from locations.backoffice import RecordAdmin, tell_count

STATUS_COLOURS = {"PENDING": "info", "READY": "success", "FAILED": "danger"}


@admin.register(Manual)
class ManualAdmin(RecordAdmin):
    """Makers' handbooks. The file is uploaded beside the field; its pages are read in the background."""

    empty_note = _("Upload the makers' handbooks as PDFs with text: answers about machines can then cite their pages.")
    list_display = ("title", "category", "manufacturer", "model", "state", "page_count", "failure")
    list_display_links = ("title",)
    list_filter = ("status", "category")
    list_select_related = ("category",)
    search_fields = ("title", "manufacturer", "model")
    autocomplete_fields = ("category", "attachment")
    ordering = ("title",)
    fields = ("category", "title", "manufacturer", "model", "attachment", "paper", "state", "page_count", "failure")
    readonly_fields = ("paper", "state", "page_count", "failure")
    actions = ("read_again", "restore")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.readonly_fields, "attachment") if obj else self.readonly_fields

    @admin.display(description=_("status"), ordering="status")
    def state(self, manual: Manual) -> str:
        return badge(manual.get_status_display(), STATUS_COLOURS[manual.status])

    @admin.display(description=_("file"))
    def paper(self, manual: Manual) -> str:
        return thumbnail_tag(manual.attachment, edge=48) if manual.attachment_id else "–"

    @admin.action(description=_("Read selected manuals again"), permissions=["change"])
    def read_again(self, request: HttpRequest, queryset: QuerySet[Manual]) -> None:
        manuals = list(queryset)
        for manual in manuals:
            manual.read_again(by=caller(request))
        tell_count(self, request, len(manuals))
