from rest_framework import serializers

from faultreporter.api.serializers import ModelSerializer, Serializer
from faultreporter.attachments.models import Attachment


class AttachmentSerializer(ModelSerializer):
    """`url` is where the file itself is, relative to this host; reading it needs the same credentials."""

    url = serializers.SerializerMethodField()

    class Meta:
        model = Attachment
        fields = (
            "id",
            "kind",
            "content_type",
            "bytes",
            "width",
            "height",
            "sha256",
            "original_name",
            "url",
            "uploaded_by",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_url(self, attachment: Attachment) -> str:
        return attachment.file_path


class UploadSerializer(Serializer):
    """The body of an upload: multipart/form-data with one field."""

    file = serializers.FileField(allow_empty_file=True, help_text="JPEG, PNG, WebP or HEIC photograph, or a PDF.")
