"""Which readings are an alarm, and what is alarming now."""

from datetime import datetime
from typing import Any, ClassVar, Self, cast

from django.conf import settings
from django.db import models, transaction
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from equipment.models import Category, Equipment
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel
from faultreporter.errors import ValidationFailed
from faultreporter.outbox import publish
from telemetry.models.catalogue import Metric, Series
from telemetry.signals import rule_cleared


class RuleQuerySet(LivingQuerySet["Rule"]):
    def for_user(self, user: User) -> Self:
        """The rules of categories, and those of machines this person sees."""
        return self.filter(Q(equipment=None) | Q(equipment__in=Equipment.objects.for_user(user)))

    def firing(self) -> Self:
        return self.filter(pk__in=RuleState.objects.firing().values("rule"))

    def quiet(self) -> Self:
        return self.exclude(pk__in=RuleState.objects.firing().values("rule"))

    def with_firing_count(self) -> Self:
        """`firing_count`: on how many machines each rule fires now."""
        counts = (
            RuleState.objects.firing().filter(rule=OuterRef("pk")).order_by().values("rule").values(count=Count("*"))
        )
        return self.annotate(firing_count=Coalesce(Subquery(counts), 0))


class Rule(SoftDeleteModel):
    """An alarm limit on a metric, for one machine or for every machine of a category.

    It fires when a reading is beyond the trigger value and is over when one is back at the clear value: the distance
    between the two (hysteresis) keeps a value that hovers at the limit from raising alert after alert. Whatever is
    edited, what the rule had open is closed and it starts anew with the present values.
    """

    class Kind(models.TextChoices):
        THRESHOLD = "THRESHOLD", _("Threshold")

    class Comparison(models.TextChoices):
        ABOVE = "ABOVE", _("Above")
        BELOW = "BELOW", _("Below")

    class Severity(models.TextChoices):
        LOW = "LOW", _("Low")
        MEDIUM = "MEDIUM", _("Medium")
        HIGH = "HIGH", _("High")
        CRITICAL = "CRITICAL", _("Critical")

    audited: ClassVar[bool] = True

    title = models.CharField(_("title"), max_length=200, help_text=_("What the alert will be called."))
    equipment = models.ForeignKey(
        Equipment, models.PROTECT, null=True, blank=True, related_name="rules", verbose_name=_("equipment")
    )
    category = models.ForeignKey(
        Category, models.PROTECT, null=True, blank=True, related_name="rules", verbose_name=_("category")
    )
    metric = models.ForeignKey(Metric, models.PROTECT, related_name="rules", verbose_name=_("metric"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind, default=Kind.THRESHOLD)
    comparison = models.CharField(_("comparison"), max_length=5, choices=Comparison, default=Comparison.ABOVE)
    trigger_value = models.FloatField(
        _("trigger value"), help_text=_("In the metric's unit. Beyond it the rule fires.")
    )
    clear_value = models.FloatField(
        _("clear value"), blank=True, help_text=_("Back at it the alarm is over; the trigger value if left out.")
    )
    severity = models.CharField(_("severity"), max_length=10, choices=Severity, default=Severity.MEDIUM)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    # Older readings count only as a series' present value: a new rule doesn't raise alarms about history.
    effective_from = models.DateTimeField(_("effective from"), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        verbose_name=_("created by"),
    )  # fmt: skip

    objects = RuleQuerySet.as_manager()

    class Meta:
        db_table = "iot_rules"
        verbose_name = _("alarm rule")
        verbose_name_plural = _("alarm rules")
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=Q(equipment=None, category__isnull=False) | Q(equipment__isnull=False, category=None),
                name="check_iot_rules_scope",
                violation_error_message=_("Name either one machine or one category."),
            ),
            models.CheckConstraint(
                condition=Q(comparison="ABOVE", clear_value__lte=F("trigger_value"))
                | Q(comparison="BELOW", clear_value__gte=F("trigger_value")),
                name="check_iot_rules_hysteresis",
                violation_error_message=_("The clear value must lie on the quiet side of the trigger value."),
            ),
            models.CheckConstraint(
                condition=Q(
                    trigger_value__gt=float("-inf"),
                    trigger_value__lt=float("inf"),
                    clear_value__gt=float("-inf"),
                    clear_value__lt=float("inf"),
                ),
                name="check_iot_rules_finite",
                violation_error_message=_("Both values must be finite numbers."),
            ),
        ]
        indexes = [
            # the list, newest first
            models.Index(fields=["-created_at", "-id"], name="idx_iot_rules_newest", condition=Q(deleted_at=None)),
        ]

    def __str__(self) -> str:
        return self.title

    @classmethod
    def add(cls, *, by: User | None, at: datetime, **fields: Any) -> "Rule":
        """A new rule, in force from now on; the present values of its machines are judged at once."""
        rule = cls(created_by=by, effective_from=at, **fields)
        rule._check()
        with transaction.atomic():
            rule.save(force_insert=True)
            rule._wake()
        return rule

    def change(self, *, by: User | None, at: datetime, **changes: Any) -> None:
        """Writes these fields, closes what the rule had open and starts anew."""
        with transaction.atomic():
            self._lock()
            changes = {name: value for name, value in changes.items() if getattr(self, name) != value}
            if not changes:
                return
            for name, value in changes.items():
                setattr(self, name, value)
            self._check()
            self.effective_from = at
            self.save(update_fields=[*changes, "clear_value", "effective_from"])
            self._close(RuleState.Cleared.EDITED if self.is_enabled else RuleState.Cleared.DISABLED, at=at)
            self._wake()

    def soft_delete(self, *, by: User | None, at: datetime) -> None:
        with transaction.atomic():
            self._lock()
            super().soft_delete(by=by, at=at)
            self._close(RuleState.Cleared.DELETED, at=at)

    def restore(self, *, by: User | None, at: datetime) -> None:
        with transaction.atomic():
            self._lock()
            super().restore(by=by, at=at)
            self.effective_from = at
            self.save(update_fields=["effective_from"])
            self._wake()

    def _lock(self) -> None:
        """Evaluation holds the row FOR SHARE: no rule is edited while readings are judged by it."""
        self.refresh_from_db(from_queryset=Rule.objects.select_for_update(of=("self",)))

    def _check(self) -> None:
        if (self.equipment_id is None) == (self.category_id is None):
            raise ValidationFailed(gettext("Name either one machine or one category."), field="equipment_id")
        if cast("float | None", self.clear_value) is None:  # not stored yet, or emptied in a form
            self.clear_value = self.trigger_value
        above = self.comparison == self.Comparison.ABOVE
        if self.clear_value > self.trigger_value if above else self.clear_value < self.trigger_value:
            raise ValidationFailed(
                gettext("The clear value must lie on the quiet side of the trigger value."), field="clear_value"
            )

    def _close(self, reason: "RuleState.Cleared", *, at: datetime) -> None:
        for state in self.states.firing().select_related("series__equipment", "series__metric").order_by("series"):
            state.rule = self
            state.tell_cleared(reason, at=at)
        self.states.all().delete()

    def _wake(self) -> None:
        if self.is_enabled:
            publish("telemetry.tasks.evaluate_rule", rule=str(self.pk))


class RuleStateQuerySet(models.QuerySet["RuleState"]):
    def firing(self) -> Self:
        return self.filter(state=RuleState.State.FIRING)


class RuleState(models.Model):
    """How one rule stands on one series. It remembers up to which reading it has judged, so nothing is judged twice."""

    class State(models.TextChoices):
        NORMAL = "NORMAL", _("Normal")
        FIRING = "FIRING", _("Firing")

    class Cleared(models.TextChoices):
        RECOVERED = "RECOVERED", _("Recovered")
        EDITED = "EDITED", _("Rule edited")
        DISABLED = "DISABLED", _("Rule disabled")
        DELETED = "DELETED", _("Rule deleted")
        OUT_OF_SCOPE = "OUT_OF_SCOPE", _("Machine no longer watched by the rule")

    rule = models.ForeignKey(Rule, models.PROTECT, related_name="states", verbose_name=_("rule"), db_index=False)
    series = models.ForeignKey(Series, models.PROTECT, related_name="rule_states", verbose_name=_("series"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.NORMAL)
    since = models.DateTimeField(_("since"), help_text=_("Time of the reading that brought this state."))
    last_evaluated_at = models.DateTimeField(_("judged up to"), help_text=_("Time of the last reading judged."))

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
            # what fires now: the sweep for states out of scope, and the admin's list
            models.Index(fields=["-since"], name="idx_iot_rule_states_firing", condition=Q(state="FIRING")),
        ]

    def __str__(self) -> str:
        return f"{self.rule}: {self.get_state_display()}"

    def tell_cleared(self, reason: Cleared, *, at: datetime) -> None:
        """That this episode is over, though no reading ended it."""
        rule_cleared.send(sender=Rule, rule=self.rule, series=self.series, reading=None, at=at, reason=reason)
