"""Readings that somebody has declared wrong."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery, Sum
from django.utils.translation import gettext_lazy as _

from equipment.models import Equipment
from faultreporter.accounts.models import User
from faultreporter.db import TimeStampedModel, TimeStampedQuerySet
from telemetry.models.catalogue import Series


class ReadingVoidQuerySet(TimeStampedQuerySet["ReadingVoid"]):
    def for_user(self, user: User) -> Self:
        """Those of series that this person sees, all of them: who sees only some can't take it back."""
        unseen = VoidedSeries.objects.exclude(series__equipment__in=Equipment.objects.for_user(user))
        return self.exclude(Exists(unseen.filter(void=OuterRef("pk"))))

    def active(self) -> Self:
        return self.filter(taken_back_at=None)

    def taken_back(self) -> Self:
        return self.exclude(taken_back_at=None)

    def of(self, **series: Any) -> Self:
        """Those about a series of which this is true: `pk=7`, `equipment=…`."""
        rows = Series.objects.filter(**series)
        return self.filter(Exists(VoidedSeries.objects.filter(void=OuterRef("pk"), series__in=rows)))

    def with_readings(self) -> Self:
        """Adds `readings`, how many it covered when it was said."""
        lines = VoidedSeries.objects.filter(void=OuterRef("pk")).order_by().values("void")
        return self.annotate(readings=Subquery(lines.annotate(total=Sum("readings")).values("total")))


class ReadingVoid(TimeStampedModel):
    """That what some sensors said between two moments was wrong: a stuck sensor, a wrong unit, a test.

    The readings stay, so that sending them again changes nothing. A reading is void while any of these that wasn't
    taken back covers it, whenever it arrived: `iot_data.quality` follows from these rows (telemetry.voiding).
    """

    audited: ClassVar[bool] = True

    since = models.DateTimeField(_("from"))
    until = models.DateTimeField(_("to"), help_text=_("Readings of this very moment stay good."))
    reason = models.CharField(_("reason"), max_length=300)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        db_index=False, verbose_name=_("declared by"),
    )  # fmt: skip
    taken_back_at = models.DateTimeField(_("taken back at"), null=True, blank=True, editable=False)
    taken_back_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        db_index=False, verbose_name=_("taken back by"),
    )  # fmt: skip

    objects = ReadingVoidQuerySet.as_manager()

    class Meta:
        db_table = "iot_voids"
        verbose_name = _("void readings")
        verbose_name_plural = _("void readings")
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=Q(until__gt=F("since")),
                name="check_iot_voids_order",
                violation_error_message=_("The end must come after the beginning."),
            ),
        ]
        indexes = [
            # the list, newest first
            models.Index(fields=["-created_at", "-id"], name="idx_iot_voids_newest"),
        ]

    def __str__(self) -> str:
        return self.reason

    @property
    def is_active(self) -> bool:
        return self.taken_back_at is None

    @property
    def progress(self) -> float:
        """From 0 to 1: how much of its time says by now what it should. `lines` are loaded."""
        lines = list(self.lines.all())
        whole = len(lines) * (self.until - self.since)
        done = sum((line.settled_to - self.since for line in lines), timedelta(0))
        return done / whole if whole else 1.0


class VoidedSeries(models.Model):
    """One series of such a stretch. Up to `settled_to` its readings say by now whether they are void."""

    void = models.ForeignKey(ReadingVoid, models.CASCADE, related_name="lines", db_index=False)
    series = models.ForeignKey(Series, models.PROTECT, related_name="voids", verbose_name=_("series"))
    readings = models.BigIntegerField(_("readings"), help_text=_("Stored in its time when it was declared."))
    settled_to = models.DateTimeField(editable=False)
    is_settled = models.BooleanField(default=False, editable=False)

    class Meta:
        db_table = "iot_void_series"
        verbose_name = _("series with void readings")
        verbose_name_plural = _("series with void readings")
        constraints = [
            models.UniqueConstraint(fields=["void", "series"], name="uniq_iot_void_series"),
        ]
        indexes = [
            # what a worker has still to do
            models.Index(fields=["id"], name="idx_iot_void_series_waiting", condition=Q(is_settled=False)),
        ]

    def __str__(self) -> str:
        return str(self.series)

    def move_on(self, *, to: datetime, until: datetime) -> None:
        self.settled_to, self.is_settled = to, to >= until
        self.save(update_fields=["settled_to", "is_settled"])
