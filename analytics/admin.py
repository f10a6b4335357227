from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import floatformat
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from analytics.alarm_admin import AlarmPages
from analytics.inputs import evidence_of
from analytics.models import AssetReliability, EnergyConsumption, OperationsReport, ReportDelivery
from analytics.reliability import Loss
from equipment.admin.machines import OnSite
from equipment.models import Equipment, StatusInterval
from faultreporter.backoffice import ModelAdmin, ReadOnlyAdmin, ReadOnlyInline, add_tabs, link_to

LOSSES = {
    Loss.UNPLANNED: _("Unplanned down time"),
    Loss.PLANNED: _("Planned down time"),
    Loss.STANDBY: _("Standby"),
    Loss.NOTHING: _("Nothing"),
}


def hours(field: str, label: Any) -> Any:
    """A column of hours with one decimal."""

    @admin.display(description=label, ordering=field)
    def column(_page: Any, row: AssetReliability) -> str:
        value = getattr(row, field)
        return "–" if value is None else floatformat(value, "1g")

    return column


class ReliabilityColumns:
    """The numbers of a quarter, on their own pages and on the machine's."""

    down = hours("unplanned_down_hours", _("unplanned down, h"))
    planned = hours("planned_down_hours", _("planned down, h"))
    standby = hours("standby_hours", _("standby, h"))
    required = hours("required_hours", _("required, h"))
    operating = hours("operating_hours", _("operating, h"))
    mttr = hours("mttr_hours", _("MTTR, h"))
    open_hours = hours("open_hours_so_far", _("open so far, h"))

    @admin.display(description=_("quarter"), ordering="year")
    def period(self, row: AssetReliability) -> str:
        return f"{row.year} Q{row.quarter}"

    @admin.display(description=_("availability"), ordering="availability")
    def availability_percent(self, row: AssetReliability) -> str:
        return "–" if row.availability is None else f"{floatformat(100 * row.availability, 2)} %"

    @admin.display(description=_("MTBF, h"), ordering="mtbf_hours")
    def mtbf(self, row: AssetReliability) -> str:
        if row.mtbf_hours is None:
            return "–" if row.mtbf_lower_90_hours is None else f"≥ {floatformat(row.mtbf_lower_90_hours, 0)}"
        return floatformat(row.mtbf_hours, 0)

    @admin.display(description=_("cost"), ordering="cost_total")
    def cost(self, row: AssetReliability) -> str:
        return "–" if row.cost_total is None else f"{floatformat(row.cost_total, '2g')} {row.currency}"


@admin.register(AssetReliability)
class AssetReliabilityAdmin(AlarmPages, ReliabilityColumns, ReadOnlyAdmin):
    """Numbers come from the status log and the work orders; whoever wants other numbers corrects those."""

    list_display = (
        "equipment",
        "period",
        "availability_percent",
        "failure_count",
        "mtbf",
        "mttr",
        "down",
        "open_count",
        "cost",
    )
    empty_note = _("The numbers of a quarter are rolled up every night; the first roll-up hasn't run yet.")
    list_filter = ("year", "quarter", OnSite, "equipment__category", ("superseded_at", admin.EmptyFieldListFilter))
    list_select_related = ("equipment",)
    search_fields = ("equipment__equipment_code", "equipment__equipment_name")
    ordering = ("-year", "-quarter", "-unplanned_down_hours", "-id")
    fieldsets = (
        (None, {"fields": ("equipment", ("year", "quarter", "revision"), ("period_start", "period_end"))}),
        (
            _("Reliability"),
            {
                "fields": (
                    ("availability_percent", "failure_count", "restoration_count"),
                    ("mtbf", "mttr"),
                    ("open_count", "open_hours"),
                )
            },
        ),
        (
            _("Hours"),
            {
                "fields": (
                    ("required", "operating"),
                    ("down", "planned", "standby"),
                )
            },
        ),
        (_("Cost"), {"fields": (("work_order_count", "cost"),)}),
        (_("Origin"), {"fields": ("evidence", ("as_of", "frozen_at", "superseded_at"), "input_hash")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AssetReliability]:
        rows: QuerySet[AssetReliability] = super().get_queryset(request)
        return rows.defer("inputs")

    @admin.display(description=_("what the numbers are made of"))
    def evidence(self, row: AssetReliability) -> str:
        material = evidence_of(row)
        context = {
            "evidence": material,
            "intervals": [
                (one, StatusInterval.Status(one.status).label, LOSSES[one.loss]) for one in material.intervals
            ],
            "url": reverse("asset-reliability-evidence", args=[row.pk]),
        }
        return render_to_string("admin/analytics/evidence.html", context)


class ReliabilityInline(ReliabilityColumns, ReadOnlyInline):
    """A machine's quarters."""

    model = AssetReliability
    fields = readonly_fields = ("quarter_page", "availability_percent", "failure_count", "mtbf", "mttr", "down", "cost")
    ordering = ("-year", "-quarter")
    per_page = 12
    verbose_name_plural = _("reliability")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AssetReliability]:
        rows: QuerySet[AssetReliability] = super().get_queryset(request)
        return rows.filter(superseded_at=None).defer("inputs")

    @admin.display(description=_("quarter"))
    def quarter_page(self, row: AssetReliability) -> SafeString | str:
        return link_to(row, self.period(row))


add_tabs(Equipment, ReliabilityInline)


@admin.register(EnergyConsumption)
class EnergyConsumptionAdmin(ModelAdmin):
    empty_note = _("Add what a machine or a place used in a quarter, from its meter or its bill.")
    list_display = ("subject", "period", "used", "cost_with_currency", "co2", "coverage", "source")
    list_filter = ("year", "quarter", "source")
    list_select_related = ("equipment", "location")
    search_fields = ("equipment__equipment_code", "equipment__equipment_name", "location__code", "location__name")
    autocomplete_fields = ("equipment", "location")
    ordering = ("-year", "-quarter", "-id")
    fields = (
        ("equipment", "location"),
        ("year", "quarter"),
        ("kwh", "coverage_percent"),
        ("cost", "currency"),
        "co2_kg",
        ("source", "computed_at"),
    )
    readonly_fields = ("computed_at",)

    def create_record(self, request: HttpRequest, record: EnergyConsumption) -> None:
        record.store()

    def change_record(self, request: HttpRequest, record: EnergyConsumption, changed: list[str]) -> None:
        record.store()

    @admin.display(description=_("quarter"), ordering="year")
    def period(self, row: EnergyConsumption) -> str:
        return f"{row.year} Q{row.quarter}"

    @admin.display(description=_("energy"), ordering="kwh")
    def used(self, row: EnergyConsumption) -> str:
        return f"{floatformat(row.kwh, '0g')} kWh"

    @admin.display(description=_("CO₂"), ordering="co2_kg")
    def co2(self, row: EnergyConsumption) -> str:
        return "–" if row.co2_kg is None else f"{floatformat(row.co2_kg, '0g')} kg"

    @admin.display(description=_("coverage"), ordering="coverage_percent")
    def coverage(self, row: EnergyConsumption) -> str:
        return f"{floatformat(row.coverage_percent, -1)} %"

    @admin.display(description=_("of"))
    def subject(self, row: EnergyConsumption) -> str:
        return str(row.equipment or row.location)

    @admin.display(description=_("cost"), ordering="cost")
    def cost_with_currency(self, row: EnergyConsumption) -> str:
        return "–" if row.cost is None else f"{floatformat(row.cost, '2g')} {row.currency}"


class DeliveryInline(ReadOnlyInline):
    model = ReportDelivery
    fields = ("user", "claimed_at", "sent_at")
    readonly_fields = fields
    verbose_name_plural = _("sent to")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReportDelivery]:
        rows: QuerySet[ReportDelivery] = super().get_queryset(request)
        return rows.select_related("user")


@admin.register(OperationsReport)
class OperationsReportAdmin(ReadOnlyAdmin):
    empty_note = _("Every Monday a report on the week before is written and sent to the managers.")
    list_display = ("subject", "period_start", "period_end", "created_at")
    list_filter = ("iso_year",)
    ordering = ("-iso_year", "-iso_week", "-id")
    fields = ("subject", ("period_start", "period_end"), "as_text", "document", "created_at")
    inlines = (DeliveryInline,)

    @admin.display(description=_("report"))
    def as_text(self, report: OperationsReport) -> SafeString:
        return format_html('<pre class="whitespace-pre-wrap font-sans">{}</pre>', report.text)

    @admin.display(description=_("document"))
    def document(self, report: OperationsReport) -> SafeString:
        return link(reverse("report-download", args=[report.pk]), _("Download as HTML"))


def link(url: str, words: Any) -> SafeString:
    return format_html('<a class="text-primary-600" href="{}">{}</a>', url, words)
