from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from equipment.filters import DiagramFilter, RoomDiagramFilter
from equipment.models import Equipment, TechnicalDiagram
from equipment.serializers import DiagramSerializer, HotspotsSerializer, RevisionSerializer
from equipment.viewsets.rooms import RoomViewSet
from faultreporter.accounts.authentication import caller
from faultreporter.api.permissions import EVERYONE, MANAGERS
from faultreporter.api.viewsets import ModelViewSet
from faultreporter.attachments.files import JpegRenderer, PdfRenderer, file_response

ORDERING_FIELDS = ("title", "kind", "version", "created_at", "updated_at")


@extend_schema_view(
    list=extend_schema(summary="List drawings"),
    retrieve=extend_schema(summary="Read a drawing"),
    create=extend_schema(summary="Add a drawing"),
    update=extend_schema(summary="Correct a drawing's title, kind or regions"),
    partial_update=extend_schema(summary="Correct a drawing's title, kind or regions"),
    destroy=extend_schema(summary="Delete a revision of a drawing"),
)
class DiagramViewSet(ModelViewSet):
    """Drawings of machines, in revisions; regions of them lead to other machines."""

    model = TechnicalDiagram
    resource = "TechnicalDiagram"
    serializer_class = DiagramSerializer
    filterset_class = DiagramFilter
    search_fields = ("title",)
    ordering_fields = ORDERING_FIELDS
    unpaged_actions = ("versions",)
    permissions = {
        "list": EVERYONE,
        "retrieve": EVERYONE,
        "create": MANAGERS,
        "update": MANAGERS,
        "partial_update": MANAGERS,
        "destroy": MANAGERS,
        "file": EVERYONE,
        "versions": EVERYONE,
        "revise": MANAGERS,
        "hotspots": EVERYONE,
        "set_hotspots": MANAGERS,
    }

    def create_record(self, data: dict[str, Any]) -> TechnicalDiagram:
        return TechnicalDiagram.add(by=caller(self.request), **data)

    def change_record(self, record: TechnicalDiagram, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), **data)

    @extend_schema(
        summary="Read the file of a drawing",
        operation_id="getTechnicalDiagramFile",
        responses={(200, "image/jpeg"): OpenApiTypes.BINARY, (200, "application/pdf"): OpenApiTypes.BINARY},
    )
    @action(detail=True, renderer_classes=[JpegRenderer, PdfRenderer])
    def file(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        diagram = self.permitted(self.get_queryset().select_related("attachment"))
        return file_response(request, diagram.attachment)

    @extend_schema(
        summary="List all revisions of a drawing, newest first",
        operation_id="listTechnicalDiagramVersions",
        responses=DiagramSerializer(many=True),
    )
    @action(detail=True)
    def versions(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        diagram = self.permitted(self.get_queryset())
        return Response(DiagramSerializer(diagram.history(), many=True).data)

    @extend_schema(
        summary="Add the next revision of a drawing; the earlier ones stay",
        operation_id="createTechnicalDiagramVersion",
        request=RevisionSerializer,
        responses={201: DiagramSerializer},
    )
    @versions.mapping.post
    def revise(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        diagram = self.lock_object()
        body = RevisionSerializer(data=request.data, context=self.get_serializer_context())
        body.is_valid(raise_exception=True)
        revision = diagram.revise(by=caller(request), **body.validated_data)
        location = request.path.removesuffix(f"{diagram.pk}/versions") + str(revision.pk)
        return self.answer(revision, code=201, location=location)

    @extend_schema(
        summary="Read the regions of a drawing",
        operation_id="getTechnicalDiagramHotspots",
        responses=HotspotsSerializer,
    )
    @action(detail=True)
    def hotspots(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(HotspotsSerializer(self.permitted(self.get_queryset())).data)

    @extend_schema(
        summary="Replace the regions of a drawing",
        operation_id="setTechnicalDiagramHotspots",
        request=HotspotsSerializer,
        responses=HotspotsSerializer,
    )
    @hotspots.mapping.put
    def set_hotspots(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        diagram = self.lock_object()
        body = HotspotsSerializer(data=request.data, context=self.get_serializer_context())
        body.is_valid(raise_exception=True)
        diagram.change(by=caller(request), **body.validated_data)
        return Response(HotspotsSerializer(diagram).data)


@extend_schema_view(list=extend_schema(summary="List the drawings of a machine", operation_id="listEquipmentDiagrams"))
class EquipmentDiagramViewSet(RoomViewSet):
    """Drawings of one machine."""

    model = TechnicalDiagram
    resource = "EquipmentDiagram"
    serializer_class = DiagramSerializer
    filterset_class = RoomDiagramFilter
    search_fields = ("title",)
    ordering_fields = ORDERING_FIELDS
    permissions = {"list": EVERYONE}

    def rows_of(self, machine: Equipment) -> QuerySet[TechnicalDiagram]:
        return machine.diagrams.all()
