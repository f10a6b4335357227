import uuid
from collections.abc import Collection
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self

from django.db.models import Count, F, Q, Value
from django.utils.translation import gettext

from equipment.errors import QrRevoked
from faultreporter.accounts.models import User
from faultreporter.db import IsAmong, LivingQuerySet
from faultreporter.errors import Duplicate, NotFound
from locations.models import at_or_below
from locations.scope import hidden_site_ids

if TYPE_CHECKING:
    from equipment.models.equipment import Equipment


class EquipmentQuerySet(LivingQuerySet["Equipment"]):
    def for_user(self, user: User) -> Self:
        hidden = hidden_site_ids(user)
        if not hidden:
            return self
        # A machine without a place belongs to no site and hides from nobody.
        visible = ~Q(location__in=hidden) & (Q(location__site=None) | ~Q(location__site__in=hidden))
        return self.filter(Q(location=None) | visible)

    def named(self, keys: Collection[uuid.UUID]) -> Self:
        """Those of these ids, which go as one text: a statement with 500 takes longer to write than to run."""
        array = f"{{{','.join(map(str, keys))}}}"
        return self.filter(IsAmong(F("pk"), Value(array)))

    def in_location(self, location_id: uuid.UUID) -> Self:
        """Machines in this place or anywhere below it."""
        return self.filter(location__in=at_or_below(location_id))

    def assigned_to(self, user: User, at: datetime) -> Self:
        return self.filter(
            Q(assignments__ends_at=None) | Q(assignments__ends_at__gt=at),
            assignments__user=user,
            assignments__deleted_at=None,
            assignments__starts_at__lte=at,
        ).distinct()

    def by_qr_token(self, token: str) -> "Equipment":
        """The machine whose label says this. QrRevoked if that label was replaced, NotFound if it never was one."""
        found = self.filter(qr_token=token).first()
        if found is None and self.filter(revoked_qr_tokens__token=token).exists():
            raise QrRevoked(gettext("This label was replaced. Scan the new one, and peel this one off."))
        if found is None:
            raise NotFound(gettext("No machine has this label."))
        return found

    def single(self, *, by_field: str, value: str) -> "Equipment":
        """The one machine with this value. A value on several is refused as a DUPLICATE that names them."""
        found = list(self.filter(**{by_field: value}).order_by("equipment_code")[:20])
        if not found:
            raise NotFound(gettext("No machine has this value."))
        if len(found) > 1:
            error = Duplicate(gettext("Several machines have this value."), field=by_field)
            error.meta["equipment_codes"] = [machine.equipment_code for machine in found]
            raise error
        return found[0]

    def stats(self) -> dict[str, Any]:
        """How many there are, in which state, and how critical, in one query."""
        counts: dict[str, int] = self.aggregate(
            total=Count("pk"),
            **{f"status_{value}": Count("pk", filter=Q(status=value)) for value in self.model.Status.values},
            **{
                f"criticality_{value}": Count("pk", filter=Q(criticality=value))
                for value in self.model.Criticality.values
            },
        )
        return {
            "total": counts["total"],
            "by_status": {value: counts[f"status_{value}"] for value in self.model.Status.values},
            "by_criticality": {value: counts[f"criticality_{value}"] for value in self.model.Criticality.values},
        }

    def in_service(self, at: date) -> Self:
        return self.living().filter(Q(retired_date=None) | Q(retired_date__gt=at))
