"""What belongs to one order: lists and records below /work-orders/{order_id}/."""

from typing import Any

from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied

from faultreporter.accounts.authentication import caller
from faultreporter.api.permissions import MANAGERS_AND_CONCERNED_TECHNICIANS
from faultreporter.api.viewsets import GenericViewSet
from faultreporter.errors import NotFound
from workorders.models import WorkOrder


class OfOrder(GenericViewSet):
    """Rows of the order that the address names; they are in sight if the order is."""

    @cached_property
    def order(self) -> WorkOrder:
        rows = WorkOrder.objects.for_user(caller(self.request)).living().select_related("equipment")
        order = rows.filter(pk=self.kwargs["order_id"]).first()
        if order is None:
            raise NotFound(_("There is no such work order, or it is out of your sight."))
        return order

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows if getattr(self, "swagger_fake_view", False) else rows.filter(work_order=self.order)

    def lock_object(self) -> Any:
        self.order.lock()  # before its rows, as everywhere
        record = super().lock_object()
        record.work_order = self.order
        return record

    def order_to_add_to(self) -> WorkOrder:
        """The order, if the caller may write on it."""
        if not MANAGERS_AND_CONCERNED_TECHNICIANS.admits_to(self.request.user, self.order):
            raise PermissionDenied(_("This order is not yours to work on."))
        return self.order
