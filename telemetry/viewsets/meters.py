from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.accounts.authentication import caller
from faultreporter.api.permissions import EVERYONE, MANAGERS
from faultreporter.api.viewsets import ModelViewSet
from faultreporter.errors import InvalidParameter, NotFound, RangeTooLarge
from telemetry.filters import MeterFilter, TariffFilter
from telemetry.metering.counters import Bucket
from telemetry.metering.meters import Consumption, consumption
from telemetry.models import Meter, Tariff
from telemetry.serializers.meters import ConsumptionSerializer, ExchangeSerializer, MeterSerializer, TariffSerializer
from telemetry.viewsets.catalogue import READ_ALL_WRITE_MANAGERS
from telemetry.viewsets.readings import moment

MAX_BUCKETS = 1_000
# What is asked without `from`, and how long a bucket lasts at least.
DEFAULT_SPAN = {Bucket.HOUR: timedelta(days=2), Bucket.DAY: timedelta(days=31), Bucket.MONTH: timedelta(days=366)}
SHORTEST = {Bucket.HOUR: timedelta(minutes=30), Bucket.DAY: timedelta(hours=23), Bucket.MONTH: timedelta(days=28)}

CONSUMPTION = (
    OpenApiParameter("from", OpenApiTypes.DATETIME, description="Inclusive; by default 2 days, 31 days or a year ago."),
    OpenApiParameter("to", OpenApiTypes.DATETIME, description="Exclusive; by default now."),
    OpenApiParameter("bucket", str, enum=[bucket.value for bucket in Bucket], description="1d if left out."),
    OpenApiParameter("tz", str, description="An IANA time zone such as Europe/Berlin; the site's if left out."),
)


@extend_schema_view(
    list=extend_schema(summary="List meters"),
    retrieve=extend_schema(summary="Read a meter"),
    create=extend_schema(summary="Add a meter to a counter"),
    update=extend_schema(summary="Change a meter"),
    partial_update=extend_schema(summary="Change a meter"),
    destroy=extend_schema(summary="Delete a meter; its readings stay"),
)
class MeterViewSet(ModelViewSet):
    """Meters of electricity, gas, water, heat, cooling and compressed air, and what was used through them."""

    model = Meter
    resource = "Meter"
    serializer_class = MeterSerializer
    filterset_class = MeterFilter
    search_fields = ("name", "serial_number")
    ordering = ("name",)
    ordering_fields = ("name", "utility", "created_at", "updated_at")
    detail_select_related = ("series__metric", "equipment__location__site", "location__site")
    ranged_actions = ("consumption",)
    permissions = READ_ALL_WRITE_MANAGERS | {
        "consumption": EVERYONE,
        "exchanges": MANAGERS,
        "delete_exchange": MANAGERS,
    }
    parameters = {"consumption": CONSUMPTION}

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows.select_related("series__metric").prefetch_related("exchanges") if self.action == "list" else rows

    def prefetched(self, rows: Any) -> Any:
        return rows.prefetch_related("exchanges")

    def create_record(self, data: dict[str, Any]) -> Meter:
        return Meter.add(by=caller(self.request), **data)

    def change_record(self, record: Meter, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), **data)

    @extend_schema(
        summary="Tell what was used through a meter, by hour, day or month",
        operation_id="getMeterConsumption",
        responses=ConsumptionSerializer,
    )
    @action(detail=True)
    def consumption(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        meter = self.permitted(self.prefetched(self.get_queryset()))
        bucket, zone = bucket_of(request), zone_of(request, meter)
        until = moment(request, "to") or self.now()
        since = moment(request, "from") or until - DEFAULT_SPAN[bucket]
        if since >= until:
            raise InvalidParameter(_("from must be before to."), field="from")
        if until - since > MAX_BUCKETS * SHORTEST[bucket]:
            message = _("That is more than %(most)d buckets; ask for less time or longer buckets.")
            raise RangeTooLarge(message % {"most": MAX_BUCKETS}, field="from", meta={"most": MAX_BUCKETS})
        found = consumption(meter, since=since, until=until, bucket=bucket, zone=zone)
        return Response(ConsumptionSerializer(told(meter, found, bucket, zone)).data)

    @extend_schema(
        summary="Record that a meter was replaced, with the last reading of the old one and the first of the new one",
        operation_id="createMeterExchange",
        request=ExchangeSerializer,
        responses={201: MeterSerializer},
    )
    @action(detail=True, methods=["post"])
    def exchanges(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        meter = self.lock_object()
        meter.record_exchange(by=caller(request), now=self.now(), **self.body(ExchangeSerializer))
        location = reverse("meter-detail", args=[meter.pk])
        return self.answer(self.reload(meter), code=status.HTTP_201_CREATED, message=_("Recorded."), location=location)

    @extend_schema(summary="Take back the record of an exchange", operation_id="deleteMeterExchange")
    @action(detail=True, methods=["delete"], url_path=rf"exchanges/(?P<exchange_id>{ModelViewSet.lookup_value_regex})")
    def delete_exchange(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        exchange = self.lock_object().exchanges.filter(pk=kwargs["exchange_id"]).first()
        if exchange is None:
            raise NotFound(_("This meter has no such exchange."))
        exchange.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


def bucket_of(request: Request) -> Bucket:
    text = request.query_params.get("bucket", Bucket.DAY)
    if text not in list(Bucket):
        raise InvalidParameter(_("bucket is one of 1h, 1d and 1mo."), field="bucket")
    return Bucket(text)


def zone_of(request: Request, meter: Meter) -> ZoneInfo:
    name = request.query_params.get("tz", "")
    if not name:
        return meter.zone()
    if name not in available_timezones():
        raise InvalidParameter(_("tz is no IANA time zone; such are UTC and Europe/Berlin."), field="tz")
    return ZoneInfo(name)


def told(meter: Meter, found: Consumption, bucket: Bucket, zone: ZoneInfo) -> dict[str, Any]:
    total = found.total
    return {
        "meter_id": meter.pk,
        "unit": meter.unit,
        "bucket": bucket.value,
        "time_zone": zone.key,
        "gap_s": found.max_gap.total_seconds(),
        "total": total,
        "estimated_share": found.estimated / total if total else 0.0,
        "coverage": found.coverage,
        "buckets": found.uses,
    }


@extend_schema_view(
    list=extend_schema(summary="List tariffs"),
    retrieve=extend_schema(summary="Read a tariff"),
    create=extend_schema(summary="Add a tariff that is valid from a day on"),
    update=extend_schema(summary="Change a tariff"),
    partial_update=extend_schema(summary="Change a tariff"),
    destroy=extend_schema(summary="Delete a tariff"),
)
class TariffViewSet(ModelViewSet):
    """What energy and water cost and emit, from which day on, everywhere or on a site."""

    model = Tariff
    resource = "Tariff"
    serializer_class = TariffSerializer
    filterset_class = TariffFilter
    ordering = ("utility", "-valid_from")
    ordering_fields = ("utility", "valid_from", "price", "created_at", "updated_at")
    permissions = dict.fromkeys(READ_ALL_WRITE_MANAGERS, MANAGERS)

    def create_record(self, data: dict[str, Any]) -> Tariff:
        tariff = Tariff(**data)
        tariff.store()
        return tariff

    def change_record(self, record: Tariff, data: dict[str, Any]) -> None:
        for name, value in data.items():
            setattr(record, name, value)
        record.store()
