"""Hours on an order: a timer that runs, a stretch of time, or minutes by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeBoundary, RangeOperators
from django.core.validators import MinValueValidator
from django.db import IntegrityError, models, transaction
from django.db.models import F, Q, Sum
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from equipment.models.downtime import TsTzRange
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet
from faultreporter.errors import DomainError, ValidationFailed
from workorders.models.effort import EffortRow, cents, remainder
from workorders.models.rates import LabourRate, default_currency

if TYPE_CHECKING:
    from workorders.models.order import WorkOrder


class TimerRunning(DomainError):
    """The person's timer runs already, here or on another order; `meta` names it."""

    code = "TIMER_RUNNING"
    http_status = 409


class TimerNotRunning(DomainError):
    """The person has no timer on this order that could be stopped."""

    code = "TIMER_NOT_RUNNING"
    http_status = 409


class LabourOverlap(DomainError):
    """The person is on another entry in that time; `meta` names its order."""

    code = "LABOUR_OVERLAP"
    http_status = 409


class LabourEntryQuerySet(LivingQuerySet["LabourEntry"]):
    def running(self) -> Self:
        return self.living().filter(started_at__isnull=False, ended_at=None)

    def forgotten(self, at: datetime) -> Self:
        return self.running().filter(started_at__lt=at - LabourEntry.LONGEST_TIMER)


class LabourEntry(EffortRow):
    """One person's work on an order. The rate is the one of its day, kept as it was then.

    Times are instants, so a clock change neither adds nor takes an hour. Nobody works twice at the same time.
    """

    class Kind(models.TextChoices):
        NORMAL = "NORMAL", _("Normal")
        OVERTIME = "OVERTIME", _("Overtime")
        TRAVEL = "TRAVEL", _("Travel")

    LONGEST_TIMER: ClassVar = timedelta(hours=12)
    LONGEST_ENTRY: ClassVar = timedelta(hours=24)
    # Where the timer may be started: travel and preparation come before the start.
    WORKABLE: ClassVar = ("ASSIGNED", "IN_PROGRESS")

    work_order = models.ForeignKey(
        "workorders.WorkOrder", models.PROTECT, related_name="labour", verbose_name=_("work order")
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="labour", db_index=False, verbose_name=_("person")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.NORMAL)
    started_at = models.DateTimeField(_("from"), null=True, blank=True)
    ended_at = models.DateTimeField(_("to"), null=True, blank=True, help_text=_("Empty: the timer runs."))
    minutes = models.PositiveIntegerField(_("minutes"), null=True, blank=True)
    capped = models.BooleanField(
        _("forgotten timer"), default=False, editable=False,
        help_text=_("The timer ran longer than 12 hours and was cut there; say what was worked."),
    )  # fmt: skip
    hourly_rate = models.DecimalField(
        _("hourly rate"), max_digits=12, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    factor = models.DecimalField(_("factor"), max_digits=4, decimal_places=2, default=Decimal(1))
    cost = models.DecimalField(_("cost"), max_digits=12, decimal_places=2, null=True, blank=True, editable=False)
    currency = models.CharField(_("currency"), max_length=3, default=default_currency, editable=False)
    note = models.TextField(_("note"), blank=True)

    objects = LabourEntryQuerySet.as_manager()

    class Meta:
        db_table = "labour_entries"
        verbose_name = _("labour entry")
        verbose_name_plural = _("labour")
        constraints = [
            # Also finds the timer that somebody has running.
            models.UniqueConstraint(
                fields=["person"],
                condition=Q(deleted_at=None, started_at__isnull=False, ended_at=None),
                name="uniq_labour_entries_running",
            ),
            models.UniqueConstraint(
                fields=["work_order"],
                condition=Q(deleted_at=None, lump_sum=True),
                name="uniq_labour_entries_lump_sum",
            ),
            ExclusionConstraint(
                name="excl_labour_entries_overlap",
                expressions=[
                    ("person", RangeOperators.EQUAL),
                    (TsTzRange("started_at", "ended_at", RangeBoundary()), RangeOperators.OVERLAPS),
                ],
                condition=Q(deleted_at=None, started_at__isnull=False),
            ),
            models.CheckConstraint(
                condition=Q(started_at=None, ended_at=None)
                | Q(started_at__isnull=False, ended_at=None, minutes=None)
                | Q(started_at__isnull=False, ended_at__gte=F("started_at"), minutes__isnull=False),
                name="check_labour_entries_time",
            ),
            models.CheckConstraint(condition=Q(cost=None) | Q(cost__gte=0), name="check_labour_entries_cost"),
        ]
        indexes = [
            # GET /me/labour, newest first
            models.Index(fields=["person", "-created_at", "-id"], name="idx_labour_entries_person"),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.minutes} min" if self.minutes is not None else f"{self.person}"

    @property
    def is_running(self) -> bool:
        return self.started_at is not None and self.ended_at is None

    def concerns(self, user: User) -> bool:
        return user.pk in (self.person_id, self.created_by_id)

    # Moves ------------------------------------------------------------------------------------------------------

    @classmethod
    def start_timer(
        cls, *, order: "WorkOrder", by: User, at: datetime, kind: str = Kind.NORMAL, note: str = ""
    ) -> "LabourEntry":
        """The person begins to work now. One timer at a time: TIMER_RUNNING names the order of the other."""
        with order.booking(by=by, at=at, note=gettext("Timer started.")):
            if order.status not in cls.WORKABLE:
                order._refuse(gettext("Nobody works on this order now."), target="IN_PROGRESS")
            lock_hours_of(by)
            other = cls.objects.running().filter(person=by).select_related("work_order").first()
            if other is not None:
                message = gettext("Your timer runs on %(number)s since %(time)s; stop it first.")
                raise TimerRunning(message % other.where(), meta=other.named())
            entry = cls(
                work_order=order, person=by, kind=kind, started_at=at, note=note, created_by=by, created_at=at,
                currency=order.currency,
            )  # fmt: skip
            entry._store()
        return entry

    @classmethod
    def stop_timer(cls, *, order: "WorkOrder", by: User, at: datetime, note: str = "") -> "LabourEntry":
        """The person's timer on this order ends. One that ran longer than 12 hours is cut there and flagged."""
        with order.booking(by=by, at=at, note=gettext("Timer stopped.")):
            entry: LabourEntry | None = order.labour.running().filter(person=by).first()
            if entry is None:
                raise TimerNotRunning(gettext("You have no timer running on this order."))
            if entry.started_at is None or at < entry.started_at:
                raise ValidationFailed(gettext("That is before the timer was started."), field="occurred_at")
            entry.work_order, entry.note = order, note or entry.note
            entry.end(at=at)
        return entry

    @classmethod
    def log(cls, *, order: "WorkOrder", person: User, by: User, at: datetime, **fields: Any) -> "LabourEntry":
        """Work written down by hand: `started_at` and `ended_at`, or `minutes`."""
        with order.booking(by=by, at=at, note=gettext("Labour entered.")):
            lock_hours_of(person)
            entry = cls(work_order=order, person=person, created_by=by, created_at=at, currency=order.currency)
            entry._set(at=at, **fields)
            entry._store()
        return entry

    def change(self, *, by: User | None, at: datetime, **fields: Any) -> None:
        with self.work_order.booking(by=by, at=at, note=gettext("Labour corrected.")):
            lock_hours_of(self.person)
            self._set(at=at, **fields)
            self.capped = False
            self._store()

    def end(self, *, at: datetime) -> None:
        """The timer stops; never before it started. The order is locked, and whoever calls counts anew."""
        started_at = self.started_at or at
        last = started_at + self.LONGEST_TIMER
        self.capped = at > last
        self.ended_at = min(max(at, started_at), last)
        self.minutes = minutes_between(started_at, self.ended_at)
        self.price()
        self._store()

    def restore(self, *, by: User | None, at: datetime) -> None:
        with self._explained():
            super().restore(by=by, at=at)

    # Arithmetic -------------------------------------------------------------------------------------------------

    def price(self) -> None:
        """The cost at the rate of the day, which is kept. Without a rate there is no cost."""
        if self.hourly_rate is None:
            on = (self.started_at or self.created_at).date()
            rate = LabourRate.objects.valid_for(self.person, on=on, currency=self.currency)
            if rate is not None:
                self.hourly_rate, self.factor = rate.hourly_rate, rate.factor(self.kind)
        self._multiply()

    def _multiply(self) -> None:
        known = self.hourly_rate is not None and self.minutes is not None
        self.cost = cents(self.hourly_rate * self.factor * self.minutes / 60) if known else None  # type: ignore[operator]

    def _set(self, *, at: datetime, **fields: Any) -> None:
        by_hand = {name for name in ("minutes",) if fields.get(name) is not None}
        timed = {name for name in ("started_at", "ended_at") if fields.get(name) is not None}
        if by_hand and timed:
            raise ValidationFailed(gettext("Say from when to when, or how many minutes; not both."), field="minutes")
        if by_hand:
            fields |= {"started_at": None, "ended_at": None}
        day, kind = (self.started_at or self.created_at).date(), self.kind
        for name, value in fields.items():
            setattr(self, name, value)
        if "hourly_rate" in fields:
            self.factor = Decimal(1)
        elif (day, kind) != ((self.started_at or self.created_at).date(), self.kind):
            self.hourly_rate = None  # another day or kind has another rate
        self._check_times(at)
        if self.started_at and self.ended_at:
            self.minutes = minutes_between(self.started_at, self.ended_at)
        elif self.is_running:
            self.minutes = None
        self.price()

    def _check_times(self, at: datetime) -> None:
        if self.started_at is None and (self.ended_at is not None or self.minutes is None):
            raise ValidationFailed(gettext("Say from when to when, or how many minutes."), field="minutes")
        if self.started_at and self.started_at > at:
            raise ValidationFailed(gettext("That is in the future."), field="started_at")
        if self.ended_at is None or self.started_at is None:
            return
        if not self.started_at <= self.ended_at <= min(at, self.started_at + self.LONGEST_ENTRY):
            message = gettext("The end lies between the start and now, at most 24 hours after the start.")
            raise ValidationFailed(message, field="ended_at")

    @classmethod
    def state(cls, order: "WorkOrder", *, by: User, at: datetime, said: dict[str, Any]) -> None:
        """The order took so many minutes, or cost so much labour: the rest is one person's lump sum."""
        entries = order.labour.living()
        others = entries.filter(lump_sum=False).aggregate(minutes=Sum("minutes"), cost=Sum("cost"))
        lump = entries.filter(lump_sum=True).first()
        if lump is None:
            lump = cls(
                work_order=order, person=by, created_by=by, created_at=at, currency=order.currency, lump_sum=True
            )
        if "labour_minutes" in said:
            lump.minutes = remainder(said["labour_minutes"], others["minutes"], field="labour_minutes")
        if said.get("labour_cost") is not None:
            lump.hourly_rate = None
            lump.cost = remainder(Decimal(said["labour_cost"]), others["cost"], field="labour_cost")
        elif "labour_cost" in said or lump.hourly_rate is not None or lump._state.adding:
            lump.price()
        lump.keep(lump.minutes is not None or lump.cost is not None, by=by, at=at)

    # Storage ----------------------------------------------------------------------------------------------------

    def _store(self) -> None:
        with self._explained():
            self.save()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Says in words, and with the other order's number, what the constraint would refuse."""
        try:
            with transaction.atomic():
                yield
        except IntegrityError as error:
            if "excl_labour_entries_overlap" not in str(error) and "uniq_labour_entries_running" not in str(error):
                raise
            other = self.neighbours().select_related("work_order").order_by("-started_at").first()
            meta = other.named() if other else {}
            raise LabourOverlap(
                gettext("This person is on %(number)s in that time.") % {"number": meta.get("number", "–")}, meta=meta
            ) from error

    def neighbours(self) -> LabourEntryQuerySet:
        """The person's other entries in this one's time."""
        rows = LabourEntry.objects.living().filter(person=self.person, started_at__isnull=False).exclude(pk=self.pk)
        rows = rows.filter(Q(ended_at=None) | Q(ended_at__gt=self.started_at))
        return rows.filter(started_at__lt=self.ended_at) if self.ended_at else rows

    def named(self) -> dict[str, str]:
        return {
            "work_order_id": str(self.work_order_id), "number": self.work_order.number, "entry_id": str(self.pk),
        }  # fmt: skip

    def where(self) -> dict[str, str]:
        return {"number": self.work_order.number, "time": f"{self.started_at:%Y-%m-%d %H:%M} UTC"}


def lock_hours_of(person: User) -> None:
    """One change of somebody's hours at a time: two at once could wait for each other at the constraint."""
    User.objects.select_for_update(no_key=True).filter(pk=person.pk).values_list("pk").first()


def minutes_between(start: datetime, end: datetime) -> int:
    """Whole minutes, halves up."""
    return int((end - start).total_seconds() / 60 + 0.5)
