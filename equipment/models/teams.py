"""People who work together, and what each of them is qualified for."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel, TimeStampedModel, TimeStampedQuerySet
from faultreporter.errors import ValidationFailed
from locations.models import Location
from locations.scope import hidden_site_ids


class TeamQuerySet(LivingQuerySet["Team"]):
    def for_user(self, user: User) -> Self:
        """Those of sites the person sees, and those of no site in particular."""
        hidden = hidden_site_ids(user)
        return self.exclude(site__in=hidden) if hidden else self

    def of(self, user: User, at: datetime) -> Self:
        """The teams this person belongs to at that moment."""
        return self.living().filter(pk__in=TeamMembership.objects.active(at).filter(user=user).values("team"))


class Team(SoftDeleteModel):
    """A crew that shares work: the lift fitters, the night shift of a site. Work can be given to the whole crew."""

    MEMBER_ROLES: ClassVar = (User.Role.TECHNICIAN, User.Role.MANAGER)

    audited: ClassVar[bool] = True

    name = models.CharField(_("name"), max_length=100)
    site = models.ForeignKey(
        Location, models.PROTECT, null=True, blank=True, related_name="teams", limit_choices_to={"kind": "SITE"},
        verbose_name=_("site"), help_text=_("Empty: the team works on every site."),
    )  # fmt: skip
    lead = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="led_teams",
        verbose_name=_("lead"), help_text=_("Who answers for the team; becomes a member."),
    )  # fmt: skip

    objects = TeamQuerySet.as_manager()

    class Meta:
        db_table = "teams"
        verbose_name = _("team")
        verbose_name_plural = _("teams")
        constraints = [
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(deleted_at=None),
                name="uniq_teams_name_living",
                violation_error_message=_("Another team has this name."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def add(cls, *, by: User | None, at: datetime, members: Iterable[User] = (), **fields: Any) -> "Team":
        """A new team of these people, the lead among them."""
        team = cls(**fields)
        team.register(by=by, at=at, members=members)
        return team

    def register(self, *, by: User | None, at: datetime, members: Iterable[User] = ()) -> None:
        """Stores a team that was only filled in so far."""
        with transaction.atomic():
            self._check_site()
            self.save(force_insert=True)
            self._be(members, at=at)

    def change(
        self, *, by: User | None, at: datetime, members: Iterable[User] | None = None, **fields: Any
    ) -> None:  # fmt: skip
        """Edits the given fields. `members` are the people from now on: whoever isn't among them has left."""
        with transaction.atomic():
            self.refresh_from_db(from_queryset=Team.objects.select_for_update(of=("self",)))
            for name, value in fields.items():
                setattr(self, name, value)
            self._check_site()
            self.save(update_fields=list(fields))
            self._be(self.people(at) if members is None else members, at=at)

    def people(self, at: datetime) -> list[User]:
        """Who belongs to it at that moment, by name."""
        rows = self.memberships.active(at).select_related("user").order_by("user__display_name", "user__pk")
        return [row.user for row in rows]

    def has_member(self, user: User, at: datetime) -> bool:
        return self.memberships.active(at).filter(user=user).exists()

    def _be(self, members: Iterable[User], *, at: datetime) -> None:
        wanted = {person.pk: person for person in members}
        if self.lead:
            wanted[self.lead.pk] = self.lead
        there = {row.user_id: row for row in self.memberships.active(at)}
        for person in wanted.values():
            if person.pk not in there:
                self._check_member(person)
        left = [row.pk for user_id, row in there.items() if user_id not in wanted]
        self.memberships.filter(pk__in=left).update(ends_at=at)
        TeamMembership.objects.bulk_create(
            TeamMembership(team=self, user=person, starts_at=at) for pk, person in wanted.items() if pk not in there
        )

    def _check_member(self, user: User) -> None:
        if not user.is_active or user.role not in self.MEMBER_ROLES:
            message = gettext("%(name)s is no active technician or manager.") % {"name": user}
            raise ValidationFailed(message, field="lead_id" if user == self.lead else "member_ids")

    def _check_site(self) -> None:
        if self.site and self.site.kind != Location.Kind.SITE:
            raise ValidationFailed(gettext("A team belongs to a whole site."), field="site_id")


class MembershipQuerySet(TimeStampedQuerySet["TeamMembership"]):
    def active(self, at: datetime) -> Self:
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=at), starts_at__lte=at)


class TeamMembership(TimeStampedModel):
    """That a person belongs to a team, from one day to another. A row ends; it isn't deleted."""

    team = models.ForeignKey(Team, models.PROTECT, related_name="memberships", verbose_name=_("team"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="team_memberships", verbose_name=_("person")
    )
    starts_at = models.DateTimeField(_("from"), default=timezone.now)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)

    objects = MembershipQuerySet.as_manager()

    audited: ClassVar[bool] = True

    class Meta:
        db_table = "team_memberships"
        verbose_name = _("team membership")
        verbose_name_plural = _("team memberships")
        constraints = [
            models.UniqueConstraint(
                fields=["team", "user"], condition=Q(ends_at=None), name="uniq_team_memberships_open"
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gte=F("starts_at")), name="check_team_memberships_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.team}"

    def is_active(self, at: datetime) -> bool:
        return self.starts_at <= at and (self.ends_at is None or self.ends_at > at)
