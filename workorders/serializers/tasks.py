"""Tasks and checklists as JSON, and what a task's moves say."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from alerts.fields import OptionalChoiceField
from alerts.serializers import LONGEST_TEXT, MoveSerializer, ReasonSerializer
from equipment.serializers import OptionalTextField, PersonBriefSerializer
from faultreporter.api.serializers import CleanCharField, ModelSerializer, Serializer, UpperChoiceField
from faultreporter.api.text import refuse_unstorable_text
from faultreporter.attachments.models import Attachment
from faultreporter.attachments.serializers import AttachmentSerializer
from locations.fields import VisibleKeyField
from workorders.models import ChecklistItem, ChecklistTemplate, WorkOrderTask
from workorders.serializers.orders import WorkOrderBriefSerializer

LINE = ("position", "title", "instructions", "kind", "unit", "minimum", "maximum", "required")


class LimitField(serializers.DecimalField):
    """A limit of a measured number, without zeros that say nothing."""

    def __init__(self, **kwargs: Any) -> None:
        limits = {"max_digits": 18, "decimal_places": 6, "allow_null": True, "normalize_output": True}
        super().__init__(**limits | kwargs)


class OwnFileField(VisibleKeyField):
    """The id of a file that the caller uploaded."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"source": "attachment", "queryset": Attachment.objects.all(), **kwargs})

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        return rows.of(self.context["request"].user)


@extend_schema_field({"type": ["string", "number"], "maxLength": LONGEST_TEXT})
class ValueField(serializers.Field[str, Any, Any, Any]):
    """A measured number, as JSON's own or in a string, or a written answer."""

    default_error_messages = {"invalid": "A text or a number."}

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, bool) or not isinstance(data, str | int | float):
            self.fail("invalid")
        text = str(data)
        refuse_unstorable_text(text)
        if len(text) > LONGEST_TEXT:
            self.fail("invalid")
        return text


class ChecklistItemSerializer(ModelSerializer):
    """A line of a reusable checklist."""

    instructions = OptionalTextField(read_only=True)
    unit = OptionalTextField(read_only=True)
    minimum = LimitField(read_only=True)
    maximum = LimitField(read_only=True)

    class Meta:
        model = ChecklistItem
        fields = ("id", *LINE)
        read_only_fields = fields


class ChecklistTemplateSerializer(ModelSerializer):
    """A reusable checklist with its lines. `category_id` null: for machines of any kind."""

    description = OptionalTextField(read_only=True)
    category_id = serializers.UUIDField(read_only=True, allow_null=True)
    items = ChecklistItemSerializer(many=True, read_only=True)

    class Meta:
        model = ChecklistTemplate
        fields = ("id", "name", "description", "category_id", "items", "created_at", "updated_at", "deleted_at")
        read_only_fields = fields


class WorkOrderTaskSerializer(ModelSerializer):
    """A task with its result; `outcome` is null while it is to be done."""

    instructions = OptionalTextField(read_only=True)
    unit = OptionalTextField(read_only=True)
    minimum = LimitField(read_only=True)
    maximum = LimitField(read_only=True)
    template_id = serializers.UUIDField(read_only=True, allow_null=True)
    outcome = OptionalChoiceField(choices=WorkOrderTask.Outcome.choices, read_only=True)
    value = OptionalTextField(read_only=True, help_text="The measured number or the written answer.")
    attachment = AttachmentSerializer(read_only=True, allow_null=True)
    note = OptionalTextField(read_only=True)
    done_by = PersonBriefSerializer(read_only=True, allow_null=True)
    raised_order = WorkOrderBriefSerializer(read_only=True, allow_null=True)

    class Meta:
        model = WorkOrderTask
        fields = (
            "id", *LINE, "template_id", "outcome", "value", "attachment", "note", "done_at", "done_by",
            "raised_order", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class TaskInputSerializer(Serializer):
    """What there is to do."""

    title = CleanCharField(max_length=200)
    instructions = OptionalTextField(max_length=LONGEST_TEXT)
    kind = UpperChoiceField(choices=WorkOrderTask.Kind.choices, required=False, help_text="CHECK if left out.")
    unit = OptionalTextField(max_length=20, help_text="Of a NUMBER.")
    minimum = LimitField(required=False, help_text="A NUMBER below it has failed.")
    maximum = LimitField(required=False, help_text="A NUMBER above it has failed.")
    required = serializers.BooleanField(  # type: ignore[assignment]  # DRF takes fields off the class
        required=False, help_text="Whether the order waits for it; true if left out."
    )


class TaskChangeSerializer(TaskInputSerializer):
    position = serializers.IntegerField(required=False, min_value=1, max_value=200, help_text="Its new place, from 1.")


class ApplyTemplateSerializer(MoveSerializer):
    template_id = VisibleKeyField(source="template", queryset=ChecklistTemplate.objects.all())


class CompleteTaskSerializer(MoveSerializer):
    """NUMBER and TEXT want a value, PASS_FAIL a verdict, PHOTO a file; a photo and a note may come with any."""

    value = ValueField(required=False)
    passed = serializers.BooleanField(required=False, help_text="A NUMBER's limits decide by themselves.")
    attachment_id = OwnFileField(required=False)
    note = CleanCharField(required=False, allow_blank=True, max_length=LONGEST_TEXT)


class SkipTaskSerializer(ReasonSerializer):
    """Why it can't or needn't be done."""
