"""Readings summed up over REST: buckets on the site's clock, and points for a chart."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.api.pagination import whole_number
from faultreporter.api.permissions import EVERYONE
from faultreporter.errors import NotFound
from telemetry.aggregation.aggregates import aggregate
from telemetry.aggregation.buckets import BUCKETS, MAX_BUCKETS, edges
from telemetry.charts.chart_points import MAX_POINTS, largest_triangles, min_max
from telemetry.models import Series
from telemetry.serializers.aggregates import ChartSerializer, SeriesAggregateSerializer, bucket_json
from telemetry.viewsets.asked_series import EQUIPMENT, MAX_SERIES, RANGE, SERIES, TZ, AskedSeries
from telemetry.viewsets.readings import SERIES_ID

METHODS = {"MINMAX": min_max, "LTTB": largest_triangles}


class AggregateViewSet(AskedSeries):
    """Readings of series, summed up."""

    unpaged_actions = ("aggregate",)
    ranged_actions = ("aggregate", "chart")
    permissions = {"aggregate": EVERYONE, "chart": EVERYONE}
    parameters = {
        "aggregate": [
            *SERIES,
            *RANGE,
            OpenApiParameter("bucket", str, enum=BUCKETS, required=True, description=f"At most {MAX_BUCKETS} in all."),
            TZ,
        ],
        "chart": [
            OpenApiParameter("series_id", SERIES_ID, description="This, or equipment_id and metric."),
            EQUIPMENT,
            OpenApiParameter("metric", str, description="The code of a metric of the machine."),
            *RANGE,
            OpenApiParameter("points", {"type": "integer", "minimum": 3, "maximum": MAX_POINTS, "default": 500}),
            OpenApiParameter("method", str, enum=list(METHODS), default="MINMAX"),
        ],
    }  # fmt: skip

    @extend_schema(
        operation_id="aggregateReadings", summary="Sum readings up by bucket",
        responses=SeriesAggregateSerializer(many=True),
    )  # fmt: skip
    @action(detail=False)
    def aggregate(self, request: Request) -> Response:
        """Minimum, maximum, mean, sum, number and last per bucket; a bucket without readings is absent, not zero.

        Exact at any moment, late readings included. Days, weeks and months are those of the zone's calendar.
        """
        since, until = self.range()
        bucket = self.choice("bucket", BUCKETS)
        lines = self.asked_series(most=MAX_SERIES)
        zone = self.zone(lines)
        found = edges(bucket, since=since, until=until, zone=zone, most=MAX_BUCKETS // max(len(lines), 1))
        summed = aggregate([line.pk for line in lines], found, at=self.now())
        return Response(
            [
                {
                    **line_json(line),
                    "step": bucket,
                    "source": summed.source,
                    "tz": zone.key,
                    "buckets": [bucket_json(one) for one in summed.buckets[line.pk]],
                }
                for line in lines
            ]
        )

    @extend_schema(operation_id="chartReadings", summary="Read points for a chart", responses=ChartSerializer)
    @action(detail=False)
    def chart(self, request: Request) -> Response:
        """MINMAX loses no peak, however short; LTTB answers readings that draw the same line."""
        since, until = self.range()
        method = self.choice("method", tuple(METHODS), default="MINMAX")
        points = whole_number(request, "points", default=500, least=3, most=MAX_POINTS)
        lines = self.asked_series(most=1)
        if not lines:
            raise NotFound(_("This machine has no readings of that metric."))
        (line,) = lines
        drawn = METHODS[method](line.pk, since=since, until=until, points=points, at=self.now())
        return Response(
            {
                **line_json(line),
                "method": method,
                "step_s": drawn.step and int(drawn.step.total_seconds()),
                "source": drawn.source,
                "points": drawn.points,
            }
        )


def line_json(line: Series) -> dict[str, Any]:
    return {
        "series_id": line.pk,
        "equipment_id": line.equipment_id,
        "metric": line.metric.code,
        "unit": line.metric.unit,
    }
