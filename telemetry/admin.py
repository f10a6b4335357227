from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import ModelAdmin, ReadOnlyAdmin, ReadOnlyInline
from telemetry.history import read_page
from telemetry.models import DeviceKey, LatestReading, Metric, Rule, RuleState, Series

SHOWN_READINGS = 20


def changes_of(record: Any, changed: list[str]) -> dict[str, Any]:
    """The form's changed fields that are columns; it writes the others itself."""
    columns = {field.name for field in record._meta.concrete_fields}
    return {name: getattr(record, name) for name in changed if name in columns}


@admin.register(Metric)
class MetricAdmin(ModelAdmin):
    list_display = ("code", "name", "unit", "physical_min", "physical_max")
    search_fields = ("code", "name")
    ordering = ("code",)
    fields = ("code", "name", "description", "unit", ("physical_min", "physical_max"))

    def change_record(self, request: HttpRequest, record: Metric, changed: list[str]) -> None:
        Metric.objects.get(pk=record.pk).change(by=caller(request), **changes_of(record, changed))


@admin.register(Series)
class SeriesAdmin(ModelAdmin):
    """Series come into being with their first reading; nobody adds or deletes one."""

    list_display = ("id", "equipment", "metric", "latest_value", "latest_at")
    list_display_links = ("id", "equipment")
    list_filter = ("metric",)
    list_select_related = ("equipment", "metric", "latest")
    search_fields = ("equipment__equipment_code", "equipment__equipment_name", "metric__code")
    ordering = ("-id",)
    fields = ("equipment", "metric", "expected_interval_s", "created_at", "recent_readings")
    readonly_fields = ("equipment", "metric", "created_at", "recent_readings")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("latest value"))
    def latest_value(self, series: Series) -> str:
        return f"{series.latest.value:g} {series.metric.unit}" if hasattr(series, "latest") else "–"

    @admin.display(description=_("latest at"), ordering="latest__recorded_at")
    def latest_at(self, series: Series) -> Any:
        return series.latest.recorded_at if hasattr(series, "latest") else None

    @admin.display(description=_("recent readings"))
    def recent_readings(self, series: Series) -> SafeString:
        page = read_page([series], since=None, until=None, after=None, limit=SHOWN_READINGS)
        rows = (
            (f"{line.recorded_at:%Y-%m-%d %H:%M:%S}", f"{line.value:g} {series.metric.unit}") for line in page.lines
        )
        return format_html_join("", "<div>{} · {}</div>", rows)


@admin.register(LatestReading)
class LatestReadingAdmin(ReadOnlyAdmin):
    list_display = ("equipment", "metric", "reading", "recorded_at")
    list_filter = ("series__metric",)
    list_select_related = ("series__equipment", "series__metric")
    search_fields = ("series__equipment__equipment_code", "series__equipment__equipment_name")
    ordering = ("-series",)

    @admin.display(description=_("equipment"), ordering="series__equipment__equipment_code")
    def equipment(self, latest: LatestReading) -> str:
        return str(latest.series.equipment)

    @admin.display(description=_("metric"), ordering="series__metric__code")
    def metric(self, latest: LatestReading) -> str:
        return latest.series.metric.name

    @admin.display(description=_("value"))
    def reading(self, latest: LatestReading) -> str:
        return f"{latest.value:g} {latest.series.metric.unit}"


class RuleStateInline(ReadOnlyInline):
    model = RuleState
    fields = ("series", "state", "since", "last_evaluated_at")
    verbose_name_plural = _("where it fires now")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleState]:
        states: QuerySet[RuleState] = super().get_queryset(request).filter(state=RuleState.State.FIRING)
        return states.select_related("series__equipment", "series__metric")


@admin.register(Rule)
class RuleAdmin(ModelAdmin):
    list_display = ("title", "metric", "limit", "watched", "severity", "is_enabled", "firing")
    list_filter = ("severity", "is_enabled", "metric")
    list_select_related = ("metric", "equipment", "category")
    search_fields = ("title", "equipment__equipment_code", "equipment__equipment_name", "category__name")
    ordering = ("-created_at", "-id")
    autocomplete_fields = ("equipment", "category", "metric")
    fields = (
        "title", ("equipment", "category"), "metric", "comparison", ("trigger_value", "clear_value"), "severity",
        "is_enabled",
    )  # fmt: skip
    inlines = (RuleStateInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        return rows.with_firing_count()  # type: ignore[no-any-return]

    def create_record(self, request: HttpRequest, record: Rule) -> None:
        fields = {field.name: getattr(record, field.name) for field in Rule._meta.concrete_fields}
        for name in ("created_by", "effective_from", "deleted_at", "deleted_by"):
            fields.pop(name)
        Rule.add(by=caller(request), at=timezone.now(), **fields)

    def change_record(self, request: HttpRequest, record: Rule, changed: list[str]) -> None:
        stored = Rule.objects.get(pk=record.pk)
        stored.change(by=caller(request), at=timezone.now(), **changes_of(record, changed))

    @admin.display(description=_("limit"), ordering="trigger_value")
    def limit(self, rule: Rule) -> str:
        sign = ">" if rule.comparison == Rule.Comparison.ABOVE else "<"
        return f"{sign} {rule.trigger_value:g} {rule.metric.unit}"

    @admin.display(description=_("watches"))
    def watched(self, rule: Rule) -> str:
        return str(rule.equipment or rule.category)

    @admin.display(description=_("fires on"), ordering="firing_count")
    def firing(self, rule: Any) -> int:
        return int(rule.firing_count)


@admin.register(RuleState)
class RuleStateAdmin(ReadOnlyAdmin):
    list_display = ("rule", "series", "state", "since", "last_evaluated_at")
    list_filter = ("state",)
    list_select_related = ("rule", "series__equipment", "series__metric")
    search_fields = ("rule__title", "series__equipment__equipment_code")
    ordering = ("-since", "-id")


@admin.register(DeviceKey)
class DeviceKeyAdmin(ModelAdmin):
    list_display = ("name", "prefix", "all_equipment", "last_used_at", "previous_expires_at", "created_at")
    list_filter = ("all_equipment",)
    search_fields = ("name", "prefix")
    ordering = ("-created_at", "-id")
    autocomplete_fields = ("equipment",)
    fields = ("name", "all_equipment", "equipment", "prefix", "last_used_at", "previous_expires_at")
    readonly_fields = ("prefix", "last_used_at", "previous_expires_at")
    actions = ("rotate",)

    def create_record(self, request: HttpRequest, record: DeviceKey) -> None:
        plain = record.issue_as(by=caller(request))
        self.show(request, record, plain)

    def change_record(self, request: HttpRequest, record: DeviceKey, changed: list[str]) -> None:
        record.change(by=caller(request), **changes_of(record, changed))

    @admin.action(description=_("Rotate: a new key beside the present one"))
    def rotate(self, request: HttpRequest, queryset: QuerySet[DeviceKey]) -> None:
        for key in queryset:
            self.show(request, key, key.rotate(by=caller(request), at=timezone.now()))

    def show(self, request: HttpRequest, key: DeviceKey, plain: str) -> None:
        message = gettext("The key of %(name)s, shown only now: %(key)s") % {"name": key.name, "key": plain}
        self.message_user(request, message, messages.WARNING)
