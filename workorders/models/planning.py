"""When a job is planned for, and the crew it is given to."""

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from equipment.models import Team
from faultreporter.accounts.models import User
from faultreporter.errors import NotFound, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from equipment.models import Equipment

LONGEST_JOB = 60 * 24 * 30


class Planned(models.Model):
    """Work that is planned for a day, and may be given to a team before it is anybody's."""

    # What is counted where nobody said how long the job takes.
    USUAL_MINUTES: ClassVar = 60
    PLANNED_AHEAD: ClassVar = timedelta(days=731)

    assigned_team = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, editable=False, related_name="work_orders", db_index=False,
        verbose_name=_("assigned team"), help_text=_("The crew it was given to; whoever of them starts it does it."),
    )  # fmt: skip
    planned_date = models.DateField(
        _("planned for"), null=True, blank=True, editable=False, help_text=_("The day, in the site's time zone.")
    )
    planned_start_at = models.DateTimeField(_("planned start"), null=True, blank=True, editable=False)
    estimated_minutes = models.PositiveIntegerField(
        _("estimated minutes"), null=True, blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_JOB)],
        help_text=_("Of work. An hour is assumed where nobody said."),
    )  # fmt: skip

    if TYPE_CHECKING:
        equipment: Equipment
        is_finished: Any
        assigned_to_id: Any
        lock: Callable[[], None]
        record: Callable[..., Any]
        _refuse: Callable[..., Any]

    class Meta:
        abstract = True

    def zone_info(self) -> ZoneInfo:
        """The time zone in which the machine's days are counted."""
        place = self.equipment.location
        return place.zone_info() if place else ZoneInfo(settings.TIME_ZONE)

    def planned_minutes(self) -> int:
        return self.estimated_minutes or self.USUAL_MINUTES

    def is_for_team_of(self, user: User) -> bool:
        """Whether it was given to a crew that this person belongs to."""
        return self.assigned_team is not None and self.assigned_team.has_member(user, timezone.now())

    def schedule(
        self, *, by: User, at: datetime, day: date | None, start: time | None = None, minutes: int | None = None
    ) -> None:
        """Plan the job for a day of the site, or for none. A new day keeps the hour it had unless `start` is given."""
        with transaction.atomic():
            self.lock()
            self._check_schedulable(day, at=at)
            before, zone = self.planned_date, self.zone_info()
            hour = start or (self.planned_start_at.astimezone(zone).time() if self.planned_start_at else None)
            self.planned_date = day
            self.planned_start_at = datetime.combine(day, hour, tzinfo=zone) if day and hour else None
            self.estimated_minutes = minutes or self.estimated_minutes
            self.save(update_fields=["planned_date", "planned_start_at", "estimated_minutes"])
            data = {"before": before and before.isoformat(), "planned_date": day and day.isoformat()}
            if self.planned_start_at:
                data["planned_start_at"] = self.planned_start_at.isoformat()
            self.record("SCHEDULED", by=by, at=at, note=self._in_words(hour), data=data)

    def _check_schedulable(self, day: date | None, *, at: datetime) -> None:
        if getattr(self, "deleted_at", None):
            raise NotFound(gettext("This work order was deleted."))
        if self.is_finished:
            self._refuse(gettext("Finished work can't be planned any more."), target="SCHEDULED")
        today = at.astimezone(self.zone_info()).date()
        if day and day < today:
            raise ValidationFailed(gettext("That day is over."), field="planned_date")
        if day and day > today + self.PLANNED_AHEAD:
            raise ValidationFailed(gettext("That is more than two years ahead."), field="planned_date")

    def _in_words(self, hour: time | None) -> str:
        if self.planned_date is None:
            return gettext("Not planned any more.")
        return f"{self.planned_date}" + (f" {hour:%H:%M}" if hour else "")

    def _check_team(self, team: Team, *, at: datetime) -> None:
        place = self.equipment.location
        if team.deleted_at:
            message = gettext("This team was dissolved.")
        elif team.site_id and (place is None or place.root_id != team.site_id):
            message = gettext("This team doesn't work on the site of the machine.")
        elif not team.memberships.active(at).exists():
            message = gettext("Nobody is in this team.")
        else:
            return
        raise ValidationFailed(message, field="team_id")
