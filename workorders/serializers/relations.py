"""Links between orders, and signatures, as JSON."""

from typing import Any

from rest_framework import serializers

from alerts.serializers import MoveSerializer
from equipment.serializers import PersonBriefSerializer
from faultreporter.api.serializers import CleanCharField, ModelSerializer, Serializer, UpperChoiceField
from faultreporter.attachments.serializers import AttachmentSerializer
from locations.fields import VisibleKeyField
from workorders.models import WorkOrder, WorkOrderRelation, WorkOrderSignature
from workorders.models.relations import KINDS
from workorders.serializers.orders import WorkOrderBriefSerializer
from workorders.serializers.tasks import OwnFileField


class WorkOrderRelationSerializer(ModelSerializer):
    """A link as the order of the address has it: it is `kind` `work_order`."""

    kind = serializers.ChoiceField(choices=KINDS, read_only=True)
    work_order = WorkOrderBriefSerializer(read_only=True)
    created_by = PersonBriefSerializer(read_only=True, allow_null=True)

    class Meta:
        model = WorkOrderRelation
        fields = ("id", "kind", "work_order", "created_by", "created_at", "updated_at")
        read_only_fields = fields

    def to_representation(self, instance: WorkOrderRelation) -> dict[str, Any]:
        kind, other = instance.seen_from(self.context["order"])
        instance.kind, instance.work_order = kind, other  # type: ignore[attr-defined]  # for this side's view only
        data: dict[str, Any] = super().to_representation(instance)
        return data


class RelationInputSerializer(Serializer):
    """This order is `kind` the named one. A duplicate nobody worked on is cancelled."""

    kind = UpperChoiceField(choices=KINDS)
    work_order_id = VisibleKeyField(source="other", queryset=WorkOrder.objects.all())


class WorkOrderSignatureSerializer(ModelSerializer):
    """A name drawn below finished work: a picture beside a digest, no qualified electronic signature."""

    attachment = AttachmentSerializer(read_only=True)
    handed_in_by = PersonBriefSerializer(read_only=True)
    still_matches = serializers.SerializerMethodField(
        help_text="False: the order's result, tasks or times changed after this was signed."
    )

    class Meta:
        model = WorkOrderSignature
        fields = (
            "id", "role", "name", "attachment", "signed_at", "handed_in_by", "digest", "still_matches", "created_at",
            "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_still_matches(self, signature: WorkOrderSignature) -> bool:
        return bool(signature.digest == self.context["digest"])


class SignSerializer(MoveSerializer):
    attachment_id = OwnFileField(help_text="The drawn name, as a picture.")
    name = CleanCharField(max_length=200)
    role = UpperChoiceField(
        choices=WorkOrderSignature.Role.choices, required=False, help_text="TECHNICIAN if left out."
    )
