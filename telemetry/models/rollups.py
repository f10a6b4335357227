"""Readings summed up, so that a year is a few hundred rows."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from telemetry.models.catalogue import Series


class Rollup(models.Model):
    """What the readings of one series came to in one stretch of UTC time. No row: no readings.

    Written only by telemetry.aggregation.rollups, from the stored readings. `sum` isn't finite where readings are
    beyond 1e290; everything else is exact.
    """

    pk = models.CompositePrimaryKey("series_id", "bucket_at")
    series = models.ForeignKey(Series, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    n = models.IntegerField(_("readings"))
    bucket_at = models.DateTimeField(_("from"))
    sum = models.FloatField(_("sum"))
    min = models.FloatField(_("minimum"))
    max = models.FloatField(_("maximum"))
    last = models.FloatField(_("last value"))
    last_at = models.DateTimeField(_("last recorded at"))

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.bucket_at:%Y-%m-%d %H:%M}: {self.n}"


class MinuteRollup(Rollup):
    """By minute; partitioned by month and kept for weeks."""

    class Meta:
        db_table = "iot_rollup_1m"


class QuarterRollup(Rollup):
    """By quarter of an hour: every zone's hours and days begin on one. Partitioned by month and kept for years."""

    class Meta:
        db_table = "iot_rollup_15m"


class HourRollup(Rollup):
    """By hour, kept for good."""

    class Meta:
        db_table = "iot_rollup_1h"


class DayRollup(Rollup):
    """By day of UTC, kept for good."""

    class Meta:
        db_table = "iot_rollup_1d"
