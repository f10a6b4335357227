"""Meters, their exchanges and tariffs in the back office."""

import json
from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSplitDateTimeWidget, UnfoldAdminTextInputWidget

from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import ModelAdmin, ReadOnlyInline, RecordForm, fillable, link_to, plain_number
from locations.backoffice import ActionForm, SiteFilter, button, confirmed
from telemetry.admin.enter_page import enter_a_reading
from telemetry.metering.counters import Bucket
from telemetry.metering.meters import Consumption, consumption
from telemetry.models import Meter, MeterExchange, Quality, Series, Tariff, Utility
from telemetry.models.meters import STANDARD_UNITS
from telemetry.units import quantity, symbol

SHOWN = timedelta(days=31)
BARS = json.dumps(
    {
        "animation": False,
        "maintainAspectRatio": False,
        "plugins": {"legend": {"display": False}},
        "scales": {
            "x": {"grid": {"display": False}, "ticks": {"color": "#9ca3af", "maxRotation": 0, "maxTicksLimit": 8}},
            "y": {"beginAtZero": True, "ticks": {"color": "#9ca3af"}},
        },
    }
)


def dial_field(label: Any, **more: Any) -> forms.FloatField:
    words = _("As its dial shows it, in the unit of the readings.")
    return forms.FloatField(label=label, min_value=0, help_text=words, widget=UnfoldAdminDecimalFieldWidget, **more)


class ExchangeForm(ActionForm):
    at = forms.SplitDateTimeField(label=_("Replaced at"), widget=UnfoldAdminSplitDateTimeWidget)
    final = dial_field(_("Last reading of the old meter"))
    opening = dial_field(_("First reading of the new meter"), initial=0)
    note = forms.CharField(label=_("Note"), max_length=200, required=False, widget=UnfoldAdminTextInputWidget)


class MeterForm(RecordForm):
    blamed: ClassVar = {"check_iot_meters_subject": "equipment", "check_iot_meters_numbers": "factor"}

    def check_record(self) -> None:
        self.instance.settle()


class TariffForm(RecordForm):
    def check_constraints(self, exclude: Any = None) -> None:
        self.instance.settle_currency()
        super().check_constraints(exclude)

    def check_record(self) -> None:
        self.instance.check_site()


class ExchangeInline(ReadOnlyInline):
    model = MeterExchange
    fields = readonly_fields = ("at", "final", "initial", "note", "by")
    verbose_name_plural = _("exchanges")
    empty_note = _("It is the first meter here. The button above records that another one has taken its place.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MeterExchange]:
        rows: QuerySet[MeterExchange] = super().get_queryset(request)
        return rows.select_related("by")


class OnSiteOfSensor(SiteFilter):
    path = "series__equipment__location"


@admin.register(Meter)
class MeterAdmin(ModelAdmin):
    form = MeterForm
    empty_note = _("Add a meter to a series of counter readings, and say what it supplies.")
    list_display = ("name", "utility", "supplies", "dial", "read_at", "parent")
    list_filter = ("utility", OnSiteOfSensor)
    list_select_related = ("series__latest",)
    search_fields = (
        "name",
        "serial_number",
        "equipment__equipment_code",
        "equipment__equipment_name",
        "location__name",
    )
    autocomplete_fields = ("series", "equipment", "location", "parent")
    ordering = ("name", "id")
    fields = (
        ("name", "serial_number"), "series", "utility", ("equipment", "location"), "parent", ("unit", "factor"),
        ("rolls_over_at", "max_per_hour"), "use",
    )  # fmt: skip
    readonly_fields = ("use",)
    inlines = (ExchangeInline,)
    actions = ("exchange",)
    actions_detail = ("enter_a_reading", "exchange_button")
    enter_a_reading = enter_a_reading

    def get_queryset(self, request: HttpRequest) -> QuerySet[Meter]:
        rows: QuerySet[Meter] = super().get_queryset(request)
        joined = ("series__metric", "series__equipment", "equipment__location__site", "location__site", "parent")
        return rows.select_related(*joined)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return fillable(self, obj)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "series":
            kwargs["queryset"] = Series.objects.select_related("equipment", "metric")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if "unit" in form.base_fields:
            form.base_fields["unit"].required = False  # the metric's own, then
        return form

    def create_record(self, request: HttpRequest, record: Meter) -> None:
        record.settle()
        record.save(force_insert=True)

    def change_record(self, request: HttpRequest, record: Meter, changed: list[str]) -> None:
        changes = {name: getattr(record, name) for name in changed}
        Meter.objects.get(pk=record.pk).change(by=caller(request), **changes)

    @confirmed(ExchangeForm, _("Record an exchange"))
    def exchange(self, request: HttpRequest, meter: Meter, data: dict[str, Any]) -> None:
        opening = data.pop("opening")  # a form has an `initial` of its own
        meter.record_exchange(by=caller(request), now=timezone.now(), initial=opening, **data)

    exchange_button = button(exchange)

    @admin.display(description=_("supplies"))
    def supplies(self, meter: Meter) -> SafeString | str:
        return link_to(meter.equipment or meter.location)

    @admin.display(description=_("dial"))
    def dial(self, meter: Meter) -> str:
        if not hasattr(meter.series, "latest"):
            return "–"
        if meter.series.latest.quality is Quality.VOID:
            return gettext("void")
        return quantity(meter.series.latest.value, meter.series.metric.unit)

    @admin.display(description=_("read at"), ordering="series__latest__recorded_at")
    def read_at(self, meter: Meter) -> Any:
        return meter.series.latest.recorded_at if hasattr(meter.series, "latest") else None

    @admin.display(description=_("use by day"))
    def use(self, meter: Meter) -> str:
        if meter._state.adding:
            return "–"
        zone, until = meter.zone(), timezone.now()
        found = consumption(meter, since=until - SHOWN, until=until, bucket=Bucket.DAY, zone=zone)
        return render_to_string("admin/telemetry/meter_use.html", shown(meter, found, zone))


def shown(meter: Meter, found: Consumption, zone: Any) -> dict[str, Any]:
    """A bar and a row a day; the two days at the ends are parts of days."""
    if found.total is None:
        return {"chart": None}
    days = [date_format(use.start.astimezone(zone), "j M") for use in found.uses]
    data = {
        "labels": days,
        "datasets": [{"data": [use.amount for use in found.uses], "backgroundColor": "#9333ea"}],
    }
    rows = [
        {
            "day": day,
            "amount": use.amount,
            "estimated": 100 * use.estimated_share,
            "coverage": 100 * use.coverage,
        }
        for day, use in zip(days, found.uses, strict=True)
    ]
    return {
        "chart": json.dumps(data),
        "options": BARS,
        "rows": rows[::-1],
        "unit": symbol(meter.unit),
        "total": found.total,
        "coverage": 100 * found.coverage,
    }


@admin.register(Tariff)
class TariffAdmin(ModelAdmin):
    form = TariffForm
    empty_note = _("Say what a kilowatt hour costs and emits; energy figures then tell costs and CO₂, too.")
    list_display = ("utility", "for_site", "valid_from", "cost", "emission")
    list_filter = ("utility", ("site", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("site",)
    autocomplete_fields = ("site",)
    ordering = ("utility", "-valid_from", "-id")
    fields = (("utility", "site"), "valid_from", ("price", "currency"), "co2_kg")

    @admin.display(description=_("site"), ordering="site__name")
    def for_site(self, tariff: Tariff) -> str:
        return str(tariff.site) if tariff.site else gettext("all without tariffs of their own")

    @admin.display(description=_("price"), ordering="price")
    def cost(self, tariff: Tariff) -> str:
        if tariff.price is None:
            return "–"
        return f"{plain_number(tariff.price)} {tariff.currency} / {symbol(STANDARD_UNITS[Utility(tariff.utility)])}"

    @admin.display(description=_("CO₂"), ordering="co2_kg")
    def emission(self, tariff: Tariff) -> str:
        return (
            "–"
            if tariff.co2_kg is None
            else f"{plain_number(tariff.co2_kg)} kg / {symbol(STANDARD_UNITS[Utility(tariff.utility)])}"
        )

    def create_record(self, request: HttpRequest, record: Tariff) -> None:
        record.store()

    def change_record(self, request: HttpRequest, record: Tariff, changed: list[str]) -> None:
        record.store()
