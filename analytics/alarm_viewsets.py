"""How alarms perform, over REST."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from alerts.models import Alert, AlertQuerySet
from analytics.alarm_serializers import (
    MOST_DAYS,
    USUAL_DAYS,
    AlarmPerformanceSerializer,
    AskedRulesSerializer,
    AskedSerializer,
    MachinePerformanceSerializer,
    RulePerformanceSerializer,
)
from analytics.alarms.performance import Row, machine_rows, performance, rule_rows
from faultreporter.accounts.authentication import caller
from faultreporter.api.pagination import PagePagination
from faultreporter.api.permissions import EVERYONE
from faultreporter.api.schema import PAGE_PARAMETERS
from faultreporter.api.viewsets import ApiView
from faultreporter.errors import InvalidParameter
from telemetry.models import Rule

ASKED = (
    OpenApiParameter("from", OpenApiTypes.DATE, description=f"The first day; {USUAL_DAYS} days if left out."),
    OpenApiParameter("to", OpenApiTypes.DATE, description=f"The last day; today if left out. {MOST_DAYS} at most."),
    OpenApiParameter("site_id", OpenApiTypes.UUID, description="Days are those of its clock, else of yours."),
    OpenApiParameter("location_id", OpenApiTypes.UUID, description="A place and everything below it."),
    OpenApiParameter("equipment_id", OpenApiTypes.UUID),
    OpenApiParameter("source", str, enum=Alert.Source.values),
)
ORDERS: dict[str, Callable[[Row], Any]] = {
    "begins": lambda row: row.load.begins,
    "standing": lambda row: row.standing,
    "chattering": lambda row: row.load.chattering,
    "fleeting": lambda row: row.load.fleeting,
    "self_cleared": lambda row: row.load.recovered,
    "false_alarms": lambda row: row.load.false_alarms,
    "to_acknowledge": lambda row: row.load.answer_median_s,
    "to_resolve": lambda row: row.load.resolve_median_s,
    "last_at": lambda row: row.load.last_at,
}


def ordering(*names: str) -> OpenApiParameter:
    allowed = [sign + name for name in names for sign in ("", "-")]
    return OpenApiParameter(
        "ordering", {"type": "array", "items": {"type": "string", "enum": allowed}}, explode=False, style="form",
        description="Comma list; a leading minus turns the order round. Default: -begins. Unknown ones come last.",
    )  # fmt: skip


class Rows(list[Row]):
    """In an order, as pages need it."""

    ordered = True


class RowPages(PagePagination):
    """Pages of rows that are all known already."""

    @staticmethod
    def count(queryset: QuerySet[Any]) -> int:
        return len(queryset)


class AlarmPerformanceViewSet(ApiView, ViewSet):
    """Whether alarms are worth what they interrupt, after ISA-18.2, IEC 62682 and EEMUA 191."""

    ranged_actions = ("performance", "rules", "machines")
    permissions = {"performance": EVERYONE, "rules": EVERYONE, "machines": EVERYONE}
    parameters = {
        "performance": ASKED,
        "rules": (
            *ASKED,
            OpenApiParameter("rule_id", OpenApiTypes.UUID),
            OpenApiParameter("kind", str, enum=Rule.Kind.values),
            OpenApiParameter("severity", str, enum=Rule.Severity.values),
            OpenApiParameter("has_advice", bool),
            ordering(*ORDERS, "title"),
            *PAGE_PARAMETERS,
        ),
        "machines": (*ASKED, ordering(*ORDERS, "equipment_code"), *PAGE_PARAMETERS),
    }

    @extend_schema(
        operation_id="getAlarmPerformance", summary="Read how alarms perform", responses=AlarmPerformanceSerializer
    )
    def performance(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Load, floods, chattering, standing alerts, answers and false alarms of a period."""
        said = self.asked(AskedSerializer)
        return Response(AlarmPerformanceSerializer(performance(self.alerts(said), said["period"])).data)

    @extend_schema(
        operation_id="listAlarmPerformanceRules", summary="List how each rule performs",
        responses=RulePerformanceSerializer(many=True),
    )  # fmt: skip
    def rules(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Rules with an alarm in the period, or one that stands at its end, with advice where the figures give one."""
        said = self.asked(AskedRulesSerializer)
        alerts = self.alerts(said).filter(rule__isnull=False)
        for name, lookup in (("rule", "rule"), ("kind", "rule__kind"), ("severity", "rule__severity")):
            if name in said:
                alerts = alerts.filter(**{lookup: said[name]})
        rows = rule_rows(alerts, said["period"])
        if "has_advice" in said:
            rows = [row for row in rows if bool(row.advice) == (said["has_advice"] == "TRUE")]
        return self.page(rows, RulePerformanceSerializer, title=lambda row: row.record.title.casefold())

    @extend_schema(
        operation_id="listAlarmPerformanceEquipment", summary="List how the alarms of each machine perform",
        responses=MachinePerformanceSerializer(many=True),
    )  # fmt: skip
    def machines(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Machines with an alarm in the period, or one that stands at its end; the bad actors come first."""
        said = self.asked(AskedSerializer)
        rows = machine_rows(self.alerts(said), said["period"])
        return self.page(rows, MachinePerformanceSerializer, equipment_code=lambda row: row.record.equipment_code)

    def asked(self, serializer_class: type[AskedSerializer]) -> dict[str, Any]:
        """The parameters, checked."""
        about = {name: value for name, value in self.request.query_params.items() if name not in ("page", "page_size")}
        about.pop("ordering", None)
        said = serializer_class(data=about, context={"request": self.request, "at": self.now()})
        if not said.is_valid():
            field, errors = next(iter(said.errors.items()))
            raise InvalidParameter(f"{field}: {errors[0]}", field=field)
        checked: dict[str, Any] = said.validated_data
        return checked

    def alerts(self, said: dict[str, Any]) -> AlertQuerySet:
        alerts = Alert.objects.for_user(caller(self.request)).living()
        if said["place"]:
            alerts = alerts.in_location(said["place"].pk)
        return alerts.filter(**{name: said[name] for name in ("equipment", "source") if name in said})

    def page(self, rows: Sequence[Row], serializer_class: Any, **further: Callable[[Row], Any]) -> Response:
        pages = RowPages()
        shown = pages.paginate_queryset(in_order(rows, self.order(), {**ORDERS, **further}), self.request, view=self)
        return pages.get_paginated_response(serializer_class(shown, many=True).data)

    def order(self) -> list[str]:
        parts = [part.strip() for part in self.request.query_params.get("ordering", "").split(",")]
        return [part for part in parts if part] or ["-begins"]


def in_order(rows: Sequence[Row], asked: Sequence[str], known: dict[str, Callable[[Row], Any]]) -> Rows:
    """What isn't known comes last, whichever way round; the key makes every order total."""
    ordered = sorted(rows, key=lambda row: row.record.pk)
    for part in reversed(asked):
        value = known.get(part.removeprefix("-"))
        if value is None:
            message = _("This list can be ordered by %(allowed)s; %(unknown)s is not among them.")
            raise InvalidParameter(message % {"allowed": ", ".join(known), "unknown": part}, field="ordering")
        there = [row for row in ordered if value(row) is not None]
        absent = [row for row in ordered if value(row) is None]
        ordered = sorted(there, key=value, reverse=part.startswith("-")) + absent
    return Rows(ordered)
