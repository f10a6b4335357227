"""What was measured when, and what arrived lately."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from telemetry.models.catalogue import Series


class Quality(models.IntegerChoices):
    GOOD = 0, _("Good")
    VOID = 1, _("Void")


class ReadingQuerySet(models.QuerySet["Reading"]):
    def good(self) -> Self:
        return self.exclude(quality=Quality.VOID)


class Reading(models.Model):
    """One measured value, in its metric's unit. The first value stored for a moment stays.

    The table is partitioned by month (telemetry.store.partitions) and written only by telemetry.intake.ingest. It has
    no foreign key to the series: checking it for every row halves the speed, and ingest resolves every series itself.
    Statements that read what was measured name the view `iot_readings`, which leaves out what is void.
    """

    pk = models.CompositePrimaryKey("series_id", "recorded_at")
    series = models.ForeignKey(Series, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="readings")
    recorded_at = models.DateTimeField(_("recorded at"))
    value = models.FloatField(_("value"))
    quality = models.SmallIntegerField(_("quality"), choices=Quality, default=Quality.GOOD, db_default=Quality.GOOD)

    objects = ReadingQuerySet.as_manager()

    class Meta:
        db_table = "iot_data"
        verbose_name = _("reading")
        verbose_name_plural = _("readings")

    def __str__(self) -> str:
        return f"{self.value:g}"


class LatestReadingQuerySet(models.QuerySet["LatestReading"]):
    def good(self) -> Self:
        """Those that aren't void: what a screen, a plan or the assistant may go by."""
        return self.exclude(void_at=F("recorded_at"))


class LatestReading(models.Model):
    """The newest reading of a series, kept beside it so that a screen of many machines costs one look.

    No stored reading of the series is newer, void ones included, and whoever stores readings holds this row first
    (telemetry.store.storage). A newer reading leaves `void_at` as it is, which says nothing about it.
    """

    series = models.OneToOneField(
        Series, models.PROTECT, primary_key=True, related_name="latest", verbose_name=_("series")
    )
    recorded_at = models.DateTimeField(_("recorded at"))
    value = models.FloatField(_("value"))
    received_at = models.DateTimeField(_("received at"), db_default=Now(), help_text=_("Its arrival, by our clock."))
    previous_at = models.DateTimeField(
        _("previous reading"), null=True, blank=True, help_text=_("The newest before the batch that brought this one.")
    )
    void_at = models.DateTimeField(
        _("void reading"), null=True, blank=True, help_text=_("The reading of this moment is void.")
    )

    objects = LatestReadingQuerySet.as_manager()

    class Meta:
        db_table = "iot_latest"
        verbose_name = _("latest reading")
        verbose_name_plural = _("latest readings")

    def __str__(self) -> str:
        return f"{self.series}: {self.value:g}"

    @property
    def quality(self) -> Quality:
        return Quality.VOID if self.void_at == self.recorded_at else Quality.GOOD


class Arrival(models.Model):
    """A batch that stored readings: which times of which series have changed and are to be rolled up anew.

    `series[i]` got readings from `first_at[i]` to `last_at[i]`, both of one quarter of an hour (UTC). A row is written
    in the transaction that stores the readings and deleted in the one that rolls them up: what is not in here is rolled
    up. Only ever inserted by ingest, so that storing never waits for rolling up.
    """

    received_at = models.DateTimeField(_("received at"))
    series = ArrayField(models.IntegerField(), verbose_name=_("series"))
    first_at = ArrayField(models.DateTimeField(), verbose_name=_("first readings"))
    last_at = ArrayField(models.DateTimeField(), verbose_name=_("last readings"))

    class Meta:
        db_table = "iot_arrivals"
        verbose_name = _("arrival")
        verbose_name_plural = _("arrivals")

    def __str__(self) -> str:
        return f"{self.received_at:%Y-%m-%d %H:%M:%S}"
