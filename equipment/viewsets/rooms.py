"""One machine's rooms: lists below /equipment/{equipment_id}/."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from equipment.models import Equipment
from faultreporter.accounts.authentication import caller
from faultreporter.api.viewsets import GenericViewSet, ListMixin
from faultreporter.errors import NotFound


def visible_machine(view: GenericViewSet) -> Equipment:
    """The machine that the address names; what belongs to it is in sight if the machine is."""
    rows = Equipment.objects.for_user(caller(view.request)).living()
    machine = rows.filter(pk=view.kwargs["equipment_id"]).first()
    if machine is None:
        raise NotFound(_("There is no such machine, or it is out of your sight."))
    return machine


class RoomViewSet(ListMixin):
    """A list of what belongs to one machine: `rows_of(machine)` says what."""

    def rows_of(self, machine: Equipment) -> QuerySet[Any]:
        raise NotImplementedError

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return self.model._default_manager.none()
        rows: Any = self.rows_of(visible_machine(self))
        if self.list_select_related:  # without a name, select_related would join everything
            rows = rows.select_related(*self.list_select_related)
        return rows if self.wants_deleted() or not hasattr(rows, "living") else rows.living()
