"""What the team promises: targets per priority, and the reasons for which a job may wait."""

from typing import Any, ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q, Subquery
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from alerts.models import Alert
from equipment.models import Equipment
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel
from faultreporter.errors import ValidationFailed
from locations.business_time import BusinessHours
from locations.models import BusinessCalendar, Location, hours_from, zone_of
from locations.scope import hidden_site_ids
from workorders.sla import Terms

LONGEST_TARGET = 366 * 24 * 60


class SlaPolicyQuerySet(LivingQuerySet["SlaPolicy"]):
    def for_user(self, user: User) -> Self:
        hidden = hidden_site_ids(user)
        return self.exclude(site__in=hidden) if hidden else self

    def terms_for(self, equipment: Equipment, *, priority: str) -> Terms | None:
        """What the policy of the machine's site promises, else the one that holds everywhere. One query."""
        site = site_of(equipment)
        site_id = site.pk if site else None
        rows = self.living().filter(Q(site=site_id) | Q(site=None), priority=priority)
        calendar = Subquery(BusinessCalendar.objects.as_json_of(site_id))
        found: Any = rows.annotate(calendar=calendar).order_by(F("site").asc(nulls_last=True)).first()
        return None if found is None else SlaPolicy.terms(found, hours_from(found.calendar, zone_of(site)))


class SlaPolicy(SoftDeleteModel):
    """How soon a fault of one priority is answered and mended, on one site or everywhere.

    An order keeps what held when it was raised: editing a policy changes what is promised from now on.
    """

    Priority = Alert.Severity

    class Counting(models.TextChoices):
        BUSINESS_HOURS = "BUSINESS_HOURS", _("In business hours")
        AROUND_THE_CLOCK = "AROUND_THE_CLOCK", _("Around the clock")

    site = models.ForeignKey(
        Location, models.PROTECT, null=True, blank=True, related_name="sla_policies", verbose_name=_("site"),
        limit_choices_to={"kind": Location.Kind.SITE, "deleted_at": None},
        help_text=_("Empty: on every site without a policy of its own for this priority."),
    )  # fmt: skip
    priority = models.CharField(_("priority"), max_length=10, choices=Priority)
    response_minutes = models.PositiveIntegerField(
        _("response in minutes"), null=True, blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_TARGET)],
        help_text=_("From the order to the moment somebody begins the work. Empty: nothing is promised."),
    )  # fmt: skip
    restore_minutes = models.PositiveIntegerField(
        _("restore in minutes"), null=True, blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_TARGET)],
        help_text=_("From the order to the completed work. Empty: nothing is promised."),
    )  # fmt: skip
    counting = models.CharField(
        _("counted"), max_length=16, choices=Counting, default=Counting.BUSINESS_HOURS,
        help_text=_("Business hours are those of the site's calendar."),
    )  # fmt: skip
    warn_percent = models.PositiveSmallIntegerField(
        _("at risk from"), default=75, validators=[MinValueValidator(1), MaxValueValidator(99)],
        help_text=_("Per cent of a target; people are told once it has passed."),
    )  # fmt: skip

    objects = SlaPolicyQuerySet.as_manager()

    audited: ClassVar[bool] = True

    class Meta:
        db_table = "sla_policies"
        verbose_name = _("SLA policy")
        verbose_name_plural = _("SLA policies")
        constraints = [
            models.UniqueConstraint(
                fields=["site", "priority"], condition=Q(deleted_at=None, site__isnull=False),
                name="uniq_sla_policies_site_priority_living",
                violation_error_message=_("The site has a policy for this priority already."),
            ),
            models.UniqueConstraint(
                fields=["priority"], condition=Q(deleted_at=None, site=None),
                name="uniq_sla_policies_priority_living",
                violation_error_message=_("There is a policy for this priority already."),
            ),
            models.CheckConstraint(
                condition=Q(response_minutes__gte=1) | Q(restore_minutes__gte=1),
                name="check_sla_policies_promise",
                violation_error_message=_("Promise a response, a restore, or both."),
            ),
            models.CheckConstraint(
                condition=Q(warn_percent__gte=1, warn_percent__lte=99), name="check_sla_policies_warn"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.get_priority_display()}, {self.site.name if self.site else gettext('every site')}"

    def terms(self, hours: BusinessHours) -> Terms:
        """What an order is promised from now on, where people work these hours."""
        in_business_hours = self.counting == self.Counting.BUSINESS_HOURS
        return Terms(
            hours=hours if in_business_hours else BusinessHours.around_the_clock(),
            in_business_hours=in_business_hours,
            response_minutes=self.response_minutes,
            restore_minutes=self.restore_minutes,
            warn_percent=self.warn_percent,
        )

    @classmethod
    def add(cls, *, by: User | None, **fields: Any) -> "SlaPolicy":
        policy = cls(**fields)
        policy.register(by=by)
        return policy

    def register(self, *, by: User | None) -> None:
        """Stores a policy that was only filled in so far."""
        self._check()
        self.save(force_insert=True)

    def change(self, *, by: User | None, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self, name, value)
        self._check()
        self.save(update_fields=list(fields))

    def _check(self) -> None:
        if self.site and self.site.kind != Location.Kind.SITE:
            raise ValidationFailed(gettext("Name a site, not a place in it."), field="site_id")
        if self.response_minutes is None and self.restore_minutes is None:
            raise ValidationFailed(gettext("Promise a response, a restore, or both."), field="restore_minutes")


class HoldReason(SoftDeleteModel):
    """Why a job waits. While it waits for something that isn't the team's to hurry, its clock stands still."""

    code = models.CharField(
        _("code"), max_length=30,
        validators=[
            RegexValidator(r"^[A-Z0-9_]+\Z", _("Use capital letters, digits and underscores only."), code="pattern")
        ],
    )  # fmt: skip
    name = models.CharField(_("name"), max_length=100)
    pauses_sla = models.BooleanField(
        _("pauses the clock"), default=False, help_text=_("The time on hold doesn't count towards the restore target.")
    )
    is_active = models.BooleanField(
        _("offered"), default=True, help_text=_("Otherwise it only explains holds of the past.")
    )

    objects = LivingQuerySet["HoldReason"].as_manager()

    audited: ClassVar[bool] = True

    class Meta:
        db_table = "hold_reasons"
        verbose_name = _("hold reason")
        verbose_name_plural = _("hold reasons")
        constraints = [
            models.UniqueConstraint(
                fields=["code"], condition=Q(deleted_at=None), name="uniq_hold_reasons_code_living",
                violation_error_message=_("Another reason has this code."),
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name

    @classmethod
    def named(cls, code: str | None) -> "HoldReason | None":
        """The reason with this code; none if nothing is named."""
        if not code:
            return None
        found = cls.objects.living().filter(code=code.upper(), is_active=True).first()
        if found is None:
            raise ValidationFailed(
                gettext("There is no such reason; GET /hold-reasons lists them."), field="reason_code"
            )
        return found


def site_of(equipment: Equipment) -> Location | None:
    place = equipment.location
    return None if place is None else place.site or place
