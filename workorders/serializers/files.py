"""The files of an order as JSON."""

from rest_framework import serializers

from alerts.serializers.timeline import AttachSerializer
from faultreporter.api.serializers import UpperChoiceField
from faultreporter.attachments.models import Attachment
from faultreporter.attachments.serializers import AttachmentSerializer
from workorders.models import WorkOrderAttachment


class WorkOrderFileSerializer(AttachmentSerializer):
    """A file of an order, and what it shows: the machine before the work, after it, or something else."""

    phase = serializers.ChoiceField(choices=WorkOrderAttachment.Phase.choices, read_only=True)

    class Meta:
        model = Attachment
        fields = (*AttachmentSerializer.Meta.fields, "phase")
        read_only_fields = fields


class AttachWithPhaseSerializer(AttachSerializer):
    phase = UpperChoiceField(choices=WorkOrderAttachment.Phase.choices, required=False, help_text="OTHER if left out.")
