"""Meters: counters of energy and water with a place in the building, their exchanges, and what a unit costs."""

from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from equipment.models import Equipment
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel, TimeStampedModel
from faultreporter.errors import HasChildren, ValidationFailed
from locations.models import Location
from locations.scope import hidden_site_ids
from telemetry.models.catalogue import Metric, Series
from telemetry.units import UnitMismatch, exact_conversion

if TYPE_CHECKING:
    from uuid import UUID

MAX_DEPTH = 10


class Utility(models.TextChoices):
    ELECTRICITY = "ELECTRICITY", _("Electricity")
    GAS = "GAS", _("Gas")
    WATER = "WATER", _("Water")
    HEAT = "HEAT", _("Heat")
    COOLING = "COOLING", _("Cooling")
    COMPRESSED_AIR = "COMPRESSED_AIR", _("Compressed air")


# What a tariff is per. Gas may be metered in either; its tariff is per kWh.
STANDARD_UNITS = dict.fromkeys(Utility, "kW.h") | {Utility.WATER: "m3", Utility.COMPRESSED_AIR: "m3"}


def is_metered_in(utility: str, unit: str) -> bool:
    """Whether the unit can say what a meter of this utility counts."""
    return converts(unit, STANDARD_UNITS[Utility(utility)]) or (utility == Utility.GAS and converts(unit, "m3"))


def converts(unit: str, standard: str) -> bool:
    try:
        exact_conversion(unit, standard)
    except UnitMismatch:
        return False
    return True


class MeterInUse(HasChildren):
    """Other meters stand behind this one."""


class MeterQuerySet(LivingQuerySet["Meter"]):
    def for_user(self, user: User) -> Self:
        """Meters whose counter and whose consumer are on the sites `user` may see."""
        hidden = hidden_site_ids(user)
        rows = self.filter(series__equipment__deleted_at=None)
        if not hidden:
            return rows
        paths = ("series__equipment__location", "equipment__location", "location")
        out_of_sight = [Q(**{f"{path}_id__in": hidden}) | Q(**{f"{path}__site_id__in": hidden}) for path in paths]
        for one in out_of_sight:
            rows = rows.exclude(one)
        return rows


class Meter(SoftDeleteModel):
    """A meter: which counter is read, what it supplies, and what a count of its dial is worth."""

    audited: ClassVar[bool] = True

    name = models.CharField(_("name"), max_length=100)
    serial_number = models.CharField(_("serial number"), max_length=100, blank=True)
    series = models.ForeignKey(
        Series, models.PROTECT, related_name="meters", verbose_name=_("counter"), db_index=False,
        help_text=_("The series of its readings; its metric is a counter."),
    )  # fmt: skip
    utility = models.CharField(_("utility"), max_length=20, choices=Utility)
    equipment = models.ForeignKey(
        Equipment, models.PROTECT, null=True, blank=True, related_name="meters", verbose_name=_("supplies the machine")
    )
    location = models.ForeignKey(
        Location, models.PROTECT, null=True, blank=True, related_name="meters", verbose_name=_("supplies the place")
    )
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="submeters", verbose_name=_("submeter of"),
        help_text=_("The meter before it, which counts the same use, too."),
    )  # fmt: skip
    unit = models.CharField(
        _("unit"), max_length=32, help_text=_("What its use is told in, a UCUM code: kW.h, MW.h or m3.")
    )
    factor = models.FloatField(
        _("factor"), default=1.0,
        help_text=_("A transformer's ratio, what a pulse is worth, or the calorific value of gas; else 1."),
    )  # fmt: skip
    rolls_over_at = models.FloatField(
        _("rolls over at"), null=True, blank=True,
        help_text=_("The reading at which the dial begins again at zero: 100000000 with eight digits."),
    )  # fmt: skip
    max_per_hour = models.FloatField(
        _("at most per hour"), null=True, blank=True,
        help_text=_("What the dial can count in an hour at most; what is faster is a bad reading."),
    )  # fmt: skip

    objects = MeterQuerySet.as_manager()

    class Meta:
        db_table = "iot_meters"
        verbose_name = _("meter")
        verbose_name_plural = _("meters")
        ordering = ("name", "id")
        constraints = [
            models.UniqueConstraint(
                fields=["series"],
                condition=Q(deleted_at=None),
                name="uniq_iot_meters_series_living",
                violation_error_message=_("Another meter reads this counter."),
            ),
            models.CheckConstraint(
                condition=Q(equipment__isnull=False, location=None) | Q(equipment=None, location__isnull=False),
                name="check_iot_meters_subject",
                violation_error_message=_("A meter supplies either a machine or a place."),
            ),
            models.CheckConstraint(
                condition=Q(factor__gt=0, factor__lt=float("inf"))
                & (Q(rolls_over_at=None) | Q(rolls_over_at__gt=0, rolls_over_at__lt=float("inf")))
                & (Q(max_per_hour=None) | Q(max_per_hour__gt=0, max_per_hour__lt=float("inf"))),
                name="check_iot_meters_numbers",
                violation_error_message=_("Factor, roll-over and the most per hour must be above zero."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def add(cls, *, by: User | None, **fields: Any) -> "Meter":
        meter = cls(**fields)
        meter.settle()
        meter.save(force_insert=True)
        return meter

    def change(self, *, by: User | None, **changes: Any) -> None:
        with transaction.atomic():
            self.refresh_from_db(from_queryset=Meter.objects.select_for_update(of=("self",)))
            for name, value in changes.items():
                setattr(self, name, value)
            self.settle()
            self.save(update_fields=[*changes, "unit"])

    def soft_delete(self, *, by: User | None, at: datetime) -> None:
        if self.submeters.living().exists():
            raise MeterInUse(gettext("Other meters stand behind this one; move them first."))
        super().soft_delete(by=by, at=at)

    def settle(self) -> None:
        """What ties several fields together; the metric's unit if none is named."""
        if (self.equipment_id is None) == (self.location_id is None):
            raise ValidationFailed(gettext("A meter supplies either a machine or a place."), field="equipment_id")
        metric = self.series.metric
        if metric.kind != Metric.Kind.COUNTER:
            raise ValidationFailed(
                gettext("A meter reads a counter, and this metric is a gauge; choose a series of a counter."),
                field="series_id",
            )
        self.unit = self.unit or metric.unit
        if not is_metered_in(self.utility, self.unit):
            raise ValidationFailed(
                gettext("This unit doesn't measure what the meter counts; left empty, it is the metric's own."),
                field="unit",
            )
        for name in ("factor", "rolls_over_at", "max_per_hour"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value > 0):
                raise ValidationFailed(gettext("It must be above zero."), field=name)
        self._stand_behind(self.parent)

    def _stand_behind(self, parent: "Meter | None") -> None:
        """Refuses a ring of meters. One change of the tree at a time: two could close a ring together."""
        if parent is None:
            return
        if parent.utility != self.utility:
            raise ValidationFailed(
                gettext("A submeter counts what the meter before it counts; choose one of the same utility."),
                field="parent_id",
            )
        above: Meter | None = parent
        depth = 0
        while above is not None:
            if above.pk == self.pk or depth == MAX_DEPTH:
                raise ValidationFailed(gettext("A meter can't stand behind itself."), field="parent_id")
            above = Meter.objects.select_for_update(of=("self",)).get(pk=above.pk).parent
            depth += 1

    @property
    def scale(self) -> float:
        """What one count of the dial is in `unit`: its metric's unit converted where it can be, times the factor."""
        try:
            converted = float(exact_conversion(self.series.metric.unit, self.unit)[0])
        except UnitMismatch:
            converted = 1.0
        return converted * self.factor

    @property
    def place(self) -> Location | None:
        """Where its use happens: the place it supplies, or that of the machine."""
        return self.location or (self.equipment.location if self.equipment else None)

    def zone(self) -> ZoneInfo:
        place = self.place
        return place.zone_info() if place else ZoneInfo(settings.TIME_ZONE)

    def record_exchange(
        self, *, by: User | None, at: datetime, now: datetime, final: float, initial: float, note: str = ""
    ) -> "MeterExchange":
        """The meter was replaced at `at`: what the old dial showed last and the new one first."""
        if at > now:
            raise ValidationFailed(gettext("This lies ahead; record an exchange once it has happened."), field="at")
        if not (isfinite(final) and final >= 0 and isfinite(initial) and initial >= 0):
            raise ValidationFailed(gettext("A dial shows zero or more."), field="final")
        return MeterExchange.objects.create(meter=self, at=at, final=final, initial=initial, note=note, by=by)


class MeterExchange(TimeStampedModel):
    """A meter was replaced by another: the last reading of the old dial and the first of the new one."""

    audited: ClassVar[bool] = True

    meter = models.ForeignKey(Meter, models.CASCADE, related_name="exchanges", db_index=False, verbose_name=_("meter"))
    at = models.DateTimeField(_("replaced at"))
    final = models.FloatField(_("final reading"), validators=[MinValueValidator(0)])
    initial = models.FloatField(_("first reading"), validators=[MinValueValidator(0)])
    note = models.CharField(_("note"), max_length=200, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        db_index=False, verbose_name=_("by"),
    )  # fmt: skip

    class Meta:
        db_table = "iot_meter_exchanges"
        verbose_name = _("exchange")
        verbose_name_plural = _("exchanges")
        ordering = ("at",)
        constraints = [
            models.UniqueConstraint(fields=["meter", "at"], name="uniq_iot_meter_exchanges_at"),
            models.CheckConstraint(
                condition=Q(final__gte=0, final__lt=float("inf"), initial__gte=0, initial__lt=float("inf")),
                name="check_iot_meter_exchanges_readings",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.final:g} → {self.initial:g}"


class TariffQuerySet(LivingQuerySet["Tariff"]):
    def for_user(self, user: User) -> Self:
        hidden = hidden_site_ids(user)
        return self.exclude(site__in=hidden) if hidden else self

    def of(self, utility: str, site_id: "UUID | None") -> list["Tariff"]:
        """The tariffs of a site, oldest first; those for every site where it has none of its own."""
        rows = list(self.living().filter(Q(site=None) | Q(site=site_id), utility=utility).order_by("valid_from"))
        own = [row for row in rows if row.site_id is not None]
        return own or rows


class Tariff(SoftDeleteModel):
    """What a kilowatt hour costs and emits from a day on (a cubic metre, where volume is metered)."""

    audited: ClassVar[bool] = True

    utility = models.CharField(_("utility"), max_length=20, choices=Utility)
    site = models.ForeignKey(
        Location, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("site"),
        limit_choices_to={"kind": "SITE"}, help_text=_("Left empty, for all sites without tariffs of their own."),
    )  # fmt: skip
    valid_from = models.DateField(_("valid from"))
    price = models.DecimalField(
        _("price"), max_digits=12, decimal_places=6, null=True, blank=True, validators=[MinValueValidator(0)],
        help_text=_("Per kWh; per m³ of water and compressed air."),
    )  # fmt: skip
    currency = models.CharField(
        _("currency"), max_length=3, blank=True, help_text=_("ISO 4217, with a price."),
        validators=[
            RegexValidator(r"\A[A-Z]{3}\Z", _("Use the three letters of ISO 4217, as in EUR."), code="pattern")
        ],
    )  # fmt: skip
    co2_kg = models.DecimalField(
        _("CO₂, kg"), max_digits=12, decimal_places=6, null=True, blank=True, validators=[MinValueValidator(0)],
        help_text=_("Per kWh; per m³ of water and compressed air."),
    )  # fmt: skip

    objects = TariffQuerySet.as_manager()

    class Meta:
        db_table = "iot_tariffs"
        verbose_name = _("tariff")
        verbose_name_plural = _("tariffs")
        ordering = ("utility", "-valid_from")
        constraints = [
            # also what the tariffs of a site are found by
            models.UniqueConstraint(
                fields=["utility", "site", "valid_from"],
                condition=Q(deleted_at=None),
                nulls_distinct=False,
                name="uniq_iot_tariffs_living",
            ),
            models.CheckConstraint(
                condition=Q(price=None, currency="") | (Q(price__gte=0) & ~Q(currency="")),
                name="check_iot_tariffs_currency",
            ),
            models.CheckConstraint(condition=Q(co2_kg=None) | Q(co2_kg__gte=0), name="check_iot_tariffs_co2"),
        ]

    def __str__(self) -> str:
        return f"{self.get_utility_display()} {self.valid_from:%Y-%m-%d}"

    def store(self) -> None:
        """Writes the row, new or changed."""
        self.check_site()
        self.settle_currency()
        self.save()

    def check_site(self) -> None:
        if self.site is not None and self.site.kind != Location.Kind.SITE:
            raise ValidationFailed(
                gettext("A tariff is for a whole site; choose one, or none for all of them."), field="site_id"
            )

    def settle_currency(self) -> None:
        """A price without a currency is in the product's own."""
        self.currency = "" if self.price is None else self.currency or settings.CURRENCY
