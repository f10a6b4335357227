from typing import Any

from rest_framework import serializers

from faultreporter.api.serializers import CleanCharField, Serializer

LONGEST_DESCRIPTION = 2_000


class PublicReportSerializer(Serializer):
    """What somebody without an account says. `token` is the last part of the address that the QR code opens."""

    token = CleanCharField(max_length=100)
    description = CleanCharField(max_length=LONGEST_DESCRIPTION)
    title = CleanCharField(required=False, allow_blank=True, max_length=200)
    reporter_name = CleanCharField(
        required=False, allow_blank=True, max_length=100, help_text="Shown to managers only."
    )
    reporter_contact = CleanCharField(
        required=False, allow_blank=True, max_length=200, help_text="Shown to managers only."
    )


class PublicReportFormSerializer(PublicReportSerializer):
    """The same as multipart/form-data, with a photograph."""

    photo = serializers.FileField(required=False, help_text="JPEG, PNG, WebP or HEIC.")


class PublicReceiptSerializer(serializers.Serializer[Any]):
    """That the report came, and on which machine."""

    equipment_name = serializers.CharField()
    place = serializers.CharField(help_text="From the site down to the room; empty if unknown.")
    received_at = serializers.DateTimeField()
