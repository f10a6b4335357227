"""What is unusual and worth a look: which detectors watch what, what they found, and what people said of it."""

import math
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from equipment.models import Category, Equipment
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel, TimeStampedModel, TimeStampedQuerySet
from faultreporter.errors import ValidationFailed
from telemetry.models.catalogue import Metric, Series
from telemetry.units import with_unit

MANAGING = (User.Role.ADMIN, User.Role.MANAGER)
ENOUGH_VERDICTS = 10
"""With fewer, a share says more about chance than about the detector."""
Z_95 = 1.96


def figure(value: float) -> str:
    """Four digits that mean something, for a sentence."""
    return str(number_format(Decimal(f"{value:.4g}")))


class Verdicts(NamedTuple):
    """What people said of a detector's insights, one verdict a person and insight."""

    useful: int = 0
    false_alarms: int = 0
    known: int = 0

    @property
    def decided(self) -> int:
        """Useful or false; "known already" says neither."""
        return self.useful + self.false_alarms

    @property
    def is_enough(self) -> bool:
        return self.decided >= ENOUGH_VERDICTS

    @property
    def precision(self) -> float | None:
        """The share of useful ones; None while there are too few verdicts to say."""
        return self.useful / self.decided if self.is_enough else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the true share lies with 95 % confidence (Wilson 1927), None while there are too few verdicts."""
        if not self.is_enough:
            return None
        count, share = self.decided, self.useful / self.decided
        middle = share + Z_95**2 / (2 * count)
        reach = Z_95 * math.sqrt(share * (1 - share) / count + Z_95**2 / (4 * count**2))
        scale = 1 + Z_95**2 / count
        return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)

    def __str__(self) -> str:
        if self.interval is None:
            words = ngettext("%d verdict, too few to say", "%d verdicts, too few to say", self.decided)
            return words % self.decided
        low, high = self.interval
        return gettext("%(useful)d of %(count)d useful (%(low).0f to %(high).0f %%)") % {
            "useful": self.useful, "count": self.decided, "low": 100 * low, "high": 100 * high,
        }  # fmt: skip


class DetectorQuerySet(LivingQuerySet["Detector"]):
    def for_user(self, user: User) -> Self:
        return self if user.role in MANAGING else self.none()

    def with_figures(self) -> Self:
        """`insight_count`, and the counts that `verdicts` is made of, each in a subquery of its own."""
        found = Insight.objects.filter(detector=OuterRef("pk")).order_by().values("detector")
        said = InsightFeedback.objects.filter(insight__detector=OuterRef("pk")).order_by().values("insight__detector")
        counts = {
            f"{verdict.lower()}_count": Coalesce(
                Subquery(said.filter(verdict=verdict).values(count=Count("*"))), 0, output_field=models.IntegerField()
            )
            for verdict in InsightFeedback.Verdict
        }
        return self.annotate(
            insight_count=Coalesce(Subquery(found.values(count=Count("*"))), 0, output_field=models.IntegerField()),
            **counts,
        )


class Detector(SoftDeleteModel):
    """One way of finding what is unusual in a metric, for all machines or for those of one category.

    It begins in shadow: what it finds is recorded and only managers see it. When their verdicts say that it is worth
    the attention, a manager lets technicians see it, too. A category's own detector stands in for the metric's.
    """

    class Kind(models.TextChoices):
        RUNNING_Z = "RUNNING_Z", _("Far from the mean")
        RELATIVE_ENTROPY = "RELATIVE_ENTROPY", _("Spread like never before")

    class Visibility(models.TextChoices):
        SHADOW = "SHADOW", _("In shadow")
        SHOWN = "SHOWN", _("Shown")

    audited: ClassVar[bool] = True
    FIXED: ClassVar[tuple[str, ...]] = ("metric", "category", "kind")

    metric = models.ForeignKey(Metric, models.PROTECT, related_name="detectors", verbose_name=_("metric"))
    category = models.ForeignKey(
        Category, models.PROTECT, null=True, blank=True, related_name="detectors", verbose_name=_("category"),
        help_text=_("Empty for the machines of all categories that have none of their own."),
    )  # fmt: skip
    kind = models.CharField(_("looks for"), max_length=20, choices=Kind, default=Kind.RUNNING_Z)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    visibility = models.CharField(
        _("visibility"), max_length=10, choices=Visibility, default=Visibility.SHADOW,
        help_text=_("In shadow only managers see what it finds."),
    )  # fmt: skip
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        verbose_name=_("created by"),
    )  # fmt: skip

    objects = DetectorQuerySet.as_manager()

    class Meta:
        db_table = "iot_detectors"
        verbose_name = _("detector")
        verbose_name_plural = _("detectors")
        ordering = ("metric__code", "kind", "id")
        constraints = [
            models.UniqueConstraint(
                fields=["metric", "kind"], condition=Q(deleted_at=None, category=None),
                name="uniq_iot_detectors_metric_kind",
                violation_error_message=_("This metric has such a detector already."),
            ),
            models.UniqueConstraint(
                fields=["metric", "category", "kind"], condition=Q(deleted_at=None),
                name="uniq_iot_detectors_category_kind",
                violation_error_message=_("This category has such a detector of the metric already."),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        scope = f" ({self.category})" if self.category else ""
        return f"{self.metric.name}: {self.get_kind_display()}{scope}"

    def change(self, *, by: User | None, **changes: Any) -> None:
        """Switches it on or off, or between shadow and shown; what it looks at stays."""
        with transaction.atomic():
            self.refresh_from_db(from_queryset=Detector.objects.select_for_update(of=("self",)))
            for name in self.FIXED:
                if changes.get(name, getattr(self, name)) != getattr(self, name):
                    raise ValidationFailed(
                        gettext("This is fixed once a detector exists; add another one instead."), field=name
                    )
            for name, value in changes.items():
                setattr(self, name, value)
            if changes:
                self.save(update_fields=list(changes))

    @property
    def verdicts(self) -> Verdicts:
        """Of a row from `with_figures`."""
        row: Any = self
        return Verdicts(row.useful_count, row.false_alarm_count, row.known_count)


class DetectorState(models.Model):
    """What a detector knows of one series, and up to which reading: nothing is judged twice, late readings never."""

    detector = models.ForeignKey(
        Detector, models.PROTECT, related_name="states", verbose_name=_("detector"), db_index=False
    )
    series = models.ForeignKey(Series, models.PROTECT, related_name="detector_states", verbose_name=_("series"))
    judged_up_to = models.DateTimeField(_("judged up to"), help_text=_("Time of the last reading judged."))
    tells_from = models.DateTimeField(
        _("tells from"), help_text=_("What is older was there to learn from and is no insight.")
    )
    version = models.PositiveSmallIntegerField(_("version"), default=0)
    state = models.BinaryField(_("state"), default=b"")

    class Meta:
        db_table = "iot_detector_states"
        verbose_name = _("detector state")
        verbose_name_plural = _("detector states")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["detector", "series"], name="uniq_iot_detector_states"),
        ]

    def __str__(self) -> str:
        return f"{self.detector_id} · {self.series_id}"


class InsightQuerySet(TimeStampedQuerySet["Insight"]):
    def for_user(self, user: User) -> Self:
        """Of machines in sight: everything for managers, what is shown for technicians, nothing for others."""
        rows = self.filter(equipment__in=Equipment.objects.for_user(user).living())
        if user.role in MANAGING:
            return rows
        return rows.filter(state=Insight.State.SHOWN) if user.role == User.Role.TECHNICIAN else self.none()

    def open(self) -> Self:
        return self.filter(ended_at=None)

    def over(self) -> Self:
        return self.exclude(ended_at=None)

    def of_group(self, group_id: uuid.UUID) -> Self:
        return self.filter(Q(pk=group_id) | Q(leader=group_id))

    def leading(self) -> Self:
        """One of each group: the first that was found."""
        return self.filter(leader=None)

    def older_than(self, at: datetime) -> Self:
        """Over since before then, or never ended and begun before."""
        return self.filter(Q(ended_at__lt=at) | Q(ended_at=None, last_unusual_at__lt=at))


class Insight(TimeStampedModel):
    """A stretch of readings that a detector found unusual. It is a hint for people, never an alarm.

    Insights of one machine that begin within half an hour are one group, led by the first. A machine has so many
    groups a day, by its site's clock; what comes beyond that is recorded and not shown.
    """

    class State(models.TextChoices):
        SHADOW = "SHADOW", _("In shadow")
        SHOWN = "SHOWN", _("Shown")
        OVER_BUDGET = "OVER_BUDGET", _("Over the daily budget")

    detector = models.ForeignKey(
        Detector, models.PROTECT, related_name="insights", verbose_name=_("detector"), db_index=False
    )
    series = models.ForeignKey(Series, models.PROTECT, related_name="insights", verbose_name=_("series"))
    equipment = models.ForeignKey(
        Equipment, models.PROTECT, related_name="insights", verbose_name=_("equipment"), db_index=False
    )
    leader = models.ForeignKey(
        "self", models.CASCADE, null=True, blank=True, related_name="members", verbose_name=_("leader of the group")
    )
    state = models.CharField(_("state"), max_length=12, choices=State)
    started_at = models.DateTimeField(_("started at"))
    last_unusual_at = models.DateTimeField(_("last unusual at"))
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    site_date = models.DateField(_("day at the site"), help_text=_("The day whose budget it counts towards."))
    value = models.FloatField(_("value"), help_text=_("Of the reading it began with, in the metric's unit."))
    peak_value = models.FloatField(_("most unusual value"))
    peak_score = models.FloatField(
        _("highest score"),
        help_text=_("How unusual, by the detector's own measure; scores of two kinds don't compare."),
    )
    expected_low = models.FloatField(_("expected from"))
    expected_high = models.FloatField(_("expected to"))

    objects = InsightQuerySet.as_manager()

    class Meta:
        db_table = "iot_insights"
        verbose_name = _("insight")
        verbose_name_plural = _("insights")
        ordering = ("-started_at", "-id")
        constraints = [
            # what makes telling it twice harmless; also the index for all insights of a detector
            models.UniqueConstraint(fields=["detector", "series", "started_at"], name="uniq_iot_insights_episode"),
        ]
        indexes = [
            models.Index(fields=["-started_at", "-id"], name="idx_iot_insights_newest"),
            # a machine's list, its groups, and what it has had today
            models.Index(fields=["equipment", "-started_at"], name="idx_iot_insights_equipment"),
            # what a sweep closes
            models.Index(fields=["series"], name="idx_iot_insights_open", condition=Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return self.summary

    @property
    def group_id(self) -> uuid.UUID:
        return self.leader_id or self.pk

    @property
    def duration(self) -> timedelta:
        return self.last_unusual_at - self.started_at

    @property
    def summary(self) -> str:
        """What was seen and what was expected, in one sentence. Metric and detector should be loaded."""
        metric = self.series.metric
        facts = {
            "metric": metric.name,
            "value": with_unit(figure(self.peak_value), metric.unit),
            "low": figure(self.expected_low),
            "high": with_unit(figure(self.expected_high), metric.unit),
        }
        if self.detector.kind == Detector.Kind.RUNNING_Z:
            return gettext("%(metric)s reached %(value)s; %(low)s to %(high)s was usual.") % facts
        return (
            gettext("%(metric)s is spread like never before, up to %(value)s; mostly it is %(low)s to %(high)s.")
            % facts
        )

    def give_feedback(self, *, by: User, verdict: str, note: str = "") -> "InsightFeedback":
        """This person's verdict; a later one replaces it."""
        said, _new = InsightFeedback.objects.update_or_create(
            insight=self, user=by, defaults={"verdict": verdict, "note": note}
        )
        return said

    def verdict_of(self, user: User) -> "InsightFeedback | None":
        """`feedback` should be prefetched."""
        return next((said for said in self.feedback.all() if said.user_id == user.pk), None)

    @property
    def verdicts(self) -> Verdicts:
        """`feedback` should be prefetched."""
        return count_verdicts(self.feedback.all())


class InsightFeedback(TimeStampedModel):
    """What one person made of an insight: the only measure of a detector that counts."""

    class Verdict(models.TextChoices):
        USEFUL = "USEFUL", _("Useful")
        FALSE_ALARM = "FALSE_ALARM", _("False alarm")
        KNOWN = "KNOWN", _("Known already")

    audited: ClassVar[bool] = True

    insight = models.ForeignKey(
        Insight, models.CASCADE, related_name="feedback", verbose_name=_("insight"), db_index=False
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("person"))
    verdict = models.CharField(_("verdict"), max_length=12, choices=Verdict)
    note = models.CharField(_("note"), max_length=500, blank=True)

    class Meta:
        db_table = "iot_insight_feedback"
        verbose_name = _("feedback on an insight")
        verbose_name_plural = _("feedback on insights")
        ordering = ("-updated_at", "-id")
        constraints = [
            # also the index for the feedback of an insight
            models.UniqueConstraint(fields=["insight", "user"], name="uniq_iot_insight_feedback_person"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_verdict_display()}"


def count_verdicts(feedback: "Iterable[InsightFeedback] | QuerySet[InsightFeedback]") -> Verdicts:
    counts = dict.fromkeys(InsightFeedback.Verdict.values, 0)
    for said in feedback:
        counts[said.verdict] += 1
    return Verdicts(counts["USEFUL"], counts["FALSE_ALARM"], counts["KNOWN"])
