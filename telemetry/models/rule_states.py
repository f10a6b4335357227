"""How each rule stands on each series it watches."""

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.models import User
from telemetry.models.catalogue import Series
from telemetry.rules import judging
from telemetry.signals import rule_cleared

LONGEST_ERROR = 200


class Cleared(models.TextChoices):
    """Why an episode is over."""

    RECOVERED = "RECOVERED", _("Recovered")
    EDITED = "EDITED", _("Rule edited")
    DISABLED = "DISABLED", _("Rule disabled")
    DELETED = "DELETED", _("Rule deleted")
    OUT_OF_SCOPE = "OUT_OF_SCOPE", _("Machine no longer watched by the rule")


class Suppression(models.TextChoices):
    """Why an episode isn't told though its condition holds."""

    SCHEDULE = "SCHEDULE", _("Outside the rule's hours")
    MAINTENANCE_WINDOW = "MAINTENANCE_WINDOW", _("Maintenance window")
    STATUS = "STATUS", _("Machine in maintenance or offline")
    PARENT = "PARENT", _("The machine it is part of is silent")
    GATEWAY = "GATEWAY", _("Its gateway is silent")


class RuleStateQuerySet(models.QuerySet["RuleState"]):
    def firing(self) -> Self:
        """Those with an alarm that was told and isn't over; a suppressed one isn't among them."""
        return self.filter(is_told=True)

    def for_user(self, user: User) -> Self:
        return self.filter(series__in=Series.objects.for_user(user))

    def among(self, *, states: Collection[judging.State], equipment: uuid.UUID | None) -> Self:
        """Those in one of these states and of this machine; all where none is named."""
        rows = self.filter(state__in=states) if states else self
        return rows.filter(series__equipment=equipment) if equipment else rows

    def suppressed(self) -> Self:
        return self.filter(state__in=judging.ALARM, is_told=False)

    def failing(self) -> Self:
        """Those that can't be judged (telemetry.rules.failures)."""
        return self.filter(failing_since__isnull=False)


class RuleState(models.Model):
    """How one rule stands on one series. It remembers up to which reading it has judged, so nothing is judged twice."""

    State = judging.State
    Cleared = Cleared
    Suppression = Suppression

    rule = models.ForeignKey(
        "telemetry.Rule", models.PROTECT, related_name="states", verbose_name=_("rule"), db_index=False
    )
    series = models.ForeignKey(Series, models.PROTECT, related_name="rule_states", verbose_name=_("series"))
    version = models.PositiveIntegerField(_("version of the rule"), default=1)
    state = models.CharField(_("state"), max_length=10, choices=judging.State, default=judging.State.NORMAL)
    since = models.DateTimeField(_("since"), help_text=_("The moment that brought this state."))
    pending_since = models.DateTimeField(
        _("condition since"), null=True, blank=True, help_text=_("Time of the first reading that met the condition.")
    )
    samples = models.PositiveIntegerField(
        _("readings in a row"), default=0, help_text=_("So many met the condition one after another.")
    )
    judged_up_to = models.DateTimeField(
        _("judged up to"), help_text=_("Time of the last reading judged; of a stale rule, of its arrival.")
    )
    last_value = models.FloatField(_("last value"), null=True, blank=True)
    memory = models.JSONField(
        _("memory"), null=True, blank=True, help_text=_("Earlier readings a rate of change or a stuck value needs.")
    )
    is_told = models.BooleanField(_("told"), default=False, help_text=_("An alarm was told and isn't over."))
    suppressed_by = models.CharField(_("suppressed by"), max_length=20, choices=Suppression, blank=True, default="")
    suppressed_until = models.DateTimeField(
        _("suppressed until"), null=True, blank=True, help_text=_("Where it is known.")
    )
    # By our clock: not before this moment will time alone change anything.
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    # Readings from the one to the other, up to the third, need no judgement yet (judging.quiet).
    quiet_low = models.FloatField(null=True, blank=True, editable=False)
    quiet_high = models.FloatField(null=True, blank=True, editable=False)
    quiet_until = models.DateTimeField(null=True, blank=True, editable=False)
    # Those of them that the memory has yet to take up.
    kept_at = ArrayField(models.DateTimeField(), null=True, blank=True, editable=False)
    kept_values = ArrayField(models.FloatField(), null=True, blank=True, editable=False)
    # What telemetry.rules.failures notes: judging it went wrong, and it is left out until it goes well again.
    failing_since = models.DateTimeField(
        _("failing since"), null=True, blank=True, help_text=_("It can't be judged: no alarm begins or ends.")
    )
    failed_at = models.DateTimeField(_("last tried at"), null=True, blank=True)
    last_error = models.CharField(_("last error"), max_length=LONGEST_ERROR, blank=True, default="", db_default="")

    objects = RuleStateQuerySet.as_manager()

    class Meta:
        db_table = "iot_rule_states"
        verbose_name = _("rule state")
        verbose_name_plural = _("rule states")
        ordering = ("-since", "-id")
        constraints = [
            # also the index for all states of a rule
            models.UniqueConstraint(fields=["rule", "series"], name="uniq_iot_rule_states_rule_series"),
        ]
        indexes = [
            # what fires now: the sweep for states out of scope, the counts of rules
            models.Index(fields=["rule", "-since"], name="idx_iot_rule_states_told", condition=Q(is_told=True)),
            # the sweep for what time alone changes
            models.Index(fields=["due_at"], name="idx_iot_rule_states_due", condition=Q(due_at__isnull=False)),
            # what can't be judged: of a rule, of all, and what to try again first
            models.Index(
                fields=["rule", "failed_at"],
                name="idx_iot_rule_states_failing",
                condition=Q(failing_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule}: {self.get_state_display()}"

    def tell_cleared(self, why: models.TextChoices, *, at: datetime) -> None:
        """That this episode is over, though no reading ended it; `why` is a Cleared."""
        rule_cleared.send(
            sender=type(self.rule), rule=self.rule, series=self.series, reading=None, at=at, reason=why,
            because=str(why.label), version=self.version,
        )  # fmt: skip
