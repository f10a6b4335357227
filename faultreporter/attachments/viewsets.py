from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request

from faultreporter.api.permissions import EVERYONE, Rule
from faultreporter.api.viewsets import CreateMixin, DestroyMixin, ListMixin, RetrieveMixin
from faultreporter.attachments.files import (
    JpegRenderer,
    LimitedMultiPartParser,
    PdfRenderer,
    file_response,
    read_upload,
)
from faultreporter.attachments.filters import AttachmentFilter
from faultreporter.attachments.models import Attachment
from faultreporter.attachments.serializers import AttachmentSerializer, UploadSerializer

UPLOADER = Rule(concerned=EVERYONE.roles)


@extend_schema_view(
    list=extend_schema(summary="List what you uploaded"),
    retrieve=extend_schema(summary="Read what is known about a file"),
    destroy=extend_schema(summary="Delete a file of yours that no record uses"),
)
class AttachmentViewSet(ListMixin, RetrieveMixin, CreateMixin, DestroyMixin):
    """Photographs and PDFs.

    A photograph is decoded and written anew as a JPEG of at most 2048 pixels a side, without metadata. Its id can't be
    guessed: whoever is signed in and was given it by a record may read the file; the list holds one's own only.
    """

    model = Attachment
    resource = "Attachment"
    serializer_class = AttachmentSerializer
    serializer_classes = {"create": UploadSerializer}
    filterset_class = AttachmentFilter
    ordering_fields = ("created_at", "bytes")
    parser_classes = (LimitedMultiPartParser,)
    permissions = {
        "list": EVERYONE,
        "retrieve": EVERYONE,
        "create": EVERYONE,
        "destroy": UPLOADER,
        "file": EVERYONE,
    }

    def get_queryset(self) -> QuerySet[Attachment]:
        rows: Any = super().get_queryset()
        only_own = self.action == "list" and not getattr(self, "swagger_fake_view", False)
        visible: QuerySet[Attachment] = rows.of(self.request.user) if only_own else rows
        return visible

    @extend_schema(
        summary="Upload a photograph or a PDF",
        request={"multipart/form-data": UploadSerializer},
        responses={201: AttachmentSerializer},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        return super().create(request, *args, **kwargs)

    def validated(self, *, record: Any = None, partial: bool = False) -> dict[str, Any]:
        form: Any = self.request.data
        # A plain dictionary: the form's own type would let unknown fields through.
        serializer = self.get_serializer(data=dict(form.items()))
        serializer.is_valid(raise_exception=True)
        data: dict[str, Any] = serializer.validated_data
        return data

    def create_record(self, data: dict[str, Any]) -> Attachment:
        upload = data["file"]
        content = read_upload(upload)
        return Attachment.objects.hand_in(content=content, name=upload.name or "", by=self.request.user, at=self.now())

    def delete_record(self, record: Attachment) -> None:
        record.delete_unused()

    @extend_schema(
        summary="Read the file itself",
        operation_id="getAttachmentFile",
        responses={
            (200, "image/jpeg"): OpenApiTypes.BINARY,
            (200, "application/pdf"): OpenApiTypes.BINARY,
            304: OpenApiResponse(description="The file never changes; you have it."),
        },
    )
    @action(detail=True, methods=["get"], renderer_classes=[JpegRenderer, PdfRenderer])
    def file(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return file_response(request, self.permitted(self.get_queryset()))
