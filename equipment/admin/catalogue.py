from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from equipment.models import Category, FailureMode
from faultreporter.backoffice import ModelAdmin, ReadOnlyInline, RecordForm, linked
from locations.backoffice import RecordAdmin


class LinesField(forms.CharField):
    """A list of texts, one a line."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != self.to_python(data))


class FailureModeForm(RecordForm):
    keywords = LinesField(label=_("Keywords"), required=False, help_text=_("One a line, in small letters."))
    typical_causes = LinesField(label=_("Typical causes"), required=False, help_text=_("One a line."))


class CatalogueAdmin(RecordAdmin):
    """Plain records: Django's own way of storing them will do."""

    def create_record(self, request: HttpRequest, record: Any) -> None:
        ModelAdmin.create_record(self, request, record)

    def change_record(self, request: HttpRequest, record: Any, changed: list[str]) -> None:
        record.save(update_fields=changed)


class FailureModeInline(ReadOnlyInline):
    """How machines of the category fail."""

    model = FailureMode
    mode = linked(_("failure mode"))
    fields = readonly_fields = ("mode", "code", "mechanism")

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.living().order_by("code")


@admin.register(Category)
class CategoryAdmin(CatalogueAdmin):
    """Kinds of machines."""

    list_display = ("code", "name", "machines", "modes")
    list_display_links = ("code", "name")
    search_fields = ("code", "name")
    ordering = ("code",)
    inlines = (FailureModeInline,)

    def get_queryset(self, request: HttpRequest) -> Any:
        living = Q(equipment__deleted_at=None), Q(failure_modes__deleted_at=None)
        return super().get_queryset(request).annotate(
            machine_count=Count("equipment", filter=living[0], distinct=True),
            mode_count=Count("failure_modes", filter=living[1], distinct=True),
        )  # fmt: skip

    @admin.display(description=_("machines"), ordering="machine_count")
    def machines(self, category: Any) -> int:
        return int(category.machine_count)

    @admin.display(description=_("failure modes"), ordering="mode_count")
    def modes(self, category: Any) -> int:
        return int(category.mode_count)


@admin.register(FailureMode)
class FailureModeAdmin(CatalogueAdmin):
    """Ways in which machines fail."""

    form = FailureModeForm
    list_display = ("code", "name", "category", "mechanism")
    list_display_links = ("code", "name")
    list_filter = ("category",)
    list_select_related = ("category",)
    search_fields = ("code", "name", "keywords")
    autocomplete_fields = ("category",)
    ordering = ("code",)
