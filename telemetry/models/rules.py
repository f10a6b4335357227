"""Which readings are an alarm. How a rule stands on each series is telemetry.models.rule_states."""

from collections.abc import Mapping
from copy import copy
from datetime import datetime
from typing import Any, ClassVar, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Count, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from equipment.models import Category, Equipment
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel
from faultreporter.errors import ValidationFailed
from faultreporter.outbox import publish
from locations.models.calendar import validate_weekly_hours
from telemetry.models.catalogue import Metric
from telemetry.models.rule_kinds import LONGEST_S, UNSET, complete, limits_of, taken_by
from telemetry.models.rule_states import Cleared, RuleState
from telemetry.rules import judging
from telemetry.rules.judging import Limits

SHORT = [MaxValueValidator(LONGEST_S)]
FINITE = ("trigger_value", "clear_value", "low_value", "high_value", "clear_margin", "tolerance")


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

    def failing(self) -> Self:
        return self.filter(pk__in=RuleState.objects.failing().values("rule"))

    def with_failures(self) -> Self:
        """On how many machines each rule can't be judged, since when, and what was said when it was last tried."""
        states = RuleState.objects.failing().filter(rule=OuterRef("pk")).order_by()
        counts = states.values("rule").values(count=Count("*"))
        return self.annotate(
            failing_count=Coalesce(Subquery(counts), 0),
            failing_since=Subquery(states.order_by("failing_since").values("failing_since")[:1]),
            last_error=Coalesce(Subquery(states.order_by("-failed_at", "-pk").values("last_error")[:1]), Value("")),
        )


class Rule(SoftDeleteModel):
    """A condition on a metric that is an alarm, for one machine or for every machine of a category.

    What the kinds look at, and what the durations mean, is telemetry.rules.judging; which fields a kind takes is
    telemetry.models.rule_kinds. Every edit is a new version: what the rule had open is closed and it starts anew with
    the present values.
    """

    Kind = judging.Kind

    class Comparison(models.TextChoices):
        ABOVE = "ABOVE", _("Above")
        BELOW = "BELOW", _("Below")
        EITHER = "EITHER", _("In either direction")

    class RatePer(models.TextChoices):
        MINUTE = "MINUTE", _("Minute")
        HOUR = "HOUR", _("Hour")

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
    kind = models.CharField(_("kind"), max_length=20, choices=judging.Kind, default=judging.Kind.THRESHOLD)
    comparison = models.CharField(
        _("comparison"), max_length=6, choices=Comparison, default=Comparison.ABOVE, blank=True,
        help_text=_("In either direction is for rates of change."),
    )  # fmt: skip
    trigger_value = models.FloatField(
        _("trigger value"), null=True, blank=True,
        help_text=_("In the metric's unit, of a rate of change per minute or hour. Beyond it the condition holds."),
    )  # fmt: skip
    clear_value = models.FloatField(
        _("clear value"), null=True, blank=True,
        help_text=_("Back at it the condition is over; the trigger value if left out."),
    )  # fmt: skip
    low_value = models.FloatField(_("low value"), null=True, blank=True, help_text=_("Below it the condition holds."))
    high_value = models.FloatField(_("high value"), null=True, blank=True, help_text=_("Above it the condition holds."))
    clear_margin = models.FloatField(
        _("clear margin"), null=True, blank=True,
        help_text=_("So far within both values the condition is over; 0 if left out."),
    )  # fmt: skip
    window_s = models.PositiveIntegerField(
        _("window"), null=True, blank=True, validators=SHORT, help_text=_("Seconds over which the change is taken.")
    )
    rate_per = models.CharField(
        _("change per"), max_length=6, choices=RatePer, default="", blank=True, help_text=_("A minute if left out.")
    )
    stale_after_s = models.PositiveIntegerField(
        _("stale after"), null=True, blank=True, validators=SHORT,
        help_text=_("Seconds without a reading, from the arrival of the last one."),
    )  # fmt: skip
    stuck_for_s = models.PositiveIntegerField(
        _("stuck for"), null=True, blank=True, validators=SHORT, help_text=_("Seconds in which the value hardly moves.")
    )
    tolerance = models.FloatField(
        _("tolerance"), null=True, blank=True, help_text=_("Moving by no more than this isn't moving; 0 if left out.")
    )
    for_s = models.PositiveIntegerField(
        _("for"), default=0, validators=SHORT, help_text=_("Seconds the condition must hold before the rule fires.")
    )
    keep_firing_s = models.PositiveIntegerField(
        _("keep firing"), default=0, validators=SHORT,
        help_text=_("Seconds the condition must be over before the alarm is; if it comes back, it is the same alarm."),
    )  # fmt: skip
    min_samples = models.PositiveIntegerField(
        _("readings at least"), default=1, validators=[MinValueValidator(1), MaxValueValidator(10_000)],
        help_text=_("So many readings in a row must meet the condition; of a stuck value, 3 if left out."),
    )  # fmt: skip
    weekly_hours = models.JSONField(
        _("weekly hours"), null=True, blank=True, validators=[validate_weekly_hours],
        help_text=_(
            "When alarms may begin: MON to SUN, each a list of spans from and to on the clock of the site. Always if "
            "left out."
        ),
    )  # fmt: skip
    severity = models.CharField(_("severity"), max_length=10, choices=Severity, default=Severity.MEDIUM)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    version = models.PositiveIntegerField(
        _("version"), default=1, editable=False, help_text=_("Every edit makes a new one.")
    )
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
                condition=Q(kind="THRESHOLD", trigger_value__isnull=False, clear_value__isnull=False)
                | Q(kind="RANGE", low_value__lt=F("high_value"), clear_margin__gte=0)
                | Q(kind="RATE_OF_CHANGE", trigger_value__isnull=False, clear_value__isnull=False, window_s__gt=0)
                | Q(kind="STALE", stale_after_s__gt=0)
                | Q(kind="STUCK", stuck_for_s__gt=0, tolerance__gte=0),
                name="check_iot_rules_kind",
                violation_error_message=_("Something is missing that a rule of this kind needs."),
            ),
            models.CheckConstraint(
                condition=Q(comparison="")
                | Q(comparison__in=("ABOVE", "EITHER"), clear_value__lte=F("trigger_value"))
                | Q(comparison="BELOW", clear_value__gte=F("trigger_value")),
                name="check_iot_rules_hysteresis",
                violation_error_message=_("The clear value must lie on the quiet side of the trigger value."),
            ),
            models.CheckConstraint(
                # NaN sorts above every number, so the comparison with infinity refuses it too
                condition=Q(*((f"{name}__gt", float("-inf")) for name in FINITE))
                & Q(*((f"{name}__lt", float("inf")) for name in FINITE)),
                name="check_iot_rules_finite",
                violation_error_message=_("Values must be finite numbers."),
            ),
        ]
        indexes = [
            # the list, newest first
            models.Index(fields=["-created_at", "-id"], name="idx_iot_rules_newest", condition=Q(deleted_at=None)),
        ]

    def __str__(self) -> str:
        return self.title

    def limits(self, *, expected_interval_s: int | None = None) -> Limits:
        """What the engine judges by, on a series that is expected to report so often."""
        return limits_of(self, expected_interval_s=expected_interval_s)

    @classmethod
    def add(cls, *, by: User | None, at: datetime, **fields: Any) -> "Rule":
        """A new rule, in force from now on; the present values of its machines are judged at once."""
        rule = cls(created_by=by, effective_from=at, **fields)
        rule._check(given=set(fields))
        with transaction.atomic():
            rule.save(force_insert=True)
            rule._keep_version(by=by)
            rule._wake()
        return rule

    def change(self, *, by: User | None, at: datetime, **changes: Any) -> None:
        """Writes these fields as a new version, closes what the rule had open and starts anew.

        What a new kind doesn't take is dropped.
        """
        with transaction.atomic():
            self._lock()
            before = {name: getattr(self, name) for name in (*UNSET, *changes)}
            self._apply(changes)
            changed = [name for name, value in before.items() if getattr(self, name) != value]
            if not changed:
                return
            self.effective_from, self.version = at, self.version + 1
            self.save(update_fields=[*changed, "effective_from", "version"])
            self._keep_version(by=by)
            self._close(Cleared.EDITED if self.is_enabled else Cleared.DISABLED, at=at)
            self._wake()

    def draft(self, **changes: Any) -> "Rule":
        """The rule with these changes, checked as if it were saved, and stored nowhere."""
        draft = copy(self)
        draft._apply(changes)
        return draft

    def soft_delete(self, *, by: User | None, at: datetime) -> None:
        with transaction.atomic():
            self._lock()
            super().soft_delete(by=by, at=at)
            self._close(Cleared.DELETED, at=at)

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

    def _apply(self, changes: Mapping[str, Any]) -> None:
        for name, value in changes.items():
            setattr(self, name, value)
        if "kind" in changes:
            for name in UNSET.keys() - taken_by(self.kind) - changes.keys():
                setattr(self, name, UNSET[name])
        self._check(given=set(changes))

    def _check(self, *, given: set[str]) -> None:
        """Refuses what makes no sense, and fills in what nobody said."""
        if (self.equipment_id is None) == (self.category_id is None):
            raise ValidationFailed(gettext("Name either one machine or one category."), field="equipment_id")
        fields = complete(self.kind, {name: getattr(self, name) for name in UNSET}, given=given)
        for name, value in fields.items():
            setattr(self, name, value)
        if self.weekly_hours is not None:
            try:
                validate_weekly_hours(self.weekly_hours)
            except ValidationError as error:
                raise ValidationFailed(error.messages[0], field="weekly_hours") from error

    def _keep_version(self, *, by: User | None) -> None:
        RuleVersion.objects.create(
            rule=self, version=self.version, in_force_from=self.effective_from, changed_by=by, config=self._config()
        )

    def _config(self) -> dict[str, Any]:
        """Everything a person can set, as it is now."""
        plain = ("title", "kind", *UNSET, "weekly_hours", "severity", "is_enabled")
        references = {f"{name}_id": getattr(self, f"{name}_id") for name in ("equipment", "category", "metric")}
        return {
            **{name: getattr(self, name) for name in plain},
            **{name: str(pk) if pk else None for name, pk in references.items()},
        }

    def _close(self, reason: Cleared, *, at: datetime) -> None:
        for state in self.states.firing().select_related("series__equipment", "series__metric").order_by("series"):
            state.rule = self
            state.tell_cleared(reason, at=at)
        self.states.all().delete()

    def _wake(self) -> None:
        if self.is_enabled:
            publish("telemetry.tasks.evaluate_rule", rule=str(self.pk))


class RuleVersion(models.Model):
    """A rule as it was from one edit to the next. An alert names the version that raised it."""

    rule = models.ForeignKey(Rule, models.PROTECT, related_name="versions", verbose_name=_("rule"), db_index=False)
    version = models.PositiveIntegerField(_("version"))
    in_force_from = models.DateTimeField(_("in force from"))
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("changed by")
    )
    config = models.JSONField(_("rule"))

    class Meta:
        db_table = "iot_rule_versions"
        verbose_name = _("version of a rule")
        verbose_name_plural = _("versions of a rule")
        ordering = ("-version",)
        constraints = [
            # also the index for all versions of a rule
            models.UniqueConstraint(fields=["rule", "version"], name="uniq_iot_rule_versions_rule_version"),
        ]

    def __str__(self) -> str:
        return gettext("Version %(version)d") % {"version": self.version}

    def changes_from(self, older: "Mapping[str, Any] | None") -> list[str]:
        """The names of the fields that this version changed."""
        return [] if older is None else [name for name, value in self.config.items() if older.get(name) != value]
