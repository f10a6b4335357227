from datetime import date
from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel
from faultreporter.roles import Role


def default_currency() -> str:
    return str(settings.CURRENCY)


class LabourRateQuerySet(LivingQuerySet["LabourRate"]):
    def valid_for(self, person: User, *, on: date, currency: str) -> "LabourRate | None":
        """The person's own latest rate of that day, else their role's."""
        rates = self.living().filter(Q(person=person) | Q(role=person.role), valid_from__lte=on, currency=currency)
        return rates.order_by(models.F("person").asc(nulls_last=True), "-valid_from").first()


class LabourRate(SoftDeleteModel):
    """What an hour of somebody's work costs, from a day on until the next rate: one person's, or a role's."""

    audited: ClassVar[bool] = True

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="labour_rates", db_index=False,
        verbose_name=_("person"), help_text=_("Empty: everybody of the role."),
    )  # fmt: skip
    role = models.CharField(_("role"), max_length=10, choices=Role, blank=True, default="")
    valid_from = models.DateField(_("valid from"))
    hourly_rate = models.DecimalField(
        _("hourly rate"), max_digits=12, decimal_places=2, validators=[MinValueValidator(0)]
    )
    overtime_factor = models.DecimalField(
        _("factor for overtime"), max_digits=4, decimal_places=2, default=Decimal("1.5"),
        validators=[MinValueValidator(0)],
    )  # fmt: skip
    travel_factor = models.DecimalField(
        _("factor for travel"), max_digits=4, decimal_places=2, default=Decimal(1), validators=[MinValueValidator(0)]
    )
    currency = models.CharField(_("currency"), max_length=3, default=default_currency, editable=False)

    objects = LabourRateQuerySet.as_manager()

    class Meta:
        db_table = "labour_rates"
        verbose_name = _("labour rate")
        verbose_name_plural = _("labour rates")
        constraints = [
            # Both also find the rate of a day.
            models.UniqueConstraint(
                fields=["person", "valid_from"],
                condition=Q(deleted_at=None, person__isnull=False),
                name="uniq_labour_rates_person_living",
            ),
            models.UniqueConstraint(
                fields=["role", "valid_from"],
                condition=Q(deleted_at=None, person=None),
                name="uniq_labour_rates_role_living",
            ),
            models.CheckConstraint(
                condition=Q(person=None) & ~Q(role="") | Q(person__isnull=False, role=""),
                name="check_labour_rates_whose",
                violation_error_message=_("Name a person or a role, not both."),
            ),
            models.CheckConstraint(
                condition=Q(hourly_rate__gte=0, overtime_factor__gte=0, travel_factor__gte=0),
                name="check_labour_rates_positive",
            ),
        ]

    def __str__(self) -> str:
        whose = self.person or self.get_role_display()
        return f"{whose}: {self.hourly_rate} {self.currency}/h"

    def factor(self, kind: str) -> Decimal:
        return {"OVERTIME": self.overtime_factor, "TRAVEL": self.travel_factor}.get(kind, Decimal(1))
