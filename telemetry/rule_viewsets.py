from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.accounts.authentication import caller
from faultreporter.api.permissions import EVERYONE, MANAGERS
from faultreporter.api.viewsets import ModelViewSet
from telemetry.backtest_viewsets import BackTests
from telemetry.filters import MaintenanceWindowFilter, RuleFilter
from telemetry.models import MaintenanceWindow, Rule
from telemetry.rule_serializers import (
    MaintenanceWindowSerializer,
    RuleSerializer,
    RuleStateSerializer,
    RuleVersionSerializer,
)
from telemetry.viewsets import READ_ALL_WRITE_MANAGERS


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

    def get_queryset(self) -> Any:
        return self.prefetched(super().get_queryset())

    def prefetched(self, rows: Any) -> Any:
        return rows.with_firing_count().select_related("metric")

    def create_record(self, data: dict[str, Any]) -> Rule:
        return Rule.add(by=caller(self.request), at=self.now(), **data)

    def change_record(self, record: Rule, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), at=self.now(), **data)

    @extend_schema(summary="The versions of an alarm rule, newest first", responses=RuleVersionSerializer(many=True))
    @action(detail=True, methods=["get"])
    def versions(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rule = self.permitted(self.get_queryset())
        return self.page_answer(rule.versions.order_by("-version"), RuleVersionSerializer)

    @extend_schema(
        summary="How an alarm rule stands on each series it watches", responses=RuleStateSerializer(many=True)
    )
    @action(detail=True, methods=["get"])
    def states(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rule = self.permitted(self.get_queryset())
        rows = rule.states.for_user(caller(request)).select_related("series").order_by("-since", "-id")
        return self.page_answer(rows, RuleStateSerializer)


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
