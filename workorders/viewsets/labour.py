from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.accounts.authentication import caller
from faultreporter.api.permissions import EVERYONE, HANDLERS, MANAGERS, MANAGERS_AND_CONCERNED_TECHNICIANS
from faultreporter.api.viewsets import ListMixin, ModelViewSet
from workorders.filters import LabourFilter, LabourRateFilter
from workorders.models import LabourEntry, LabourRate
from workorders.serializers import (
    LabourChangeSerializer,
    LabourEntrySerializer,
    LabourInputSerializer,
    LabourRateSerializer,
    TimerStartSerializer,
    TimerStopSerializer,
)
from workorders.viewsets.rooms import OfOrder

OWN = MANAGERS_AND_CONCERNED_TECHNICIANS
WRITTEN: dict[str, Any] = {"request": LabourChangeSerializer, "responses": LabourEntrySerializer}
JOINED = ("person", "work_order")


@extend_schema_view(
    list=extend_schema(summary="List the hours on an order"),
    retrieve=extend_schema(summary="Read an entry of labour"),
    create=extend_schema(
        summary="Enter labour by hand", request=LabourInputSerializer, responses={201: LabourEntrySerializer}
    ),
    update=extend_schema(summary="Correct an entry of labour", **WRITTEN),
    partial_update=extend_schema(summary="Correct an entry of labour", **WRITTEN),
    destroy=extend_schema(summary="Delete an entry of labour"),
)
class LabourViewSet(OfOrder, ModelViewSet):
    """Hours on one order."""

    model = LabourEntry
    resource = "LabourEntry"
    resource_plural = "LabourEntries"
    operation_names = {"start": "startTimer", "stop": "stopTimer"}
    serializer_class = LabourEntrySerializer
    serializer_classes = {
        "list": LabourEntrySerializer,
        "retrieve": LabourEntrySerializer,
        "create": LabourInputSerializer,
        "update": LabourChangeSerializer,
        "partial_update": LabourChangeSerializer,
    }
    filterset_class = LabourFilter
    ordering_fields = ("created_at", "updated_at", "started_at", "minutes")
    list_select_related = detail_select_related = JOINED
    permissions = {
        "list": EVERYONE,
        "retrieve": EVERYONE,
        "create": OWN,
        "update": OWN,
        "partial_update": OWN,
        "destroy": OWN,
        "start": OWN,
        "stop": OWN,
    }

    def create_record(self, data: dict[str, Any]) -> LabourEntry:
        order, me = self.order_to_add_to(), caller(self.request)
        self._refuse_rates(data)
        person = data.pop("person", me)
        if person != me and me.role not in MANAGERS.roles:
            raise PermissionDenied(_("You enter your own hours."))
        return LabourEntry.log(order=order, person=person, by=me, at=self.now(), **data)

    def change_record(self, record: LabourEntry, data: dict[str, Any]) -> None:
        self._refuse_rates(data)
        record.change(by=caller(self.request), at=self.now(), **data)

    def _refuse_rates(self, data: dict[str, Any]) -> None:
        if "hourly_rate" in data and caller(self.request).role not in MANAGERS.roles:
            raise PermissionDenied(_("Rates are for managers."))

    @extend_schema(summary="Start your timer", request=TimerStartSerializer, responses={201: LabourEntrySerializer})
    def start(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        said = self.body(TimerStartSerializer)
        at = said.pop("occurred_at", None) or self.now()
        entry = LabourEntry.start_timer(order=self.order_to_add_to(), by=caller(request), at=at, **said)
        location = f"{request.path.removesuffix('/start')}/{entry.pk}"
        return self.answer(self.reload(entry), code=201, message=_("The timer runs."), location=location)

    @extend_schema(summary="Stop your timer", request=TimerStopSerializer, responses=LabourEntrySerializer)
    def stop(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        said = self.body(TimerStopSerializer)
        at = said.pop("occurred_at", None) or self.now()
        entry = LabourEntry.stop_timer(order=self.order_to_add_to(), by=caller(request), at=at, **said)
        return self.answer(self.reload(entry), message=_("The timer has stopped."))


@extend_schema_view(list=extend_schema(summary="List your hours", operation_id="listMyLabour"))
class MyLabourViewSet(ListMixin):
    """The caller's hours on all orders; `running=true` finds the timer."""

    model = LabourEntry
    resource = "MyLabour"
    serializer_class = LabourEntrySerializer
    filterset_class = LabourFilter
    ordering_fields = ("created_at", "updated_at", "started_at", "minutes")
    list_select_related = JOINED
    permissions = {"list": HANDLERS}

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows if getattr(self, "swagger_fake_view", False) else rows.filter(person=caller(self.request))


@extend_schema_view(
    list=extend_schema(summary="List what an hour of work costs"),
    retrieve=extend_schema(summary="Read a labour rate"),
    create=extend_schema(summary="Add a labour rate"),
    update=extend_schema(summary="Change a labour rate; hours entered before keep theirs"),
    partial_update=extend_schema(summary="Change a labour rate; hours entered before keep theirs"),
    destroy=extend_schema(summary="Delete a labour rate; hours entered before keep theirs"),
)
class LabourRateViewSet(ModelViewSet):
    """What an hour of somebody's work costs."""

    model = LabourRate
    resource = "LabourRate"
    serializer_class = LabourRateSerializer
    filterset_class = LabourRateFilter
    ordering = ("-valid_from",)
    ordering_fields = ("valid_from", "hourly_rate", "created_at", "updated_at")
    permissions = dict.fromkeys(("list", "retrieve", "create", "update", "partial_update", "destroy"), MANAGERS)
