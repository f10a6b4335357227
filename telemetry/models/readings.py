"""What was measured when."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from telemetry.models.catalogue import Series


class Quality(models.IntegerChoices):
    GOOD = 0, _("Good")
    UNCERTAIN = 1, _("Uncertain")


class Reading(models.Model):
    """One measured value, in its metric's unit. The first value stored for a moment stays.

    The table is partitioned by month (telemetry.partitions) and written only by telemetry.ingest. It has no foreign key
    to the series: checking it for every row halves the speed, and ingest resolves every series itself.
    """

    pk = models.CompositePrimaryKey("series_id", "recorded_at")
    series = models.ForeignKey(Series, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="readings")
    recorded_at = models.DateTimeField(_("recorded at"))
    value = models.FloatField(_("value"))
    quality = models.SmallIntegerField(_("quality"), choices=Quality, default=Quality.GOOD, db_default=Quality.GOOD)

    class Meta:
        db_table = "iot_data"
        verbose_name = _("reading")
        verbose_name_plural = _("readings")

    def __str__(self) -> str:
        return f"{self.value:g}"


class LatestReading(models.Model):
    """The newest reading of a series, kept beside it so that a screen of many machines costs one look."""

    series = models.OneToOneField(
        Series, models.PROTECT, primary_key=True, related_name="latest", verbose_name=_("series")
    )
    recorded_at = models.DateTimeField(_("recorded at"))
    value = models.FloatField(_("value"))
    quality = models.SmallIntegerField(_("quality"), choices=Quality, default=Quality.GOOD, db_default=Quality.GOOD)

    class Meta:
        db_table = "iot_latest"
        verbose_name = _("latest reading")
        verbose_name_plural = _("latest readings")

    def __str__(self) -> str:
        return f"{self.series}: {self.value:g}"
