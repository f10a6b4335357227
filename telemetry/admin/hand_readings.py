"""Who read which dial, in the back office."""

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from faultreporter.backoffice import PeriodFilter, ReadOnlyAdmin, link_to
from locations.backoffice import SiteFilter
from telemetry.models import HandReading
from telemetry.units import quantity


class SiteOfReading(SiteFilter):
    path = "series__equipment__location"


@admin.register(HandReading)
class HandReadingAdmin(ReadOnlyAdmin):
    empty_note = _("Nobody has typed a reading yet. The page of a series has a button for it.")
    list_display = ("recorded_at", "equipment", "metric", "reading", "by", "note", "is_confirmed", "created_at")
    list_filter: Any = (
        ("by", admin.RelatedOnlyFieldListFilter), "series__metric", SiteOfReading, ("recorded_at", PeriodFilter),
        "is_confirmed",
    )  # fmt: skip
    list_select_related = ("series__equipment", "series__metric", "by")
    search_fields = ("series__equipment__equipment_code", "series__equipment__equipment_name", "note")
    ordering = ("-recorded_at", "-id")
    fields = ("equipment", "metric", "reading", "recorded_at", "by", "note", "is_confirmed", "created_at")
    readonly_fields = fields

    @admin.display(description=_("equipment"), ordering="series__equipment__equipment_code")
    def equipment(self, taken: HandReading) -> SafeString | str:
        return link_to(taken.series.equipment)

    @admin.display(description=_("metric"), ordering="series__metric__code")
    def metric(self, taken: HandReading) -> SafeString | str:
        return link_to(taken.series, taken.series.metric.name)

    @admin.display(description=_("value"))
    def reading(self, taken: HandReading) -> str:
        return quantity(taken.value, taken.series.metric.unit)
