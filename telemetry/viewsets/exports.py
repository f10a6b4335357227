"""Readings as a file."""

from collections.abc import Generator, Iterator
from threading import BoundedSemaphore
from typing import Any

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request

from faultreporter.api.permissions import EVERYONE
from faultreporter.api.renderers import EnvelopeRenderer
from faultreporter.errors import DomainError
from telemetry.aggregation.aggregates import aggregate
from telemetry.aggregation.buckets import BUCKETS, MAX_BUCKETS, edges
from telemetry.files.exports import buckets_csv, check_length, file_name, readings_csv
from telemetry.viewsets.asked_series import MAX_SERIES, RANGE, SERIES, TZ, AskedSeries

AT_ONCE = BoundedSemaphore(2)
"""Files that a process sends at the same time. Each takes one of its few threads for as long as its reader is slow."""
RETRY_AFTER = 5


class ExportBusy(DomainError):
    """Too many files are being sent at once; this one may be asked for again in a moment."""

    code = "EXPORT_BUSY"
    http_status = 429
    retry_after = RETRY_AFTER


class Sending:
    """The pieces of a file on their way. Whoever ends it, finished or not, makes room for the next."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        if not AT_ONCE.acquire(blocking=False):
            message = _("Other files are being sent; try again in a moment.")
            raise ExportBusy(message, meta={"retry_after": RETRY_AFTER})
        self.pieces, self.open = pieces, True

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces

    def close(self) -> None:
        if self.open:
            self.open = False
            if isinstance(self.pieces, Generator):
                self.pieces.close()
            AT_ONCE.release()


class CsvRenderer(EnvelopeRenderer):
    """Lets a caller ask for `text/csv`; the file itself isn't rendered, and an error is JSON all the same."""

    media_type = "text/csv"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        (renderer_context or {})["response"]["Content-Type"] = EnvelopeRenderer.media_type
        return super().render(data, accepted_media_type, renderer_context)


class ExportViewSet(AskedSeries):
    """Readings of series as a file."""

    ranged_actions = ("export",)
    permissions = {"export": EVERYONE}
    parameters = {
        "export": [
            *SERIES,
            *RANGE,
            OpenApiParameter(
                "bucket", str, enum=BUCKETS, description=f"A row for each bucket instead; at most {MAX_BUCKETS} in all."
            ),
            TZ,
            OpenApiParameter("format", str, enum=["csv"], default="csv"),
        ]
    }

    @extend_schema(
        operation_id="exportReadings",
        summary="Read readings as a file",
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    @action(detail=False, renderer_classes=[CsvRenderer, EnvelopeRenderer])
    def export(self, request: Request) -> HttpResponseBase:
        """CSV in UTF-8: a heading, then series after series, oldest first. Void readings are left out.

        The columns are `recorded_at`, `equipment_code`, `metric`, `unit`, `value`; with `bucket` they are `starts_at`,
        `ends_at`, `equipment_code`, `metric`, `unit`, `count`, `min`, `max`, `avg`, `sum`, `last`, `last_at`. Times
        have the offset of the time zone. A text that spreadsheets would take for a formula has an apostrophe before it.
        At most 1,000,000 readings; more are refused, never cut.
        """
        self.choice("format", ("csv",), default="csv")
        since, until = self.range()
        bucket = self.choice("bucket", BUCKETS) if "bucket" in request.query_params else ""
        lines = self.asked_series(most=MAX_SERIES)
        zone = self.zone(lines)
        if bucket:
            found = edges(bucket, since=since, until=until, zone=zone, most=MAX_BUCKETS // max(len(lines), 1))
            summed = aggregate([line.pk for line in lines], found, at=self.now())
            pieces = buckets_csv(lines, summed.buckets, zone=zone)
        else:
            check_length(lines, since=since, until=until)
            pieces = readings_csv(lines, since=since, until=until, zone=zone)
        return sent(pieces, name=file_name(lines, since=since, until=until, zone=zone, bucket=bucket))


def sent(pieces: Iterator[bytes], *, name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(Sending(pieces), content_type="text/csv; charset=utf-8; header=present")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response
