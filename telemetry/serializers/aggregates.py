"""What aggregates and charts look like in the schema; the answers are built without them, they can be long."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from telemetry.aggregation.aggregates import Bucket
from telemetry.aggregation.buckets import BUCKETS
from telemetry.serializers.fields import NumberField

SOURCES = ("raw", "1m", "15m", "1h", "1d")


class BucketSerializer(serializers.Serializer[Any]):
    """A stretch that has readings. The first begins at `from` and the last ends at `to`, wherever in it they lie."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    count = serializers.IntegerField(min_value=1)
    min = NumberField()
    max = NumberField()
    avg = NumberField(allow_null=True, help_text=_("Null where the values are too large to add up."))
    sum = NumberField(allow_null=True)
    last = NumberField()
    last_at = serializers.DateTimeField()


class SeriesAggregateSerializer(serializers.Serializer[Any]):
    """What one series comes to, bucket by bucket. A bucket without readings is absent, not zero."""

    series_id = serializers.IntegerField()
    equipment_id = serializers.UUIDField()
    metric = serializers.CharField()
    unit = serializers.CharField(help_text=_("The metric's unit, a UCUM code."))
    step = serializers.ChoiceField(choices=BUCKETS)
    source = serializers.ChoiceField(choices=SOURCES, help_text=_("The coarsest rows that were read. All are exact."))  # type: ignore[assignment]  # a field
    tz = serializers.CharField()
    buckets = serializers.ListField(child=BucketSerializer())


class ChartSerializer(serializers.Serializer[Any]):
    """One series, as compact as a drawing needs it."""

    series_id = serializers.IntegerField()
    equipment_id = serializers.UUIDField()
    metric = serializers.CharField()
    unit = serializers.CharField(help_text=_("The metric's unit, a UCUM code."))
    method = serializers.ChoiceField(choices=("MINMAX", "LTTB"))
    step_s = serializers.IntegerField(
        allow_null=True, help_text=_("Seconds between columns; null where each point is a reading.")
    )
    source = serializers.ChoiceField(choices=SOURCES)  # type: ignore[assignment]  # a field
    points = serializers.ListField(
        child=serializers.ListField(child=NumberField(), min_length=2, max_length=4),
        help_text=_(
            "MINMAX: [milliseconds since 1970, minimum, maximum, mean]; LTTB: [milliseconds since 1970, value]."
        ),
    )


def bucket_json(bucket: Bucket) -> dict[str, Any]:
    return {
        "starts_at": bucket.starts_at,
        "ends_at": bucket.ends_at,
        "count": bucket.n,
        "min": bucket.min,
        "max": bucket.max,
        "avg": bucket.avg,
        "sum": bucket.sum,
        "last": bucket.last,
        "last_at": bucket.last_at,
    }
