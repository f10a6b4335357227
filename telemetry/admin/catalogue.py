from datetime import timedelta
from operator import itemgetter
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import localize
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from equipment.admin.machines import OnSite
from equipment.models import Equipment
from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import (
    ModelAdmin,
    PeriodFilter,
    ReadOnlyAdmin,
    ReadOnlyInline,
    RecordForm,
    add_button,
    add_tabs,
    badge,
    fillable,
    link_to,
)
from locations.backoffice import SiteFilter
from telemetry.admin.enter_page import enter_a_reading, enter_link
from telemetry.admin.live_page import live_link
from telemetry.admin.void_page import void_readings
from telemetry.charts import curves
from telemetry.charts.drawing import rules_in_force, told
from telemetry.charts.sparklines import sparkline, with_day
from telemetry.models import DeviceKey, LatestReading, Metric, Series
from telemetry.models.rule_kinds import seconds
from telemetry.units import symbol

SHOWN = timedelta(days=1)


class OnSiteOfSeries(SiteFilter):
    path = "series__equipment__location"


def changes_of(record: Any, changed: list[str]) -> dict[str, Any]:
    """The form's changed fields that are columns; it writes the others itself."""
    columns = {field.name for field in record._meta.concrete_fields}
    return {name: getattr(record, name) for name in changed if name in columns}


class MetricForm(RecordForm):
    def check_record(self) -> None:
        self.instance.check_unit()


class UnitFilter(admin.SimpleListFilter):
    """Units as people write them."""

    title = _("unit")
    parameter_name = "unit"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        codes = Metric.objects.living().order_by("unit").values_list("unit", flat=True).distinct()
        return sorted(((code, symbol(code) or gettext("none")) for code in codes), key=itemgetter(1))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else queryset.filter(unit=self.value())


@admin.register(Metric)
class MetricAdmin(ModelAdmin):
    form = MetricForm
    list_display = ("code", "name", "kind", "shown_unit", "plausible", "brick_class")
    list_display_links = ("code", "name")
    list_filter = ("kind", UnitFilter)
    search_fields = ("code", "name", "brick_class")
    ordering = ("code",)
    fields = ("code", "name", "description", ("unit", "kind"), ("physical_min", "physical_max"), "brick_class")

    def change_record(self, request: HttpRequest, record: Metric, changed: list[str]) -> None:
        Metric.objects.get(pk=record.pk).change(by=caller(request), **changes_of(record, changed))

    @admin.display(description=_("unit"), ordering="unit")
    def shown_unit(self, metric: Metric) -> str:
        return symbol(metric.unit) or "–"

    @admin.display(description=_("plausible values"))
    def plausible(self, metric: Metric) -> str:
        low, high = ("…" if edge is None else f"{edge:,.12g}" for edge in (metric.physical_min, metric.physical_max))
        return gettext("%(low)s to %(high)s") % {"low": low, "high": high}


class LatestColumns:
    """The newest value of a series, its time, and the day up to now."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Series]:
        rows: QuerySet[Series] = super().get_queryset(request)  # type: ignore[misc]  # the admin's
        return with_day(rows.select_related("equipment", "metric", "latest"), at=timezone.now())

    @admin.display(description=_("latest value"))
    def latest_value(self, series: Series) -> str:
        return told(series.latest, series.metric.unit) if hasattr(series, "latest") else "–"

    @admin.display(description=_("last 24 hours"))
    def day(self, series: Any) -> SafeString | str:
        return sparkline(series.day, series.metric.unit, at=timezone.now())

    @admin.display(description=_("latest at"), ordering="latest__recorded_at")
    def latest_at(self, series: Series) -> str:
        return localize(timezone.localtime(series.latest.recorded_at)) if hasattr(series, "latest") else "–"


class StaleFilter(admin.SimpleListFilter):
    """Series whose readings have stayed away for three expected intervals, for one where people read."""

    title = _("readings")
    parameter_name = "stale"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", gettext("Overdue")), ("no", gettext("In time"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in {"yes", "no"}:
            return queryset
        rows: Any = queryset
        return rows.with_staleness(timezone.now()).filter(is_stale=self.value() == "yes")  # type: ignore[no-any-return]


@admin.register(Series)
class SeriesAdmin(LatestColumns, ModelAdmin):
    """Series come into being with their first reading; nobody adds or deletes one."""

    empty_note = _(
        "A series begins with its first reading: let a gateway send some with a device key, or enter one by hand on the"
        " page of a machine."
    )
    list_display = ("equipment", "metric", "latest_value", "latest_at", "day", "expected", "live")
    list_filter = ("metric", "metric__kind", "read_by_hand", StaleFilter, OnSite)
    search_fields = ("equipment__equipment_code", "equipment__equipment_name", "metric__code")
    ordering = ("equipment__equipment_code", "metric__code")
    fields = (
        "equipment",
        "metric",
        "latest_value",
        "latest_at",
        "chart",
        ("expected_interval_s", "read_by_hand"),
        ("gateway", "created_at"),
    )
    readonly_fields = ("equipment", "metric", "latest_value", "latest_at", "chart", "gateway", "created_at")
    actions_detail = ("enter_a_reading",)
    enter_a_reading = enter_a_reading

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @property
    def media(self) -> Any:
        return super().media + curves.MEDIA

    @admin.display(description=_("readings"))
    def chart(self, series: Series) -> str:
        """The last day that has any, with the limits in force."""
        if not hasattr(series, "latest"):
            return "–"
        newest = series.latest.recorded_at
        rules = rules_in_force(series.equipment).filter(metric=series.metric)
        return curves.curve(series, since=newest - SHOWN, until=newest + timedelta(minutes=1), rules=rules)

    @admin.display(description=_("expected every"), ordering="expected_interval_s")
    def expected(self, series: Series) -> str:
        return seconds(series.expected_interval_s) if series.expected_interval_s else "–"

    @admin.display(description=_("live"))
    def live(self, series: Series) -> SafeString:
        return live_link(series.equipment)


class SeriesInline(LatestColumns, ReadOnlyInline):
    """What is measured on a machine."""

    model = Series
    fields = readonly_fields = ("measured", "latest_value", "latest_at", "day", "enter")
    ordering = ("metric__code",)
    verbose_name_plural = _("readings")
    empty_note = _(
        "Nothing is measured on this machine yet. Its live page says how to send a first reading; the button above"
        " takes one that you have read yourself."
    )
    per_page = 50

    @admin.display(description=_("metric"))
    def measured(self, series: Series) -> SafeString | str:
        return link_to(series, series.metric.name)

    @admin.display(description="")
    def enter(self, series: Series) -> SafeString:
        return enter_link(series)


add_tabs(Equipment, SeriesInline)


add_button(Series, void_readings)


@admin.register(LatestReading)
class LatestReadingAdmin(ReadOnlyAdmin):
    empty_note = _("No reading has come yet: let a gateway send some with a device key.")
    list_display = ("equipment", "metric", "reading", "recorded_at", "day", "live")
    list_display_links = None  # every column's own link says more
    list_filter = ("series__metric", OnSiteOfSeries)
    list_select_related = ("series__equipment", "series__metric")
    search_fields = ("series__equipment__equipment_code", "series__equipment__equipment_name")
    ordering = ("series__equipment__equipment_code", "series__metric__code")
    fields = ("equipment", "metric", "reading", "recorded_at", "received_at", "previous_at", "live")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LatestReading]:
        rows: QuerySet[LatestReading] = super().get_queryset(request)
        return with_day(rows.filter(series__in=Series.objects.for_user(caller(request))), at=timezone.now())

    @admin.display(description=_("equipment"), ordering="series__equipment__equipment_code")
    def equipment(self, latest: LatestReading) -> SafeString | str:
        return link_to(latest.series.equipment)

    @admin.display(description=_("metric"), ordering="series__metric__code")
    def metric(self, latest: LatestReading) -> SafeString | str:
        return link_to(latest.series, latest.series.metric.name)

    @admin.display(description=_("value"))
    def reading(self, latest: LatestReading) -> str:
        return told(latest, latest.series.metric.unit)

    @admin.display(description=_("last 24 hours"))
    def day(self, latest: Any) -> SafeString | str:
        return sparkline(latest.day, latest.series.metric.unit, at=timezone.now())

    @admin.display(description=_("live"))
    def live(self, latest: LatestReading) -> SafeString:
        return live_link(latest.series.equipment)


class DeviceKeyForm(RecordForm):
    def check_record(self) -> None:
        self.instance.check_reach(self.cleaned_data["equipment"])


@admin.register(DeviceKey)
class DeviceKeyAdmin(ModelAdmin):
    form = DeviceKeyForm
    empty_note = _("Add a key for a gateway. Its plain text is shown once, after saving.")
    list_display = ("name", "device_id", "prefix", "reach", "last_used_at", "previous_expires_at", "created_at")
    list_filter = ("all_equipment", ("last_used_at", PeriodFilter))
    search_fields = ("name", "device_id", "prefix", "equipment__equipment_code")
    ordering = ("-created_at", "-id")
    autocomplete_fields = ("equipment",)
    fields = ("name", "device_id", "all_equipment", "equipment", "prefix", "last_used_at", "previous_expires_at")
    readonly_fields = ("prefix", "last_used_at", "previous_expires_at")
    actions = ("rotate",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return fillable(self, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[DeviceKey] = super().get_queryset(request)
        return rows.annotate(machines=Count("equipment"))

    @admin.display(description=_("sends for"))
    def reach(self, key: Any) -> str:
        if key.all_equipment:
            return gettext("all equipment")
        if not key.machines:
            return badge(gettext("no machine"), "danger")
        return str(ngettext("%d machine", "%d machines", key.machines) % key.machines)

    def create_record(self, request: HttpRequest, record: DeviceKey) -> None:
        plain = record.issue_as(by=caller(request))
        self.show(request, record, plain)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            changes = changes_of(obj, form.changed_data)
            obj.change(by=caller(request), equipment=form.cleaned_data["equipment"], **changes)
        else:
            super().save_model(request, obj, form, change)

    @admin.action(description=_("Rotate: a new key beside the present one"))
    def rotate(self, request: HttpRequest, queryset: QuerySet[DeviceKey]) -> None:
        for key in queryset:
            self.show(request, key, key.rotate(by=caller(request), at=timezone.now()))

    def show(self, request: HttpRequest, key: DeviceKey, plain: str) -> None:
        message = gettext("The key of %(name)s, shown only now: %(key)s") % {"name": key.name, "key": plain}
        self.message_user(request, message, messages.WARNING)
