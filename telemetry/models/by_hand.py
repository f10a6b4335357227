"""Readings that people took: who read the dial, when it was typed in, and what they noted."""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.models import User
from faultreporter.db import TimeStampedModel, TimeStampedQuerySet
from telemetry.models.catalogue import Series


class HandReadingQuerySet(TimeStampedQuerySet["HandReading"]):
    def for_user(self, user: User) -> Self:
        return self.filter(series__in=Series.objects.for_user(user))


class HandReading(TimeStampedModel):
    """A person stood before a gauge or a meter and typed what it showed.

    The value itself is a reading as any other (telemetry.intake.ingest); this row, written in the same transaction,
    says who took it. `created_at` is when it reached us: a phone without a connection sends it later.
    """

    audited: ClassVar[bool] = True

    series = models.ForeignKey(
        Series, models.PROTECT, related_name="hand_readings", db_index=False, verbose_name=_("series")
    )
    recorded_at = models.DateTimeField(_("recorded at"))
    value = models.FloatField(_("value"), help_text=_("In the metric's unit."))
    note = models.CharField(_("note"), max_length=200, blank=True)
    is_confirmed = models.BooleanField(
        _("confirmed"), default=False, help_text=_("It was implausible, and the person said that it is right.")
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, editable=False, related_name="+", db_index=False,
        verbose_name=_("by"),
    )  # fmt: skip

    objects = HandReadingQuerySet.as_manager()

    class Meta:
        db_table = "iot_hand_readings"
        verbose_name = _("reading by hand")
        verbose_name_plural = _("readings by hand")
        ordering = ("-recorded_at", "-id")
        constraints = [
            # also what the readings of one series are found by
            models.UniqueConstraint(fields=["series", "recorded_at"], name="uniq_iot_hand_readings_moment"),
        ]
        indexes = [
            # GET /iot-data/by-hand and the back office's list, newest first
            models.Index(fields=["-recorded_at", "-id"], name="idx_iot_hand_readings_newest"),
            models.Index(fields=["by", "-recorded_at"], name="idx_iot_hand_readings_person"),
        ]

    def __str__(self) -> str:
        return f"{self.value:g}"
