"""Hours, parts and other cost: tabs on an order's page, pages of the store and of rates."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from alerts.backoffice import MovingAdmin, move
from equipment.admin.catalogue import CatalogueAdmin
from faultreporter.backoffice import ReadOnlyAdmin, ReadOnlyInline, badge, linked
from workorders.admin.forms import CorrectForm, ReceiveForm
from workorders.models import CostEntry, LabourEntry, LabourRate, Part, PartUse, StockMovement, WorkOrder
from workorders.models.parts import plain


class EffortInline(ReadOnlyInline):
    """Rows of an order; each leads to the page where it is corrected."""

    joined: tuple[str, ...] = ()
    per_page = 50

    def get_queryset(self, request: HttpRequest) -> Any:
        rows: Any = super().get_queryset(request)
        return rows.living().select_related("work_order", *self.joined).order_by("-created_at")


class LabourInline(EffortInline):
    model = LabourEntry
    entry = linked(_("labour"))
    fields = readonly_fields = ("entry", "kind", "started_at", "ended_at", "capped", "cost", "note")
    joined = ("person",)


class PartUseInline(EffortInline):
    model = PartUse
    use = linked(_("used"))
    fields = readonly_fields = ("use", "from_stock", "unit_cost", "cost", "created_by", "created_at")
    joined = ("part", "created_by")


class CostInline(EffortInline):
    model = CostEntry
    cost = linked(_("cost"))
    fields = readonly_fields = ("cost", "kind", "amount", "supplier", "invoice_number", "created_at")


EFFORT_TABS = (LabourInline, PartUseInline, CostInline)


class EffortAdmin(MovingAdmin):
    """A row of an order. It is entered on the order's page and corrected here, as long as the order isn't closed."""

    editable: tuple[str, ...] = ()
    empty_note = _("Nothing is entered yet. Hours, parts and costs are entered on the page of their work order.")
    list_filter: tuple[str, ...] = ("lump_sum",)
    search_fields: tuple[str, ...] = ("work_order__number", "work_order__title")
    ordering = ("-created_at", "-id")

    def offered(self, record: Any) -> list[str]:
        return []

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = {name for _title, options in self.fieldsets for name in options["fields"]}
        over = obj is None or obj.work_order.status not in WorkOrder.EDITABLE_TO_THE_END
        return tuple(shown if over else shown - set(self.editable))


@admin.register(LabourEntry)
class LabourEntryAdmin(EffortAdmin):
    """Hours."""

    list_display = ("person", "work_order", "kind", "minutes", "started_at", "cost", "forgotten")
    list_display_links = ("person",)
    list_filter = ("kind", "capped", "lump_sum")
    list_select_related = ("person", "work_order")
    search_fields = ("person__display_name", *EffortAdmin.search_fields)
    editable = ("kind", "started_at", "ended_at", "minutes", "hourly_rate", "note")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "work_order", "person", "kind", "started_at", "ended_at", "minutes", "note", "hourly_rate",
                    "factor", "cost", "currency", "capped", "lump_sum",
                )
            },
        ),
    )  # fmt: skip

    @admin.display(description=_("timer"))
    def forgotten(self, entry: LabourEntry) -> str:
        if entry.is_running:
            return badge(_("Running"), "primary")
        return badge(_("Forgotten, cut at 12 hours"), "warning") if entry.capped else "–"


@admin.register(PartUse)
class PartUseAdmin(EffortAdmin):
    """Parts that went into orders."""

    list_display = ("__str__", "work_order", "from_stock", "cost", "created_by", "created_at")
    list_filter = ("from_stock", "lump_sum")
    list_select_related = ("part", "work_order", "created_by")
    search_fields = ("part__number", "part__name", "description", *EffortAdmin.search_fields)
    editable = ("quantity", "unit_cost", "description")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "work_order", "part", "description", "quantity", "from_stock", "unit_cost", "cost", "created_by",
                    "lump_sum",
                )
            },
        ),
    )  # fmt: skip


@admin.register(CostEntry)
class CostEntryAdmin(EffortAdmin):
    """Other costs of orders."""

    list_display = ("description", "work_order", "kind", "amount", "supplier", "invoice_number", "created_at")
    list_filter = ("kind", "lump_sum")
    list_select_related = ("work_order",)
    search_fields = ("description", "supplier", "invoice_number", *EffortAdmin.search_fields)
    editable = ("kind", "description", "amount", "supplier", "invoice_number")
    fieldsets = ((None, {"fields": ("work_order", *editable, "created_by", "lump_sum")}),)


class MovementInline(ReadOnlyInline):
    """What came and went, newest first."""

    model = StockMovement
    fields = readonly_fields = ("at", "kind", "quantity", "stock_after", "work_order", "by", "reason")
    ordering = ("-created_at", "-id")
    per_page = 50

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("work_order", "by")


@admin.register(Part)
class PartAdmin(MovingAdmin):
    """Spare parts and how many there are. The stock moves by deliveries, counts and what orders use."""

    list_display = ("number", "name", "shown_stock", "minimum_stock", "unit_cost", "store", "manufacturer")
    list_display_links = ("number", "name")
    list_filter = ("manufacturer",)
    search_fields = ("number", "name", "manufacturer")
    ordering = ("number",)
    empty_note = _("There are no spare parts yet. Add one, then receive what lies in the store.")
    inlines = (MovementInline,)
    actions_detail = ("receive", "correct")
    readonly_fields = ("shown_stock", "currency")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "number", "name", "shown_stock", "unit", "minimum_stock", "store", "manufacturer", "unit_cost",
                    "currency", "description",
                )
            },
        ),
    )  # fmt: skip
    add_fieldsets = (
        (
            None,
            {
                "fields": (
                    "number",
                    "name",
                    "unit",
                    "minimum_stock",
                    "store",
                    "manufacturer",
                    "unit_cost",
                    "description",
                )
            },
        ),
    )  # fmt: skip

    receive = move("receive", _("Receive"), ReceiveForm)
    correct = move("correct", _("Correct the stock"), CorrectForm)

    def offered(self, record: Part) -> list[str]:
        return [] if record.deleted_at else ["receive", "correct"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj else ()

    def create_record(self, request: HttpRequest, record: Part) -> None:
        record.register(by=None)

    @admin.display(description=_("in stock"), ordering="stock")
    def shown_stock(self, part: Part) -> str:
        amount = f"{plain(part.stock)} {part.unit}"
        return badge(amount, "danger") if part.is_low else amount


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnlyAdmin):
    """Every movement of every part."""

    list_display = ("at", "part", "kind", "quantity", "stock_after", "work_order", "by")
    list_filter = ("kind",)
    list_select_related = ("part", "work_order", "by")
    search_fields = ("part__number", "part__name", "reason")
    ordering = ("-created_at", "-id")
    empty_note = _("Nothing has come or gone yet. Receive a delivery on a part's page.")


@admin.register(LabourRate)
class LabourRateAdmin(CatalogueAdmin):
    """What an hour costs, from a day on. Hours entered before keep the rate of their day."""

    list_display = ("__str__", "valid_from", "overtime_factor", "travel_factor")
    list_filter = ("role",)
    list_select_related = ("person",)
    search_fields = ("person__display_name", "role")
    autocomplete_fields = ("person",)
    ordering = ("-valid_from", "-id")
    empty_note = _("Without rates, hours cost nothing. Add one for a role, and for people who cost otherwise.")
