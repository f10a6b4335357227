from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.accounts.authentication import caller
from faultreporter.api.permissions import EVERYONE, MANAGERS
from faultreporter.api.viewsets import ModelViewSet
from telemetry.filters import DeviceKeyFilter, MetricFilter
from telemetry.models import DeviceKey, Metric
from telemetry.serializers.catalogue import DeviceKeySerializer, IssuedDeviceKeySerializer, MetricSerializer

READ_ALL_WRITE_MANAGERS = {
    "list": EVERYONE,
    "retrieve": EVERYONE,
    "create": MANAGERS,
    "update": MANAGERS,
    "partial_update": MANAGERS,
    "destroy": MANAGERS,
}


@extend_schema_view(
    list=extend_schema(summary="List metrics"),
    retrieve=extend_schema(summary="Read a metric"),
    create=extend_schema(summary="Add a metric"),
    update=extend_schema(summary="Change a metric; code and unit only while nothing refers to it"),
    partial_update=extend_schema(summary="Change a metric; code and unit only while nothing refers to it"),
    destroy=extend_schema(summary="Delete a metric that nothing refers to"),
)
class MetricViewSet(ModelViewSet):
    """What can be measured, and in which unit it is stored."""

    model = Metric
    resource = "Metric"
    serializer_class = MetricSerializer
    filterset_class = MetricFilter
    search_fields = ("code", "name", "brick_class")
    ordering = ("code",)
    ordering_fields = ("code", "name", "unit", "kind", "created_at", "updated_at")
    permissions = READ_ALL_WRITE_MANAGERS

    def create_record(self, data: dict[str, Any]) -> Metric:
        return Metric.add(by=caller(self.request), **data)

    def change_record(self, record: Metric, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), **data)


@extend_schema_view(
    list=extend_schema(summary="List the keys of gateways"),
    retrieve=extend_schema(summary="Read a key's name and reach; the key itself is stored nowhere"),
    create=extend_schema(summary="Issue a key; the answer shows it, once", responses={201: IssuedDeviceKeySerializer}),
    update=extend_schema(summary="Change a key's name or reach"),
    partial_update=extend_schema(summary="Change a key's name or reach"),
    destroy=extend_schema(summary="Revoke a key at once"),
)
class DeviceKeyViewSet(ModelViewSet):
    """What gateways send their readings with."""

    model = DeviceKey
    resource = "DeviceKey"
    serializer_class = DeviceKeySerializer
    filterset_class = DeviceKeyFilter
    search_fields = ("name", "device_id", "prefix")
    ordering_fields = ("name", "last_used_at", "created_at", "updated_at")
    permissions = {**dict.fromkeys(READ_ALL_WRITE_MANAGERS, MANAGERS), "rotate": MANAGERS}

    def get_queryset(self) -> Any:
        return self.prefetched(super().get_queryset())

    def prefetched(self, rows: Any) -> Any:
        return rows.prefetch_related("equipment")

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        key, plain = DeviceKey.issue(by=caller(request), **self.validated())
        return self.showing(plain, self.created(key))

    def change_record(self, record: DeviceKey, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), **data)

    @extend_schema(
        summary="Issue a new key beside the present one, which stays valid for a week",
        request=None,
        responses=IssuedDeviceKeySerializer,
    )
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = self.lock_object()
        plain = key.rotate(by=caller(request), at=self.now())
        return self.showing(plain, self.answer(self.reload(key), code=status.HTTP_200_OK, message=_("Rotated.")))

    @staticmethod
    def showing(plain: str, response: Response) -> Response:
        response.data = {**response.data, "key": plain}
        return response
