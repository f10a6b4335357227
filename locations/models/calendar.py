"""When people work: the business hours of a site, and its holidays."""

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import JSONObject
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel, TimeStampedModel
from faultreporter.errors import HasChildren, ValidationFailed
from locations.business_time import MINUTES_A_DAY, WEEKDAYS, BusinessHours

CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
Hours = dict[str, list[list[str]]]


def minute_of_day(text: Any) -> int:
    """08:30 is 510, 24:00 the end of the day."""
    if not isinstance(text, str) or not CLOCK_TIME.fullmatch(text):
        raise ValidationError(_("Write a time as 08:30; 24:00 is the end of the day."), code="invalid")
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def spans_of_day(day: Any) -> list[tuple[int, int]]:
    """The day's opening times in minutes, in their order; refused if one is empty or two overlap."""
    if not isinstance(day, list) or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in day):
        raise ValidationError(_("Each opening is a pair of times: from and to."), code="invalid")
    spans = sorted((minute_of_day(opens), minute_of_day(closes)) for opens, closes in day)
    if any(opens >= closes for opens, closes in spans):
        raise ValidationError(_("An opening ends after it begins; one over midnight is two."), code="invalid")
    if any(second[0] < first[1] for first, second in pairwise(spans)):
        raise ValidationError(_("Two openings of a day overlap."), code="invalid")
    return spans


def validate_weekly_hours(hours: Any) -> None:
    if not isinstance(hours, Mapping) or set(hours) - set(WEEKDAYS):
        raise ValidationError(_("Name the days MON to SUN, each with its openings."), code="invalid")
    openings = [opening for day in hours.values() for opening in spans_of_day(day)]
    if not openings:
        raise ValidationError(_("Open at least once a week, or no work would ever be due."), code="invalid")


def office_hours() -> Hours:
    return {day: [["08:00", "17:00"]] for day in WEEKDAYS[:5]}


class BusinessCalendarQuerySet(LivingQuerySet["BusinessCalendar"]):
    def for_user(self, user: User) -> Self:
        """Hours and holidays are no secret: every signed-in person reads all of them."""
        return self

    def hours_of(self, site_id: uuid.UUID | None, *, zone: ZoneInfo) -> BusinessHours:
        """The hours of this site's calendar, else of the default one, else around the clock."""
        return hours_from(self.as_json_of(site_id).first(), zone)

    def as_json_of(self, site_id: uuid.UUID | None) -> "models.QuerySet[BusinessCalendar, Any]":
        """What `hours_from` reads, of the calendar that counts for the site: at most one value, without its zone."""
        chosen = Q(is_default=True) | Q(sites=site_id) if site_id else Q(is_default=True)
        own_first = models.Case(models.When(sites=site_id, then=0), default=1)
        holidays = Holiday.objects.filter(calendar=models.OuterRef("pk")).order_by("date")
        kept = JSONObject(
            weekly="weekly_hours",
            holidays=ArraySubquery(holidays.values(one=JSONObject(date="date", yearly="every_year"))),
        )
        return self.living().filter(chosen).order_by(own_first).values_list(kept, flat=True)[:1]


def hours_from(kept: Mapping[str, Any] | None, zone: ZoneInfo) -> BusinessHours:
    """A calendar ready for counting, on the clock of this zone; around the clock without one."""
    if kept is None:
        return BusinessHours.around_the_clock(zone)
    days = [(date.fromisoformat(one["date"]), one["yearly"]) for one in kept["holidays"]]
    return BusinessHours(
        zone=zone,
        weekly=tuple(tuple(spans_of_day(kept["weekly"].get(day, []))) for day in WEEKDAYS),
        holidays=frozenset(day for day, yearly in days if not yearly),
        yearly=frozenset((day.month, day.day) for day, yearly in days if yearly),
    )


class BusinessCalendar(SoftDeleteModel):
    """When the people of a site work: opening hours of each weekday on the clock of the site, and holidays.

    Sites without a calendar follow the default one; without a default they are open around the clock.
    """

    name = models.CharField(_("name"), max_length=100)
    description = models.TextField(_("description"), blank=True)
    weekly_hours = models.JSONField(
        _("weekly hours"), default=office_hours, validators=[validate_weekly_hours],
        help_text=_("MON to SUN, each a list of openings from and to, in the local time of the site."),
    )  # fmt: skip
    is_default = models.BooleanField(
        _("default"), default=False, help_text=_("Sites without a calendar of their own follow this one.")
    )

    objects = BusinessCalendarQuerySet.as_manager()

    audited: ClassVar[bool] = True

    class Meta:
        db_table = "business_calendars"
        verbose_name = _("business calendar")
        verbose_name_plural = _("business calendars")
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(deleted_at=None), name="uniq_business_calendars_name_living",
                violation_error_message=_("Another calendar has this name."),
            ),
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(deleted_at=None, is_default=True),
                name="uniq_business_calendars_default",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name

    @property
    def minutes_a_week(self) -> int:
        return sum(closes - opens for day in self.weekly_hours.values() for opens, closes in spans_of_day(day))

    @property
    def is_around_the_clock(self) -> bool:
        return self.minutes_a_week == 7 * MINUTES_A_DAY

    @classmethod
    def add(cls, *, by: User | None, holidays: Sequence[Mapping[str, Any]] = (), **fields: Any) -> "BusinessCalendar":
        calendar = cls(**fields)
        with transaction.atomic():
            calendar.register(by=by)
            calendar._keep(holidays)
        return calendar

    def register(self, *, by: User | None) -> None:
        """Stores a calendar that was only filled in so far."""
        with transaction.atomic():
            self._check_and_tidy()
            self._be_the_only_default()
            self.save(force_insert=True)

    def change(self, *, by: User | None, **fields: Any) -> None:
        """Edits the given fields; `holidays` replaces them all. What is under way keeps the hours it began with."""
        with transaction.atomic():
            self.refresh_from_db(from_queryset=BusinessCalendar.objects.select_for_update(of=("self",)))
            holidays = fields.pop("holidays", None)
            for name, value in fields.items():
                setattr(self, name, value)
            self._check_and_tidy()
            self._be_the_only_default()
            self.save(update_fields=list(fields))
            if holidays is not None:
                self.holidays.all().delete()
                self._keep(holidays)

    def soft_delete(self, *, by: User | None, at: datetime) -> None:
        """Refused while a site follows it."""
        with transaction.atomic():
            BusinessCalendar.objects.select_for_update().get(pk=self.pk)
            if self.sites.filter(deleted_at=None).exists():
                raise HasChildren(gettext("A site follows this calendar; give it another one first."))
            super().soft_delete(by=by, at=at)

    def _keep(self, holidays: Sequence[Mapping[str, Any]]) -> None:
        Holiday.objects.bulk_create(Holiday(calendar=self, **one) for one in holidays)

    def _check_and_tidy(self) -> None:
        """The openings of each day in their order, every day named, so that equal hours are written alike."""
        try:
            validate_weekly_hours(self.weekly_hours)
        except ValidationError as error:
            raise ValidationFailed(error.messages[0], field="weekly_hours") from error
        self.weekly_hours = {day: sorted(map(list, self.weekly_hours.get(day, []))) for day in WEEKDAYS}

    def _be_the_only_default(self) -> None:
        if self.is_default:
            BusinessCalendar.objects.living().filter(is_default=True).exclude(pk=self.pk).update(is_default=False)


class Holiday(TimeStampedModel):
    """A day on which nobody works: once, or on that date of every year."""

    calendar = models.ForeignKey(
        BusinessCalendar, models.CASCADE, related_name="holidays", db_index=False, verbose_name=_("calendar")
    )
    date = models.DateField(_("date"))
    name = models.CharField(_("name"), max_length=100)
    every_year = models.BooleanField(
        _("every year"), default=False, help_text=_("On this date of every year; otherwise only on this one.")
    )

    audited: ClassVar[bool] = True

    class Meta:
        db_table = "business_holidays"
        verbose_name = _("holiday")
        verbose_name_plural = _("holidays")
        ordering = ("date",)
        constraints = [
            models.UniqueConstraint(
                fields=["calendar", "date"], name="uniq_business_holidays_date",
                violation_error_message=_("This day is a holiday already."),
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.name} {self.date:%Y-%m-%d}"


def zone_of(site: Any) -> ZoneInfo:
    """The zone of a site's clock; the installation's own for a machine that stands nowhere."""
    return ZoneInfo(site.time_zone if site else settings.TIME_ZONE)
