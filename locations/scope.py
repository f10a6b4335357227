"""The visibility rule: who sees which site. Every `for_user()` asks here, and nobody else decides."""

import uuid
from typing import TYPE_CHECKING

from django.apps import apps
from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Coalesce

from faultreporter.accounts.models import User, UserQuerySet

if TYPE_CHECKING:
    from locations.models import Location


# Nearly every request asks it: in SQL, because Django takes four times as long to write it as to run it.
HIDDEN_SQL = """
SELECT id FROM locations
WHERE kind = 'SITE' AND NOT open_to_all
    AND NOT EXISTS (SELECT FROM site_memberships WHERE site_id = locations.id AND user_id = %s)"""


def hidden_site_ids(user: User) -> list[uuid.UUID]:
    """The sites closed to others that this person is no member of; an administrator sees everything."""
    if user.role == User.Role.ADMIN:
        return []
    with connection.cursor() as cursor:
        cursor.execute(HIDDEN_SQL, [user.pk])
        return [pk for (pk,) in cursor.fetchall()]


def who_see(place_id: uuid.UUID | None, people: UserQuerySet) -> UserQuerySet:
    """Those of these people who see what stands in a place: the same rule, asked the other way round.

    It adds conditions and asks nothing yet. What stands nowhere is seen by all.
    """
    if place_id is None:
        return people
    # By name: the models ask this module, so it cannot import them.
    places = apps.get_model("locations", "Location").objects
    site = places.filter(pk=place_id).values(its=Coalesce("site", "pk"))
    open_to_all = Exists(places.filter(pk__in=site, open_to_all=True))
    member = Exists(apps.get_model("locations", "SiteMembership").objects.filter(user=OuterRef("pk"), site__in=site))
    return people.filter(Q(role=User.Role.ADMIN) | open_to_all | member)


def sees(user: User, site: "Location") -> bool:
    """The same rule for one site, without a query where it is open to all."""
    return site.open_to_all or user.role == User.Role.ADMIN or site.memberships.filter(user=user).exists()
