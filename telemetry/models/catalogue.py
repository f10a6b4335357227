"""What can be measured, and what is measured where."""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models import BooleanField, Case, DateTimeField, DurationField, ExpressionWrapper, F, Q, Value, When
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from equipment.models import Equipment
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel
from faultreporter.errors import HasChildren, ValidationFailed
from telemetry.units import is_unit, symbol

EquipmentAndMetric = tuple[uuid.UUID, uuid.UUID]
# A gap this many times as long as the expected one isn't a late reading any more.
GAP_INTERVALS = 3


class MetricInUse(HasChildren):
    """Stored readings are in this metric's unit, or a rule watches it."""


class MetricQuerySet(LivingQuerySet["Metric"]):
    def for_user(self, user: User) -> Self:
        """The catalogue holds nothing about a site; every signed-in person reads all of it."""
        return self


class Metric(SoftDeleteModel):
    """A quantity that sensors report, with the one unit it is stored in and what is physically possible.

    A reading outside the physical range is a broken sensor or a wrong unit and is refused; an alarm limit is a rule.
    """

    class Kind(models.TextChoices):
        GAUGE = "GAUGE", _("Gauge")
        COUNTER = "COUNTER", _("Counter")

    audited: ClassVar[bool] = True

    code = models.CharField(
        _("code"),
        max_length=50,
        validators=[
            RegexValidator(
                r"\A[a-z][a-z0-9_]*\Z", _("Use small letters, digits and underscores, a letter first."), code="pattern"
            )
        ],
    )
    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True)
    unit = models.CharField(
        _("unit"),
        max_length=32,
        validators=[RegexValidator(r"\A[!-~]+\Z", _("A UCUM code has no spaces."), code="pattern")],
        help_text=_("A UCUM code such as Cel, mm/s or {rpm}. Fixed as soon as readings are stored in it."),
    )
    kind = models.CharField(
        _("kind"),
        max_length=10,
        choices=Kind,
        default=Kind.GAUGE,
        db_default=Kind.GAUGE,
        help_text=_("A gauge shows a state such as a temperature; a counter only grows, like the dial of a meter."),
    )
    brick_class = models.CharField(
        _("Brick class"),
        max_length=100,
        blank=True,
        db_default="",
        validators=[
            RegexValidator(
                r"\A[A-Z][A-Za-z0-9]*(?:[_.][A-Z0-9][A-Za-z0-9]*)*\Z",
                _("A Brick class reads like Zone_Air_Temperature_Sensor."),
                code="pattern",
            )
        ],
        help_text=_(
            "The point class of the Brick schema (brickschema.org), for exchange with other systems:"
            " Zone_Air_Temperature_Sensor, Supply_Air_Temperature_Sensor, Outside_Air_Temperature_Sensor,"
            " Leaving_Chilled_Water_Temperature_Sensor, Relative_Humidity_Sensor, Differential_Pressure_Sensor,"
            " CO2_Level_Sensor, Active_Power_Sensor, Electrical_Energy_Usage_Sensor, Water_Usage_Sensor,"
            " Run_Time_Sensor."
        ),
    )
    physical_min = models.FloatField(_("physical minimum"), null=True, blank=True)
    physical_max = models.FloatField(_("physical maximum"), null=True, blank=True)

    objects = MetricQuerySet.as_manager()

    class Meta:
        db_table = "iot_metrics"
        verbose_name = _("metric")
        verbose_name_plural = _("metrics")
        ordering = ("code",)
        constraints = [
            models.UniqueConstraint(fields=["code"], condition=Q(deleted_at=None), name="uniq_iot_metrics_code_living"),
            # NaN sorts above every number, so the comparison with infinity refuses it too
            models.CheckConstraint(
                condition=(Q(physical_min=None) | Q(physical_min__gt=float("-inf"), physical_min__lt=float("inf")))
                & (Q(physical_max=None) | Q(physical_max__gt=float("-inf"), physical_max__lt=float("inf"))),
                name="check_iot_metrics_finite",
                violation_error_message=_("Minimum and maximum must be finite numbers."),
            ),
            models.CheckConstraint(
                condition=Q(physical_min=None) | Q(physical_max=None) | Q(physical_min__lt=F("physical_max")),
                name="check_iot_metrics_range",
                violation_error_message=_("The maximum must be above the minimum."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} [{written}]" if (written := symbol(self.unit)) else self.name

    @classmethod
    def add(cls, *, by: User | None, **fields: Any) -> "Metric":
        metric = cls(**fields)
        metric.check_unit()
        metric.check_range()
        metric.save(force_insert=True)
        return metric

    def change(self, *, by: User | None, **changes: Any) -> None:
        """Writes these fields. The unit stays once readings are stored: another would change what they say."""
        with transaction.atomic():
            self.refresh_from_db(from_queryset=Metric.objects.select_for_update(of=("self",)))
            fixed = [name for name in ("code", "unit") if changes.get(name, getattr(self, name)) != getattr(self, name)]
            if fixed and self.is_in_use():
                raise MetricInUse(
                    gettext("Readings or rules refer to this metric; it keeps its code and unit."), field=fixed[0]
                )
            if changes.get("kind", self.Kind.COUNTER) != self.Kind.COUNTER and self.is_metered():
                raise MetricInUse(gettext("A meter reads this counter; delete the meter first."), field="kind")
            for name, value in changes.items():
                setattr(self, name, value)
            if "unit" in changes:
                self.check_unit()
            self.check_range()
            self.save(update_fields=list(changes))

    def check_unit(self) -> None:
        if not is_unit(self.unit):
            message = gettext("“%(unit)s” is no UCUM code that converts to others; such are Cel, mm/s, kW.h and {rpm}.")
            raise ValidationFailed(message % {"unit": self.unit}, field="unit")

    def check_range(self) -> None:
        if self.physical_min is not None and self.physical_max is not None and self.physical_min >= self.physical_max:
            raise ValidationFailed(gettext("The maximum must be above the minimum."), field="physical_max")

    def soft_delete(self, *, by: User | None, at: datetime) -> None:
        with transaction.atomic():
            self.refresh_from_db(from_queryset=Metric.objects.select_for_update(of=("self",)))
            if self.is_in_use():
                raise MetricInUse(
                    gettext("Readings or rules refer to this metric; delete the rules. Readings keep it.")
                )
            super().soft_delete(by=by, at=at)

    def is_in_use(self) -> bool:
        return self.series.exists() or self.rules.living().exists()

    def is_metered(self) -> bool:
        return self.series.filter(meters__isnull=False, meters__deleted_at=None).exists()


class SeriesQuerySet(models.QuerySet["Series"]):
    def for_user(self, user: User) -> Self:
        return self.filter(equipment__in=Equipment.objects.for_user(user).living())

    def with_staleness(self, at: datetime) -> Self:
        """Adds `is_stale`: whether readings have stayed away for three expected intervals; null where none is known.

        Where people read, for one: nobody reads twice as often as they should, and what is due is to be seen.
        """
        patience = Case(
            When(read_by_hand=True, then=Value(timedelta(seconds=1))), default=Value(timedelta(seconds=GAP_INTERVALS))
        )
        span = ExpressionWrapper(F("expected_interval_s") * patience, output_field=DurationField())
        due = ExpressionWrapper(Value(at) - span, output_field=DateTimeField())
        late = Q(latest__isnull=True) | Q(latest__recorded_at__lt=due)
        known = When(expected_interval_s__isnull=False, then=ExpressionWrapper(late, output_field=BooleanField()))
        return self.annotate(is_stale=Case(known, default=None, output_field=BooleanField(null=True)))

    def silent_since(self, at: datetime) -> Self:
        """Series without a reading from this moment on."""
        return self.filter(Q(latest__isnull=True) | Q(latest__recorded_at__lt=at))

    def make(self, pairs: Collection[EquipmentAndMetric]) -> dict[EquipmentAndMetric, int]:
        """The series of each (equipment id, metric id); those that don't exist yet are made."""
        # In order: two batches that make the same series wait for each other instead of deadlocking.
        new = [Series(equipment_id=equipment, metric_id=metric) for equipment, metric in sorted(pairs)]
        self.bulk_create(new, ignore_conflicts=True)
        rows = self.filter(equipment__in={equipment for equipment, _ in pairs})
        return {
            (equipment, metric): pk for pk, equipment, metric in rows.values_list("pk", "equipment_id", "metric_id")
        }


class Series(models.Model):
    """One metric of one machine: the line a chart draws. Its first reading makes it; a small key keeps rows narrow."""

    audited: ClassVar[bool] = True
    audit_ignored: ClassVar[tuple[str, ...]] = ("updated_at", "gateway")

    id = models.AutoField(primary_key=True)
    equipment = models.ForeignKey(
        Equipment, models.PROTECT, related_name="series", verbose_name=_("equipment"), db_index=False
    )
    metric = models.ForeignKey(Metric, models.PROTECT, related_name="series", verbose_name=_("metric"))
    expected_interval_s = models.PositiveIntegerField(
        _("expected interval"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(366 * 86_400)],
        help_text=_("Seconds between two readings, where it is known."),
    )
    read_by_hand = models.BooleanField(
        _("read by hand"),
        default=False,
        db_default=False,
        help_text=_("People read it on their rounds; it is to be read again when the expected interval is over."),
    )
    gateway = models.ForeignKey(
        "telemetry.DeviceKey", models.PROTECT, null=True, blank=True, editable=False, related_name="series",
        verbose_name=_("gateway"), help_text=_("The key its newest readings came with."),
    )  # fmt: skip
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed at"), auto_now=True, db_default=Now())

    objects = SeriesQuerySet.as_manager()

    class Meta:
        db_table = "iot_series"
        verbose_name = _("series")
        verbose_name_plural = _("series")
        ordering = ("-id",)
        constraints = [
            # also the index for all series of a machine
            models.UniqueConstraint(fields=["equipment", "metric"], name="uniq_iot_series_equipment_metric"),
        ]

    def __str__(self) -> str:
        return f"{self.equipment} · {self.metric}"

    def expect(self, interval_s: int | None) -> None:
        """States how far apart its readings are; None if that isn't known."""
        self.change(expected_interval_s=interval_s)

    def change(self, **changes: Any) -> None:
        """States how it is read: how often (`expected_interval_s`), and whether by people (`read_by_hand`)."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.save(update_fields=[*changes, "updated_at"])


class DirectoryVersion(models.Model):
    """One row: while its version stays, every name of a machine, metric and series means what it meant before, and
    every device key speaks for the same machines.

    Triggers change it with whatever could make that untrue. Processes that remember names look here first.
    """

    id = models.SmallIntegerField(primary_key=True)
    version = models.UUIDField()

    class Meta:
        db_table = "iot_directory"
        verbose_name = _("version of the directory")
        verbose_name_plural = _("versions of the directory")

    def __str__(self) -> str:
        return str(self.version)
