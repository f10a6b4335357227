"""Readings over REST: a batch in, pages and the latest out."""

import uuid
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.authentication import BaseAuthentication
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from equipment.models import Equipment
from faultreporter.accounts.authentication import caller
from faultreporter.api.pagination import cursor_response, decode_cursor, encode_cursor, whole_number
from faultreporter.api.permissions import DEVICES_AND_ADMINS, EVERYONE
from faultreporter.api.text import with_plus
from faultreporter.api.viewsets import ApiView, GenericViewSet
from faultreporter.errors import InvalidParameter, NotFound, RangeTooLarge, ValidationFailed
from locations.models import Location
from telemetry.authentication import Device, DeviceKeyAuthentication
from telemetry.intake.checks import TIMESTAMP
from telemetry.intake.ingest import ingest
from telemetry.intake.parsers import JSONReadingsParser, NDJSONReadingsParser
from telemetry.intake.pressure import gate
from telemetry.models import Metric, Reading, Series
from telemetry.serializers.readings import (
    IngestResultSerializer,
    MachineReadingSerializer,
    ReadingSerializer,
    SentReadingsSerializer,
    machine_reading_json,
    reading_json,
)
from telemetry.store.history import LARGEST_SERIES, Page, Position, latest_of, read_page

MAX_LIMIT = 1_000
DEFAULT_LIMIT = 100
MAX_LISTED = 500
MAX_MACHINES = 5_000
SERIES_ID = {"type": "integer", "minimum": 1, "maximum": LARGEST_SERIES}
MAX_TICKS = 2 * 10**16  # microseconds: about the year 2600

INCLUDE_VOID = OpenApiParameter(
    "include_void", bool, description="Also readings that a manager has declared void: `quality` says which."
)
METRIC = OpenApiParameter("metric", str, description="The code of one metric.")
RANGE = (
    OpenApiParameter("from", OpenApiTypes.DATETIME, description="Inclusive."),
    OpenApiParameter("to", OpenApiTypes.DATETIME, description="Exclusive."),
    OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
    OpenApiParameter("cursor", str, description="`next_cursor` of the page before."),
)


def moment(request: Request, name: str) -> datetime | None:
    """A time with an offset."""
    text = with_plus(request.query_params.get(name, ""))
    if not text:
        return None
    try:
        if TIMESTAMP.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    message = _("%(name)s must be a time with an offset, such as 2026-03-01T12:00:00Z.") % {"name": name}
    raise InvalidParameter(message, field=name)


def key_parameter(request: Request, name: str) -> uuid.UUID | None:
    text = request.query_params.get(name, "")
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        raise InvalidParameter(_("%(name)s must be a UUID.") % {"name": name}, field=name) from None


def keys_parameter(request: Request, name: str) -> list[uuid.UUID]:
    parts = [part.strip() for part in request.query_params.get(name, "").split(",") if part.strip()]
    if len(parts) > MAX_LISTED:
        message = _("%(name)s takes at most %(most)d at a time.") % {"name": name, "most": MAX_LISTED}
        raise RangeTooLarge(message, field=name, meta={"most": MAX_LISTED})
    try:
        return [uuid.UUID(part) for part in parts]
    except ValueError:
        raise InvalidParameter(_("%(name)s must be a comma list of UUIDs.") % {"name": name}, field=name) from None


def truth(request: Request, name: str) -> bool:
    text = request.query_params.get(name, "").lower()
    if text not in ("", "true", "false"):
        raise InvalidParameter(_("%(name)s must be true or false.") % {"name": name}, field=name)
    return text == "true"


def position(request: Request) -> Position | None:
    text = request.query_params.get("cursor", "")
    if not text:
        return None
    ticks, series_id = decode_cursor(text, 2)
    if type(ticks) is int and type(series_id) is int and abs(ticks) < MAX_TICKS and abs(series_id) <= LARGEST_SERIES:
        return Position.from_ticks(ticks, series_id)
    raise InvalidParameter(_("The cursor is not one this list has given; start again without it."), field="cursor")


def cursor_of(found: Page) -> str | None:
    return None if found.next is None else encode_cursor([found.next.ticks, found.next.series_id])


class ReadingViewSet(GenericViewSet):
    """Readings of machines, newest first."""

    model = Reading
    resource = "Reading"
    parser_classes = [JSONReadingsParser, NDJSONReadingsParser]
    filter_backends = ()
    pagination_class = None
    cursor_actions = ("list", "of_equipment")
    unpaged_actions = ("latest",)
    ranged_actions = ("latest",)
    permissions = {"list": EVERYONE, "of_equipment": EVERYONE, "latest": EVERYONE, "create": DEVICES_AND_ADMINS}
    parameters = {
        "list": [
            OpenApiParameter("equipment_id", OpenApiTypes.UUID, description="This or series_id is required."),
            OpenApiParameter("series_id", SERIES_ID, description="One metric of one machine."),
            METRIC,
            INCLUDE_VOID,
            *RANGE,
        ],
        "of_equipment": [METRIC, INCLUDE_VOID, *RANGE],
        "latest": [
            OpenApiParameter(
                "equipment_ids", OpenApiTypes.UUID, many=True, explode=False, style="form",
                description=f"At most {MAX_LISTED}. This or location_id is required; others are left out.",
            ),
            OpenApiParameter("location_id", OpenApiTypes.UUID, description="All machines in this place and below it."),
            METRIC,
        ],
    }  # fmt: skip

    def get_authenticators(self) -> "list[BaseAuthentication]":
        """Gateways only send; what they measure is not theirs to read."""
        sends = self.request is not None and self.request.method == "POST"
        return [*super().get_authenticators(), *([DeviceKeyAuthentication()] if sends else [])]

    def known_parameters(self) -> set[str]:
        return ApiView.known_parameters(self)

    @extend_schema(
        operation_id="ingestReadings",
        summary="Send readings",
        request={"application/json": SentReadingsSerializer, "application/x-ndjson": OpenApiTypes.STR},
        responses={
            200: OpenApiResponse(IngestResultSerializer, "All were taken, or stored before."),
            207: OpenApiResponse(IngestResultSerializer, "Some were rejected; `errors` says why."),
        },
    )
    def create(self, request: Request) -> Response:
        """Sending the same readings again changes nothing. Bodies may be gzipped (Content-Encoding)."""
        if not isinstance(request.data, list):
            raise ValidationFailed(_("Send an object with the list “readings”."), field="readings")
        device = request.user if isinstance(request.user, Device) else None
        with gate.batch(at=self.now()):
            result = ingest(
                request.data,
                at=self.now(),
                allowed=device.allowed if device else None,
                gateway=device.pk if device else None,
                version=device.version if device else None,
            )
        return Response(asdict(result), status=status.HTTP_207_MULTI_STATUS if result.rejected else status.HTTP_200_OK)

    @extend_schema(summary="List readings", responses=MachineReadingSerializer(many=True))
    def list(self, request: Request) -> Response:
        equipment_id, series_id = key_parameter(request, "equipment_id"), request.query_params.get("series_id", "")
        lines = Series.objects.for_user(caller(request))
        if equipment_id is None and not series_id:
            raise InvalidParameter(
                _("Name the machine (equipment_id) or the series (series_id)."), field="equipment_id"
            )
        if series_id:
            lines = lines.filter(pk=whole_number(request, "series_id", default=0, least=1, most=LARGEST_SERIES))
        if equipment_id:
            lines = lines.filter(equipment=equipment_id)
        found = self.page(lines)
        return cursor_response([machine_reading_json(line) for line in found.lines], next_cursor=cursor_of(found))

    @extend_schema(
        operation_id="listEquipmentReadings",
        summary="List one machine's readings",
        responses=ReadingSerializer(many=True),
    )
    def of_equipment(self, request: Request, equipment_id: uuid.UUID) -> Response:
        """Newest first."""
        if not Equipment.objects.for_user(caller(request)).living().filter(pk=equipment_id).exists():
            raise NotFound(_("There is no such machine, or it is out of your sight."))
        found = self.page(Series.objects.filter(equipment=equipment_id))
        return cursor_response([reading_json(line) for line in found.lines], next_cursor=cursor_of(found))

    def page(self, lines: "QuerySet[Series]") -> Page:
        request, metric = self.request, self.metric_parameter()
        return read_page(
            list((lines.filter(metric__code=metric) if metric else lines).select_related("metric")),
            since=moment(request, "from"),
            until=moment(request, "to"),
            after=position(request),
            limit=whole_number(request, "limit", default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT),
            include_void=truth(request, "include_void"),
        )

    def metric_parameter(self) -> str:
        code = self.request.query_params.get("metric", "")
        if code and not Metric.objects.living().filter(code=code.replace("\0", "")).exists():
            raise InvalidParameter(_("There is no such metric; GET /iot-metrics lists them."), field="metric")
        return code

    @extend_schema(
        operation_id="listLatestReadings", summary="Read the latest values of many machines",
        responses=MachineReadingSerializer(many=True),
    )  # fmt: skip
    @action(detail=False)
    def latest(self, request: Request) -> Response:
        """One reading per machine and metric, in one round trip."""
        lines = latest_of(self.asked_equipment(), metric=self.metric_parameter())
        return Response([machine_reading_json(line) for line in lines])

    def asked_equipment(self) -> "QuerySet[Equipment]":
        keys, location_id = keys_parameter(self.request, "equipment_ids"), key_parameter(self.request, "location_id")
        if not keys and location_id is None:
            message = _("Name the machines (equipment_ids) or the place (location_id).")
            raise InvalidParameter(message, field="equipment_ids")
        rows = Equipment.objects.for_user(caller(self.request)).living()
        if keys:
            rows = rows.named(keys)
        if location_id is not None:
            rows = self.in_location(rows, location_id)
        return rows

    def in_location(self, rows: Any, location_id: uuid.UUID) -> Any:
        if not Location.objects.for_user(caller(self.request)).living().filter(pk=location_id).exists():
            raise NotFound(_("There is no such place, or it is out of your sight."))
        rows = rows.in_location(location_id)
        if rows[: MAX_MACHINES + 1].count() > MAX_MACHINES:
            message = _("There are more than %(most)d machines; name a smaller place.") % {"most": MAX_MACHINES}
            raise RangeTooLarge(message, field="location_id", meta={"most": MAX_MACHINES})
        return rows
