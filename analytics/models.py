"""What the building's numbers say: reliability per quarter, energy per quarter, and the weekly report made of both."""

import re
from datetime import datetime
from typing import ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import IntegrityError, models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from equipment.models import Equipment
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel, TimeStampedModel, TimeStampedQuerySet
from faultreporter.errors import ValidationFailed
from locations.models import Location
from locations.scope import hidden_site_ids

QUARTERS = ((1, "Q1"), (2, "Q2"), (3, "Q3"), (4, "Q4"))


def on_sites(site_ids: list[UUID], path: str) -> Q:
    """Rows whose location, reached by `path`, is one of these sites or on one."""
    return Q(**{f"{path}_id__in": site_ids}) | Q(**{f"{path}__site_id__in": site_ids})


class AssetReliabilityQuerySet(TimeStampedQuerySet["AssetReliability"]):
    def latest_revisions(self) -> Self:
        return self.filter(superseded_at__isnull=True)

    def for_user(self, user: User) -> Self:
        """Rows of living machines on the sites `user` may see."""
        rows = self.filter(equipment__deleted_at__isnull=True)
        hidden = hidden_site_ids(user)
        return rows.exclude(on_sites(hidden, "equipment__location")) if hidden else rows

    def worst_by(self, ranking: "AssetReliability.Ranking") -> Self:
        """The machines that did worst, worst first; those with nothing to blame on them left out."""
        kinds = AssetReliability.Ranking
        if ranking == kinds.MTBF:
            return self.filter(mtbf_hours__isnull=False).order_by("mtbf_hours", "id")
        column = {
            kinds.DOWNTIME: "unplanned_down_hours",
            kinds.FAILURES: "failure_count",
            kinds.COST: "cost_total",
        }[ranking]
        return self.filter(**{f"{column}__gt": 0}).order_by(f"-{column}", "id")


class AssetReliability(TimeStampedModel):
    """How one machine did in one quarter: what its status log and its work orders come to, by `analytics.reliability`.

    The row of a running quarter is brought up to date in place. When the quarter closes it is frozen; data that arrives
    later never changes it but makes the next revision. `inputs` is the exact material the numbers were made of
    and `input_hash` its SHA-256, so a number can be shown with its evidence years later.
    """

    class Ranking(models.TextChoices):
        DOWNTIME = "DOWNTIME", _("Unplanned down time")
        FAILURES = "FAILURES", _("Failures")
        COST = "COST", _("Cost")
        MTBF = "MTBF", _("Shortest time between failures")

    equipment = models.ForeignKey(
        Equipment, on_delete=models.PROTECT, related_name="reliability", verbose_name=_("equipment")
    )
    year = models.PositiveSmallIntegerField(_("year"))
    quarter = models.PositiveSmallIntegerField(_("quarter"), choices=QUARTERS)
    revision = models.PositiveSmallIntegerField(_("revision"), default=1)
    period_start = models.DateTimeField(_("from"), help_text=_("Start of the quarter in the site's time zone."))
    period_end = models.DateTimeField(_("to"), help_text=_("End of the quarter, exclusive."))

    required_hours = models.FloatField(_("required hours"))
    operating_hours = models.FloatField(_("operating hours"))
    unplanned_down_hours = models.FloatField(_("unplanned down hours"))
    planned_down_hours = models.FloatField(_("planned down hours"))
    standby_hours = models.FloatField(_("standby hours"), help_text=_("Not required; outside availability."))
    failure_count = models.PositiveIntegerField(_("failures"))
    restoration_count = models.PositiveIntegerField(_("restorations"))
    mtbf_hours = models.FloatField(_("MTBF, hours"), null=True, blank=True, help_text=_("Empty without a failure."))
    mtbf_lower_90_hours = models.FloatField(
        _("MTBF at least, hours"),
        null=True,
        blank=True,
        help_text=_("Without a failure: the one-sided 90 % lower bound."),
    )
    mttr_hours = models.FloatField(_("MTTR, hours"), null=True, blank=True)
    availability = models.FloatField(_("availability"), null=True, blank=True, help_text=_("0 to 1."))
    open_count = models.PositiveIntegerField(_("open repairs"))
    open_hours_so_far = models.FloatField(_("hours of open repairs so far"))

    work_order_count = models.PositiveIntegerField(_("orders completed"))
    cost_total = models.DecimalField(
        _("cost"),
        max_digits=14,
        decimal_places=2,
        null=True,
        blank=True,
        help_text=_("Empty when the orders of the quarter are in several currencies."),
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True)

    inputs = models.JSONField(_("inputs"))
    input_hash = models.CharField(_("input hash"), max_length=64)
    as_of = models.DateTimeField(_("as of"))
    frozen_at = models.DateTimeField(_("frozen at"), null=True, blank=True)
    superseded_at = models.DateTimeField(_("superseded at"), null=True, blank=True)

    objects = AssetReliabilityQuerySet.as_manager()

    class Meta:
        db_table = "asset_reliability"
        verbose_name = _("asset reliability")
        verbose_name_plural = _("asset reliability")
        ordering = ("-year", "-quarter", "equipment_id", "-revision")
        constraints = [
            # Also the upsert target of the roll-up, and what makes two roll-ups at once harmless.
            models.UniqueConstraint(
                fields=["equipment", "year", "quarter", "revision"], name="uniq_asset_reliability_revision"
            ),
            # One revision in force. Serves GET /equipment/{id}/asset-reliability, newest quarter first.
            models.UniqueConstraint(
                fields=["equipment", "year", "quarter"],
                condition=Q(superseded_at__isnull=True),
                name="uniq_asset_reliability_latest",
            ),
            models.CheckConstraint(condition=Q(quarter__range=(1, 4)), name="check_asset_reliability_quarter"),
            models.CheckConstraint(
                condition=Q(availability__isnull=True) | Q(availability__range=(0, 1)),
                name="check_asset_reliability_availability",
            ),
            models.CheckConstraint(
                condition=Q(failure_count=0, mtbf_hours__isnull=True)
                | Q(failure_count__gt=0, mtbf_hours__isnull=False),
                name="check_asset_reliability_mtbf",
            ),
            models.CheckConstraint(
                condition=Q(superseded_at__isnull=True) | Q(frozen_at__isnull=False),
                name="check_asset_reliability_superseded",
            ),
        ]
        indexes = [
            # GET /asset-reliability, /summary and /ranking by quarter: the revisions in force, newest quarter first.
            models.Index(
                fields=["-year", "-quarter", "equipment"],
                condition=Q(superseded_at__isnull=True),
                name="idx_asset_reliability_quarter",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.equipment.equipment_code} {self.year} Q{self.quarter}"

    @property
    def is_frozen(self) -> bool:
        return self.frozen_at is not None


class EnergyConsumptionQuerySet(LivingQuerySet["EnergyConsumption"]):
    def for_user(self, user: User) -> Self:
        """Rows about machines and places on the sites `user` may see."""
        hidden = hidden_site_ids(user)
        return self.exclude(on_sites(hidden, "equipment__location") | on_sites(hidden, "location")) if hidden else self


class EnergyConsumption(SoftDeleteModel):
    """The electricity one machine, or one place, used in one quarter."""

    class Source(models.TextChoices):
        MANUAL = "MANUAL", _("Entered by hand")
        METER = "METER", _("Metered")

    audited: ClassVar[bool] = True

    equipment = models.ForeignKey(
        Equipment, on_delete=models.PROTECT, null=True, blank=True, related_name="energy", verbose_name=_("equipment")
    )
    location = models.ForeignKey(
        Location, on_delete=models.PROTECT, null=True, blank=True, related_name="energy", verbose_name=_("location")
    )
    year = models.PositiveSmallIntegerField(_("year"), validators=[MinValueValidator(1990), MaxValueValidator(2200)])
    quarter = models.PositiveSmallIntegerField(_("quarter"), choices=QUARTERS)
    kwh = models.DecimalField(_("energy, kWh"), max_digits=14, decimal_places=3, validators=[MinValueValidator(0)])
    cost = models.DecimalField(
        _("cost"), max_digits=14, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    currency = models.CharField(_("currency"), max_length=3, blank=True, help_text=_("ISO 4217, with a cost."))
    co2_kg = models.DecimalField(
        _("CO₂, kg"), max_digits=14, decimal_places=3, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    coverage_percent = models.DecimalField(
        _("coverage, %"),
        max_digits=5,
        decimal_places=2,
        default=100,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text=_("How much of the quarter the figure covers."),
    )
    source = models.CharField(_("source"), max_length=10, choices=Source.choices, default=Source.MANUAL)
    computed_at = models.DateTimeField(
        _("computed at"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("When it was last computed from meters; empty for what a person entered or edited, which stays."),
    )

    objects = EnergyConsumptionQuerySet.as_manager()

    class Meta:
        db_table = "energy_consumption"
        verbose_name = _("energy consumption")
        verbose_name_plural = _("energy consumption")
        ordering = ("-year", "-quarter", "-id")
        constraints = [
            # Also serve GET /equipment/{id}/energy-consumption and the filters equipment_id and location_id.
            models.UniqueConstraint(
                fields=["equipment", "year", "quarter"],
                condition=Q(deleted_at__isnull=True),
                name="uniq_energy_consumption_equipment_living",
            ),
            models.UniqueConstraint(
                fields=["location", "year", "quarter"],
                condition=Q(deleted_at__isnull=True),
                name="uniq_energy_consumption_location_living",
            ),
            models.CheckConstraint(
                condition=Q(equipment__isnull=False, location__isnull=True)
                | Q(equipment__isnull=True, location__isnull=False),
                name="check_energy_consumption_subject",
            ),
            models.CheckConstraint(condition=Q(quarter__range=(1, 4)), name="check_energy_consumption_quarter"),
            models.CheckConstraint(
                condition=Q(kwh__gte=0)
                & (Q(co2_kg__isnull=True) | Q(co2_kg__gte=0))
                & Q(coverage_percent__range=(0, 100)),
                name="check_energy_consumption_amounts",
            ),
            models.CheckConstraint(
                condition=Q(cost__isnull=True, currency="") | (Q(cost__gte=0) & ~Q(currency="")),
                name="check_energy_consumption_currency",
            ),
        ]
        indexes = [
            # GET /energy-consumption without a filter and /summary by year: the living, newest quarter first.
            models.Index(
                fields=["-year", "-quarter", "-id"],
                condition=Q(deleted_at__isnull=True),
                name="idx_energy_consumption_quarter",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.equipment or self.location} {self.year} Q{self.quarter}"

    def store(self) -> None:
        """Write the row, new or changed, as a person's: from now on no meter changes it."""
        self.computed_at = None
        self._settle()
        self.save()

    def clean(self) -> None:
        """Tells a form what `store` would refuse."""
        try:
            self._settle()
        except ValidationFailed as error:
            raise ValidationError(error.message) from error

    def _settle(self) -> None:
        """What ties several fields together. A cost without a currency is in the product's own."""
        if (self.equipment_id is None) == (self.location_id is None):
            raise ValidationFailed(gettext("Name either a machine or a place."), field="equipment_id")
        self.currency = "" if self.cost is None else self.currency or settings.CURRENCY
        if self.currency and not re.fullmatch("[A-Z]{3}", self.currency):
            raise ValidationFailed(gettext("Use the three letters of ISO 4217, as in EUR."), field="currency")


class OperationsReportQuerySet(TimeStampedQuerySet["OperationsReport"]):
    def for_user(self, user: User) -> Self:
        """Reports that leave out at least every site hidden from `user`."""
        return self.filter(hidden_sites__contains=hidden_site_ids(user))


class OperationsReport(TimeStampedModel):
    """The weekly operations report as its readers got it: figures, HTML and text, kept as they were sent.

    Managers who see the same sites share one report. Where sites are restricted there is one more for those who don't
    see them; `hidden_sites` says what it leaves out.
    """

    iso_year = models.PositiveSmallIntegerField(_("year"))
    iso_week = models.PositiveSmallIntegerField(_("week"))
    hidden_sites = ArrayField(models.UUIDField(), verbose_name=_("sites left out"), default=list, blank=True)
    period_start = models.DateTimeField(_("from"))
    period_end = models.DateTimeField(_("to"))
    subject = models.CharField(_("subject"), max_length=200)
    figures = models.JSONField(_("figures"))
    html = models.TextField(_("HTML"))
    text = models.TextField(_("text"))

    objects = OperationsReportQuerySet.as_manager()

    class Meta:
        db_table = "reports"
        verbose_name = _("operations report")
        verbose_name_plural = _("operations reports")
        ordering = ("-iso_year", "-iso_week", "-id")
        constraints = [
            # One report a week and audience, however often the task runs. Serves GET /reports, newest first.
            models.UniqueConstraint(fields=["iso_year", "iso_week", "hidden_sites"], name="uniq_reports_week"),
            models.CheckConstraint(condition=Q(iso_week__range=(1, 53)), name="check_reports_week"),
            models.CheckConstraint(condition=Q(period_end__gt=F("period_start")), name="check_reports_period"),
        ]

    def __str__(self) -> str:
        return f"{self.iso_year}-W{self.iso_week:02d}"


class ReportDelivery(TimeStampedModel):
    """One manager's copy of a weekly report.

    The row is the claim: committed before the mail leaves, so that no second run and no restart sends a copy twice.
    A claim without `sent_at` is a mail whose sender died in the act; a person decides whether it goes again.
    """

    report = models.ForeignKey(
        OperationsReport, on_delete=models.CASCADE, related_name="deliveries", verbose_name=_("report")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("recipient")
    )
    iso_year = models.PositiveSmallIntegerField(_("year"))
    iso_week = models.PositiveSmallIntegerField(_("week"))
    claimed_at = models.DateTimeField(_("claimed at"))
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)

    class Meta:
        db_table = "report_deliveries"
        verbose_name = _("report delivery")
        verbose_name_plural = _("report deliveries")
        ordering = ("-claimed_at", "-id")
        constraints = [
            # By week rather than by report: who joins a restricted site on Monday still gets one mail.
            models.UniqueConstraint(fields=["user", "iso_year", "iso_week"], name="uniq_report_deliveries_week"),
        ]

    def __str__(self) -> str:
        return f"{self.report_id} {self.user_id}"

    @classmethod
    def claim(cls, report: OperationsReport, user: User, *, at: datetime) -> Self | None:
        """The right to send this week's mail to `user`, or None if it was taken before."""
        delivery = cls(report=report, user=user, iso_year=report.iso_year, iso_week=report.iso_week, claimed_at=at)
        try:
            with transaction.atomic():
                delivery.save(force_insert=True)
        except IntegrityError as error:
            if "uniq_report_deliveries_week" not in str(error):
                raise
            return None
        return delivery

    def mark_sent(self, *, at: datetime) -> None:
        self.sent_at = at
        self.save(update_fields=["sent_at"])
