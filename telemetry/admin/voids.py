"""What was declared void, in the back office."""

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import ReadOnlyAdmin, ReadOnlyInline, badge, link_to
from locations.backoffice import ActionForm, button, confirmed
from telemetry import voiding
from telemetry.models import ReadingVoid, VoidedSeries

LINES = VoidedSeries.objects.select_related("series__metric", "series__equipment").order_by("series_id")


class StandsFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "stands"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Void")), ("no", _("Taken back"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        rows: Any = queryset
        chosen: QuerySet[Any] = {"yes": rows.active, "no": rows.taken_back}.get(self.value() or "", rows.all)()
        return chosen


class VoidedSeriesInline(ReadOnlyInline):
    model = VoidedSeries
    fields = readonly_fields = ("machine", "metric", "readings")
    ordering = ("series_id",)
    verbose_name_plural = _("series")

    def get_queryset(self, request: HttpRequest) -> QuerySet[VoidedSeries]:
        rows: QuerySet[VoidedSeries] = super().get_queryset(request)
        return rows.select_related("series__equipment", "series__metric")

    @admin.display(description=_("machine"))
    def machine(self, line: VoidedSeries) -> SafeString | str:
        return link_to(line.series.equipment)

    @admin.display(description=_("metric"))
    def metric(self, line: VoidedSeries) -> SafeString | str:
        return link_to(line.series, line.series.metric.name)


@admin.register(ReadingVoid)
class ReadingVoidAdmin(ReadOnlyAdmin):
    """Declared on the page of a series; taken back here."""

    empty_note = _("A sensor that stuck, a wrong unit, a test: the button Void readings on the page of a series.")
    list_display = ("reason", "about", "since", "until", "count", "state", "created_by", "created_at")
    list_filter = (StandsFilter, "created_by")
    list_select_related = ("created_by",)
    search_fields = ("reason", "lines__series__equipment__equipment_code")
    ordering = ("-created_at", "-id")
    fields = (
        "reason", ("since", "until"), ("state", "count"), ("created_by", "created_at"),
        ("taken_back_by", "taken_back_at"),
    )  # fmt: skip
    readonly_fields = ("state", "count", "created_at", "taken_back_by", "taken_back_at", "created_by")
    inlines = (VoidedSeriesInline,)
    actions = ("take_back",)
    actions_detail = ("take_back_button",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReadingVoid]:
        rows: Any = super().get_queryset(request)
        found: QuerySet[ReadingVoid] = rows.with_readings().prefetch_related(Prefetch("lines", LINES))
        return found

    def has_take_back_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("telemetry.change_readingvoid"))

    @confirmed(ActionForm, _("Take back"), permission="take_back")
    def take_back(self, request: HttpRequest, void: ReadingVoid, data: dict[str, Any]) -> None:
        voiding.take_back(void, by=caller(request), at=timezone.now())

    take_back_button = button(take_back)

    @admin.display(description=_("series"))
    def about(self, void: ReadingVoid) -> SafeString:
        lines = [(link_to(line.series, str(line.series)),) for line in list(void.lines.all())[:3]]
        return format_html_join(", ", "{}", lines)

    @admin.display(description=_("readings"), ordering="readings")
    def count(self, void: Any) -> int:
        return int(void.readings or 0)

    @admin.display(description=_("state"), ordering="taken_back_at")
    def state(self, void: ReadingVoid) -> SafeString:
        if void.progress < 1:
            return badge(gettext("%(done)d %% done") % {"done": 100 * void.progress}, "info")
        return badge(gettext("Void"), "warning") if void.is_active else badge(gettext("Taken back"), "")
