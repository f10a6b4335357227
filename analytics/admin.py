from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import floatformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from analytics.models import AssetReliability, EnergyConsumption, OperationsReport, ReportDelivery
from faultreporter.backoffice import ModelAdmin, ReadOnlyAdmin, ReadOnlyInline


@admin.register(AssetReliability)
class AssetReliabilityAdmin(ReadOnlyAdmin):
    """Numbers come from the status log and the work orders; whoever wants other numbers corrects those."""

    list_display = (
        "equipment",
        "year",
        "quarter",
        "availability_percent",
        "failure_count",
        "mtbf",
        "mttr",
        "down",
        "open_count",
        "cost",
        "revision",
        "is_frozen",
    )
    list_filter = ("year", "quarter", "equipment__category")
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
                    ("mtbf_hours", "mtbf_lower_90_hours", "mttr_hours"),
                    ("open_count", "open_hours_so_far"),
                )
            },
        ),
        (
            _("Hours"),
            {
                "fields": (
                    ("required_hours", "operating_hours"),
                    ("unplanned_down_hours", "planned_down_hours", "standby_hours"),
                )
            },
        ),
        (_("Cost"), {"fields": (("work_order_count", "cost"),)}),
        (_("Origin"), {"fields": (("as_of", "frozen_at", "superseded_at"), "input_hash", "evidence")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AssetReliability]:
        rows: QuerySet[AssetReliability] = super().get_queryset(request)
        return rows.defer("inputs")

    @admin.display(description=_("availability"), ordering="availability")
    def availability_percent(self, row: AssetReliability) -> str:
        return "–" if row.availability is None else f"{floatformat(100 * row.availability, 2)} %"

    @admin.display(description=_("MTBF, h"), ordering="mtbf_hours")
    def mtbf(self, row: AssetReliability) -> str:
        if row.mtbf_hours is None:
            return "–" if row.mtbf_lower_90_hours is None else f"≥ {floatformat(row.mtbf_lower_90_hours, 0)}"
        return floatformat(row.mtbf_hours, 0)

    @admin.display(description=_("MTTR, h"), ordering="mttr_hours")
    def mttr(self, row: AssetReliability) -> str:
        return "–" if row.mttr_hours is None else floatformat(row.mttr_hours, 1)

    @admin.display(description=_("down, h"), ordering="unplanned_down_hours")
    def down(self, row: AssetReliability) -> str:
        return floatformat(row.unplanned_down_hours, 1)

    @admin.display(description=_("cost"), ordering="cost_total")
    def cost(self, row: AssetReliability) -> str:
        return "–" if row.cost_total is None else f"{floatformat(row.cost_total, '2g')} {row.currency}"

    @admin.display(description=_("frozen"), boolean=True)
    def is_frozen(self, row: AssetReliability) -> bool:
        return row.is_frozen

    @admin.display(description=_("evidence"))
    def evidence(self, row: AssetReliability) -> SafeString:
        return link(reverse("asset-reliability-evidence", args=[row.pk]), _("The intervals behind each number"))


@admin.register(EnergyConsumption)
class EnergyConsumptionAdmin(ModelAdmin):
    list_display = ("subject", "year", "quarter", "kwh", "cost_with_currency", "co2_kg", "coverage_percent", "source")
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
        "source",
    )

    def create_record(self, request: HttpRequest, record: EnergyConsumption) -> None:
        record.store()

    def change_record(self, request: HttpRequest, record: EnergyConsumption, changed: list[str]) -> None:
        record.store()

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
