"""What a team has agreed on: who is told, and when, about an alert that nobody takes care of."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Case, F, OuterRef, Q, Value, When
from django.db.models.functions import Coalesce, JSONObject, NullIf
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from alerts import ladder
from alerts.ladder import Rung, Step, StepKind
from alerts.models.record import AlertRecord
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel, TimeStampedModel
from locations.models import Location
from locations.scope import hidden_site_ids

if TYPE_CHECKING:
    from alerts.models.alert import Alert

SEVERITIES = AlertRecord.Severity.values


class PolicyQuerySet(LivingQuerySet["EscalationPolicy"]):
    def for_user(self, user: User) -> Self:
        hidden = hidden_site_ids(user)
        return self.exclude(site__in=hidden) if hidden else self

    def fitting(self, alert: "Alert") -> Self:
        """Those in force for this alert, the most specific first: its site before its source before its severity."""
        place = alert.equipment.location
        severe_enough = SEVERITIES[: SEVERITIES.index(alert.severity) + 1]
        rank = Case(*[When(minimum_severity=value, then=Value(n)) for n, value in enumerate(SEVERITIES)])
        fitting = self.living().filter(
            Q(site=None) | Q(site=place.root_id if place else None),
            is_active=True,
            source__in=("", alert.source),
            minimum_severity__in=severe_enough,
        )
        return fitting.order_by(F("site").asc(nulls_last=True), "-source", rank.desc())

    def with_steps(self) -> Self:
        """Along with `listed`, the steps as they are stored, in the same query."""
        rows = EscalationStep.objects.filter(policy=OuterRef("pk")).order_by("position")
        fields = {name: name for name in ("kind", "minutes", "role", "severity", "times")}
        name = Coalesce(NullIf("person__display_name", Value("")), "person__email")
        step = JSONObject(**fields, person="person_id", name=name)
        return self.annotate(listed=ArraySubquery(rows.values(json=step)))


class EscalationPolicy(SoftDeleteModel):
    """The steps that follow while nobody takes care of an alert.

    Which policy an alert gets is settled when it is raised: of those that fit, the one for its site, then the one for
    its source, then the one with the highest minimum severity. It keeps a copy; edits reach later alerts only.
    """

    audited: ClassVar[bool] = True

    name = models.CharField(_("name"), max_length=120)
    is_active = models.BooleanField(_("in force"), default=True, help_text=_("Alerts get it while it is in force."))
    site = models.ForeignKey(
        Location, models.PROTECT, null=True, blank=True, related_name="escalation_policies",
        limit_choices_to={"kind": "SITE"}, verbose_name=_("site"), help_text=_("Empty: for every site."),
    )  # fmt: skip
    source = models.CharField(
        _("source"), max_length=10, choices=AlertRecord.Source, blank=True,
        help_text=_("Empty: however the alert came about."),
    )  # fmt: skip
    minimum_severity = models.CharField(
        _("minimum severity"), max_length=10, choices=AlertRecord.Severity, default=AlertRecord.Severity.LOW
    )
    remind_after_minutes = models.PositiveIntegerField(
        _("remind after minutes"), null=True, blank=True,
        validators=[MinValueValidator(5), MaxValueValidator(ladder.LONGEST_WAIT)],
        help_text=_("Whoever acknowledged is reminded while no work order follows. Empty: never."),
    )  # fmt: skip
    reminders = models.PositiveSmallIntegerField(
        _("reminders"), default=2, validators=[MinValueValidator(1), MaxValueValidator(10)],
        help_text=_("After so many in vain the escalation goes on."),
    )  # fmt: skip
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    objects = PolicyQuerySet.as_manager()

    class Meta:
        db_table = "escalation_policies"
        verbose_name = _("escalation policy")
        verbose_name_plural = _("escalation policies")
        constraints = [
            # One answer to "which policy": no two in force fit the same alerts equally well.
            models.UniqueConstraint(
                fields=["site", "source", "minimum_severity"],
                condition=Q(deleted_at=None, is_active=True, site__isnull=False),
                name="uniq_escalation_policies_site",
                violation_error_message=_("Another policy in force is for the same site, source and severity."),
            ),
            models.UniqueConstraint(
                fields=["source", "minimum_severity"],
                condition=Q(deleted_at=None, is_active=True, site=None),
                name="uniq_escalation_policies_everywhere",
                violation_error_message=_("Another policy in force is for the same source and severity."),
            ),
            models.CheckConstraint(
                condition=Q(remind_after_minutes=None)
                | Q(remind_after_minutes__gte=5, remind_after_minutes__lte=ladder.LONGEST_WAIT),
                name="check_escalation_policies_remind",
            ),
            models.CheckConstraint(
                condition=Q(reminders__gte=1, reminders__lte=10), name="check_escalation_policies_reminders"
            ),
        ]
        indexes = [
            # GET /escalation-policies, newest first
            models.Index(
                fields=["-created_at", "-id"], condition=Q(deleted_at=None), name="idx_escalation_policies_list"
            ),
        ]

    if TYPE_CHECKING:
        listed: list[dict[str, Any]]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def add(cls, *, by: User | None, steps: Sequence[Step], **fields: Any) -> "EscalationPolicy":
        policy = cls(**fields)
        policy.register(by=by, steps=steps)
        return policy

    def register(self, *, by: User | None, steps: Sequence[Step]) -> None:
        """Stores a policy that was only filled in so far."""
        ladder.check(steps)
        with transaction.atomic():
            self.save(force_insert=True)
            self._write(steps)

    def change(self, *, by: User | None, steps: Sequence[Step] | None = None, **fields: Any) -> None:
        """Edits the given fields; `steps` replaces the whole list. Escalations under way keep what they began with."""
        with transaction.atomic():
            self.lock()
            for name, value in fields.items():
                setattr(self, name, value)
            if steps is not None:
                ladder.check(steps)
                self.steps.all().delete()
                self._write(steps)
            self.version += 1
            self.save(update_fields=[*fields, "version"])

    def restore(self, *, by: User | None, at: datetime) -> None:
        """It comes back out of force where another has taken its place."""
        with transaction.atomic():
            self.lock()
            self.is_active = False
            self.save(update_fields=["is_active"])
            super().restore(by=by, at=at)

    def lock(self) -> None:
        self.refresh_from_db(from_queryset=EscalationPolicy.objects.select_for_update(of=("self",)))

    def _write(self, steps: Sequence[Step]) -> None:
        known = {"kind", *ladder.FIELDS}
        rows = [
            EscalationStep(policy=self, position=n, **{k: v for k, v in step.items() if k in known and v is not None})
            for n, step in enumerate(steps)
        ]
        EscalationStep.objects.bulk_create(rows)

    def rungs(self) -> list[Rung]:
        """The ladder of the stored steps."""
        found = self if "listed" in self.__dict__ else EscalationPolicy.objects.with_steps().get(pk=self.pk)
        return ladder.rungs_of(found.listed)

    def warnings(self) -> list[str]:
        """What is allowed and yet probably not meant, of a policy whose steps were read along."""
        steps = list(self.steps.all())
        found = [] if any(step.kind in ladder.TELLS for step in steps) else [gettext("This policy tells nobody.")]
        gone = [step.person for step in steps if step.person and not step.person.is_active]
        return [*found, *(gettext("%(person)s is not active any more.") % {"person": person} for person in gone)]


class EscalationStep(TimeStampedModel):
    """One line of a policy: a wait, somebody who is told, a severity that is raised, or the start of another round."""

    audited: ClassVar[bool] = True

    policy = models.ForeignKey(EscalationPolicy, models.CASCADE, related_name="steps", db_index=False)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    kind = models.CharField(_("what"), max_length=15, choices=StepKind)
    minutes = models.PositiveIntegerField(_("minutes"), null=True, blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("person")
    )
    role = models.CharField(_("role"), max_length=10, choices=ladder.ROLES, blank=True)
    severity = models.CharField(
        _("severity"), max_length=10, choices=AlertRecord.Severity, blank=True, help_text=_("Empty: the next one.")
    )
    times = models.PositiveSmallIntegerField(_("times"), null=True, blank=True)

    class Meta:
        db_table = "escalation_steps"
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ("position",)
        constraints = [
            # Also reads a policy's steps in their order.
            models.UniqueConstraint(fields=["policy", "position"], name="uniq_escalation_steps_position"),
            models.CheckConstraint(
                condition=(~Q(kind="WAIT") | Q(minutes__gte=1))
                & (~Q(kind="NOTIFY_PERSON") | Q(person__isnull=False))
                & (~Q(kind="NOTIFY_ROLE") | ~Q(role=""))
                & (~Q(kind="REPEAT") | Q(times__gte=1)),
                name="check_escalation_steps_complete",
            ),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())
