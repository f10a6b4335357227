"""Hours, parts and other cost of an order as JSON. Amounts are null for everybody but managers and administrators."""

from typing import Any, ClassVar

from rest_framework import serializers

from alerts.serializers import LONGEST_TEXT, MoveSerializer
from equipment.serializers import OptionalTextField, PersonBriefSerializer
from faultreporter.accounts.models import User
from faultreporter.api.permissions import MANAGERS
from faultreporter.api.serializers import CleanCharField, InstantField, ModelSerializer, Serializer, UpperChoiceField
from locations.fields import VisibleKeyField
from workorders.models import CostEntry, LabourEntry, LabourRate, Part, PartUse, StockMovement, WorkOrder
from workorders.serializers.fields import MoneyField


class HidesAmounts(ModelSerializer):
    amounts: ClassVar[tuple[str, ...]]

    def to_representation(self, instance: Any) -> dict[str, Any]:
        data: dict[str, Any] = super().to_representation(instance)
        if self.context["request"].user.role not in MANAGERS.roles:
            data.update(dict.fromkeys(self.amounts))
        return data


class OrderNumberSerializer(ModelSerializer):
    """A work order's name."""

    class Meta:
        model = WorkOrder
        fields = ("id", "number", "title")
        read_only_fields = fields


class LabourEntrySerializer(HidesAmounts):
    """Somebody's work on an order. `minutes` is null while the timer runs."""

    amounts = ("hourly_rate", "factor", "cost")

    person = PersonBriefSerializer(read_only=True)
    work_order = OrderNumberSerializer(read_only=True)
    is_running = serializers.BooleanField(read_only=True)
    hourly_rate = MoneyField(read_only=True)
    factor = serializers.DecimalField(max_digits=4, decimal_places=2, read_only=True, allow_null=True)
    cost = MoneyField(read_only=True)
    note = OptionalTextField(read_only=True)

    class Meta:
        model = LabourEntry
        fields = (
            "id", "work_order", "person", "kind", "started_at", "ended_at", "minutes", "is_running", "capped",
            "lump_sum", "hourly_rate", "factor", "cost", "currency", "note", "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields = fields


class LabourChangeSerializer(Serializer):
    kind = UpperChoiceField(choices=LabourEntry.Kind.choices, required=False)
    started_at = InstantField(required=False, allow_null=True)
    ended_at = InstantField(required=False, allow_null=True)
    minutes = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=1_000_000, help_text="Instead of the two times."
    )
    hourly_rate = MoneyField(required=False, help_text="Managers only; the rate of the day if left out.")
    note = OptionalTextField(max_length=LONGEST_TEXT)


class LabourInputSerializer(LabourChangeSerializer):
    person_id = VisibleKeyField(
        source="person", queryset=User.objects.all(), required=False, help_text="Managers only; you if left out."
    )


class TimerStartSerializer(MoveSerializer):
    kind = UpperChoiceField(choices=LabourEntry.Kind.choices, required=False)
    note = OptionalTextField(max_length=LONGEST_TEXT)


class TimerStopSerializer(MoveSerializer):
    note = OptionalTextField(max_length=LONGEST_TEXT)


class LabourRateSerializer(ModelSerializer):
    """What an hour costs from a day on: one person's, or a role's."""

    person_id = VisibleKeyField(source="person", queryset=User.objects.all(), required=False, allow_null=True)

    class Meta:
        model = LabourRate
        fields = (
            "id", "person_id", "role", "valid_from", "hourly_rate", "overtime_factor", "travel_factor", "currency",
            "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields = ("id", "currency", "created_at", "updated_at", "deleted_at")


class PartBriefSerializer(ModelSerializer):
    """A part as other records mention it."""

    class Meta:
        model = Part
        fields = ("id", "number", "name", "unit")
        read_only_fields = fields


class PartSerializer(HidesAmounts):
    """A spare part and how many lie in the store."""

    amounts = ("unit_cost",)

    description = OptionalTextField(max_length=LONGEST_TEXT)
    manufacturer = OptionalTextField(max_length=200)
    store = OptionalTextField(max_length=200)
    unit_cost = MoneyField(required=False)
    minimum_stock = serializers.DecimalField(max_digits=12, decimal_places=3, min_value=0, required=False)
    stock = serializers.DecimalField(max_digits=12, decimal_places=3, read_only=True)
    is_low = serializers.BooleanField(read_only=True)

    class Meta:
        model = Part
        fields: tuple[str, ...] = (
            "id", "number", "name", "description", "unit", "manufacturer", "unit_cost", "currency", "minimum_stock",
            "stock", "is_low", "store", "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields: tuple[str, ...] = (
            "id",
            "currency",
            "stock",
            "is_low",
            "created_at",
            "updated_at",
            "deleted_at",
        )


class PartSuggestionSerializer(PartSerializer):
    """A part that this machine or its kind used before."""

    times_here = serializers.IntegerField(read_only=True, help_text="How often on this machine.")
    times = serializers.IntegerField(read_only=True, help_text="How often on machines of this kind.")

    class Meta(PartSerializer.Meta):
        fields = (*PartSerializer.Meta.fields, "times_here", "times")
        read_only_fields = fields


class QuantityField(serializers.DecimalField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_digits": 12, "decimal_places": 3, "min_value": 0, **kwargs})


class ReceiveSerializer(MoveSerializer):
    quantity = QuantityField()
    unit_cost = MoneyField(required=False, help_text="What one costs from now on.")
    reason = OptionalTextField(max_length=LONGEST_TEXT)


class CorrectStockSerializer(MoveSerializer):
    stock = QuantityField(help_text="How many were counted.")
    expected_stock = QuantityField(
        required=False, help_text="What the screen said when counting began; VERSION_CONFLICT if it moved since."
    )
    reason = CleanCharField(max_length=LONGEST_TEXT)


class StockMovementSerializer(HidesAmounts):
    """One line of a part's ledger."""

    amounts = ("unit_cost",)

    quantity = serializers.DecimalField(max_digits=12, decimal_places=3, read_only=True)
    stock_after = serializers.DecimalField(max_digits=12, decimal_places=3, read_only=True)
    unit_cost = MoneyField(read_only=True)
    reason = OptionalTextField(read_only=True)
    work_order = OrderNumberSerializer(read_only=True, allow_null=True)
    by = PersonBriefSerializer(read_only=True, allow_null=True)

    class Meta:
        model = StockMovement
        fields = (
            "id", "kind", "quantity", "stock_after", "unit_cost", "reason", "work_order", "at", "by", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class PartUseSerializer(HidesAmounts):
    """Parts that went into an order."""

    amounts = ("unit_cost", "cost")

    part = PartBriefSerializer(read_only=True, allow_null=True)
    description = OptionalTextField(read_only=True)
    quantity = serializers.DecimalField(max_digits=12, decimal_places=3, read_only=True)
    unit_cost = MoneyField(read_only=True)
    cost = MoneyField(read_only=True)
    created_by = PersonBriefSerializer(read_only=True, allow_null=True)

    class Meta:
        model = PartUse
        fields = (
            "id", "part", "description", "quantity", "from_stock", "lump_sum", "unit_cost", "cost", "created_by",
            "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields = fields


class PartUseChangeSerializer(Serializer):
    quantity = QuantityField(required=False)
    unit_cost = MoneyField(required=False, help_text="The part's own price if left out.")
    description = OptionalTextField(max_length=200)


class PartUseInputSerializer(PartUseChangeSerializer):
    part_id = VisibleKeyField(source="part", queryset=Part.objects.all(), required=False, allow_null=True)
    quantity = QuantityField()
    from_stock = serializers.BooleanField(
        required=False, help_text="Whether it comes out of the store; true if a part is named."
    )


class CostEntrySerializer(HidesAmounts):
    """What an order cost beside hours and parts."""

    amounts = ("amount",)

    supplier = OptionalTextField(read_only=True)
    invoice_number = OptionalTextField(read_only=True)
    amount = MoneyField(read_only=True)
    created_by = PersonBriefSerializer(read_only=True, allow_null=True)

    class Meta:
        model = CostEntry
        fields = (
            "id", "kind", "description", "amount", "supplier", "invoice_number", "lump_sum", "created_by",
            "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields = fields


class CostInputSerializer(Serializer):
    kind = UpperChoiceField(choices=CostEntry.Kind.choices, required=False)
    description = CleanCharField(max_length=200)
    amount = MoneyField(allow_null=False)
    supplier = OptionalTextField(max_length=200)
    invoice_number = OptionalTextField(max_length=100)
