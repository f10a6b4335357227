from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.accounts.authentication import caller
from faultreporter.api.permissions import EVERYONE, MANAGERS
from faultreporter.api.schema import PAGE_PARAMETERS
from faultreporter.api.viewsets import ModelViewSet
from faultreporter.errors import InvalidParameter
from telemetry.filters import MaintenanceWindowFilter, RuleFilter
from telemetry.models import MaintenanceWindow, Rule
from telemetry.rules.judging import State
from telemetry.serializers.rules import (
    MaintenanceWindowSerializer,
    RuleSerializer,
    RuleStateSerializer,
    RuleVersionSerializer,
)
from telemetry.viewsets.backtests import BackTests
from telemetry.viewsets.catalogue import READ_ALL_WRITE_MANAGERS
from telemetry.viewsets.readings import key_parameter

STATE_PARAMETERS = (
    OpenApiParameter("state", str, enum=[state.value for state in State], many=True, explode=False, style="form"),
    OpenApiParameter("equipment_id", OpenApiTypes.UUID),
)


@extend_schema_view(
    list=extend_schema(summary="List alarm rules"),
    retrieve=extend_schema(summary="Read an alarm rule"),
    create=extend_schema(summary="Add an alarm rule; present values are judged at once"),
    update=extend_schema(summary="Change an alarm rule: a new version; what it had open is closed, it starts anew"),
    partial_update=extend_schema(
        summary="Change an alarm rule: a new version; what it had open is closed, it starts anew"
    ),
    destroy=extend_schema(summary="Delete an alarm rule; what it had open is closed"),
)
class RuleViewSet(BackTests, ModelViewSet):
    """What is an alarm: limits, rates of change, silence and stuck values, for one machine or all of a category."""

    model = Rule
    resource = "Rule"
    serializer_class = RuleSerializer
    filterset_class = RuleFilter
    search_fields = ("title",)
    ordering_fields = ("title", "severity", "trigger_value", "created_at", "updated_at")
    permissions = {**READ_ALL_WRITE_MANAGERS, "versions": EVERYONE, "states": EVERYONE, "backtest": MANAGERS}
    parameters = {"versions": PAGE_PARAMETERS, "states": [*STATE_PARAMETERS, *PAGE_PARAMETERS]}

    def get_queryset(self) -> Any:
        return self.prefetched(super().get_queryset())

    def prefetched(self, rows: Any) -> Any:
        return rows.with_firing_count().with_failures().select_related("metric")

    def create_record(self, data: dict[str, Any]) -> Rule:
        return Rule.add(by=caller(self.request), at=self.now(), **data)

    def change_record(self, record: Rule, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), at=self.now(), **data)

    @extend_schema(
        summary="The versions of an alarm rule, newest first", filters=False,
        responses=RuleVersionSerializer(many=True),
    )  # fmt: skip
    @action(detail=True, methods=["get"])
    def versions(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rule = self.permitted(self.get_queryset())
        return self.page_answer(rule.versions.order_by("-version"), RuleVersionSerializer)

    @extend_schema(
        summary="How an alarm rule stands on each series it watches, newest change first", filters=False,
        responses=RuleStateSerializer(many=True),
    )  # fmt: skip
    @action(detail=True, methods=["get"])
    def states(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rule = self.permitted(self.get_queryset())
        rows = rule.states.for_user(caller(request)).select_related("series").order_by("-since", "-id")
        rows = rows.among(states=self.states_parameter(), equipment=key_parameter(request, "equipment_id"))
        return self.page_answer(rows, RuleStateSerializer)

    def states_parameter(self) -> set[State]:
        text = self.request.query_params.get("state", "")
        try:
            return {State(part.strip().upper()) for part in text.split(",") if part.strip()}
        except ValueError:
            message = _("state must be a comma list of: %(known)s.") % {"known": ", ".join(State.values)}
            raise InvalidParameter(message, field="state") from None


@extend_schema_view(
    list=extend_schema(summary="List maintenance windows"),
    retrieve=extend_schema(summary="Read a maintenance window"),
    create=extend_schema(summary="Add a maintenance window: rules open no alerts in it"),
    update=extend_schema(summary="Change a maintenance window; end it early by moving its end to the present"),
    partial_update=extend_schema(summary="Change a maintenance window; end it early by moving its end to the present"),
    destroy=extend_schema(summary="Delete a maintenance window: as if it had never been"),
)
class MaintenanceWindowViewSet(ModelViewSet):
    """Times in which alarms are expected: rules judge on, but open no alerts."""

    model = MaintenanceWindow
    resource = "MaintenanceWindow"
    serializer_class = MaintenanceWindowSerializer
    filterset_class = MaintenanceWindowFilter
    search_fields = ("reason",)
    ordering = ("-starts_at",)
    ordering_fields = ("starts_at", "ends_at", "created_at", "updated_at")
    permissions = READ_ALL_WRITE_MANAGERS

    def create_record(self, data: dict[str, Any]) -> MaintenanceWindow:
        return MaintenanceWindow.add(by=caller(self.request), **data)

    def change_record(self, record: MaintenanceWindow, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), **data)
