from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.serializers import MoveSerializer, ReasonSerializer, TimelineEventSerializer
from equipment.models import Equipment
from equipment.viewsets.rooms import RoomViewSet
from faultreporter.accounts.authentication import caller
from faultreporter.api.actions import transition
from faultreporter.api.permissions import EVERYONE, MANAGERS
from faultreporter.api.schema import PAGE_PARAMETERS
from faultreporter.api.viewsets import ListMixin, ModelViewSet
from faultreporter.errors import InvalidParameter
from workorders.filters import EquipmentPlanFilter, PlanFilter
from workorders.generation import tell
from workorders.horizon import LONGEST_WINDOW, DueTime, by_week, due_times, plan_occurrences
from workorders.models import MaintenancePlan
from workorders.models.plans import JOINED
from workorders.serializers.plans import (
    HorizonSerializer,
    MaintenancePlanSerializer,
    MaintenancePlanSummarySerializer,
    OccurrenceSerializer,
    PauseSerializer,
    PlanCreateSerializer,
    PlanEditSerializer,
    PlanStatsSerializer,
    WeekSerializer,
    WindowSerializer,
)

SEARCH_FIELDS = ("title", "description", "equipment__equipment_code", "equipment__equipment_name")
ORDERING_FIELDS = ("next_due_at", "title", "created_at", "updated_at", "last_completed_at")
WINDOW = [
    OpenApiParameter("from", OpenApiTypes.DATE, required=True, description="The first day."),
    OpenApiParameter("to", OpenApiTypes.DATE, required=True, description="The last day; at most 366 days after."),
    OpenApiParameter("location_id", OpenApiTypes.UUID, description="Only machines there or below."),
]
UNTIL = OpenApiParameter("until", OpenApiTypes.DATE, description="The last day; 90 days from now if left out.")
CHANGED: dict[str, Any] = {"request": PlanEditSerializer, "responses": MaintenancePlanSerializer}
BEHIND, AHEAD = timedelta(days=366), timedelta(days=90)


class Rows:
    """Computed rows that page like those of a table."""

    ordered = True

    def __init__(self, rows: list[DueTime]) -> None:
        self.rows = rows

    def __getitem__(self, part: slice) -> list[DueTime]:
        return self.rows[part]

    def order_by(self) -> "Rows":
        return self

    def count(self) -> int:
        return len(self.rows)


class PlanListMixin(ListMixin):
    """What every list of plans has in common."""

    model = MaintenancePlan
    search_fields = SEARCH_FIELDS
    ordering = ("next_due_at", "id")
    ordering_fields = ORDERING_FIELDS
    list_select_related = JOINED

    def filter_queryset(self, queryset: QuerySet[Any]) -> Any:
        rows: Any = super().filter_queryset(queryset)
        return rows.with_open_order() if self.action == "list" else rows


@extend_schema_view(
    list=extend_schema(
        summary="List maintenance plans, the next due first", responses=MaintenancePlanSummarySerializer(many=True)
    ),
    retrieve=extend_schema(summary="Read a plan, its next dates and how well it is kept"),
    create=extend_schema(
        summary="Plan maintenance", request=PlanCreateSerializer, responses={201: MaintenancePlanSerializer}
    ),
    update=extend_schema(summary="Change a plan", **CHANGED),
    partial_update=extend_schema(summary="Change a plan", **CHANGED),
    destroy=extend_schema(summary="Delete a plan that has no unfinished order"),
)
class MaintenancePlanViewSet(PlanListMixin, ModelViewSet):
    """Work that comes round."""

    resource = "MaintenancePlan"
    operation_names = {
        "occurrences": "listMaintenancePlanOccurrences",
        "timeline": "listMaintenancePlanTimeline",
        "horizon": "listMaintenanceHorizon",
        "workload": "listMaintenanceWorkload",
    }
    unpaged_actions = ("occurrences", "workload")
    serializer_class = MaintenancePlanSerializer
    serializer_classes = {
        "list": MaintenancePlanSummarySerializer,
        "retrieve": MaintenancePlanSerializer,
        "create": PlanCreateSerializer,
        "update": PlanEditSerializer,
        "partial_update": PlanEditSerializer,
    }
    filterset_class = PlanFilter
    detail_select_related = JOINED
    permissions = {
        **dict.fromkeys(("list", "retrieve", "stats", "occurrences", "timeline", "horizon", "workload"), EVERYONE),
        **dict.fromkeys(("create", "update", "partial_update", "destroy"), MANAGERS),
        **dict.fromkeys(("skip", "generate", "pause", "resume", "restore"), MANAGERS),
    }
    parameters = {
        "occurrences": [UNTIL],
        "timeline": PAGE_PARAMETERS,
        "horizon": [*WINDOW, *PAGE_PARAMETERS],
        "workload": WINDOW,
        "stats": [
            OpenApiParameter("equipment_id", OpenApiTypes.UUID),
            OpenApiParameter("location_id", OpenApiTypes.UUID, description="Only machines there or below."),
        ],
    }

    def prefetched(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.with_open_order()  # type: ignore[attr-defined,no-any-return]

    def create_record(self, data: dict[str, Any]) -> MaintenancePlan:
        return MaintenancePlan.add(by=caller(self.request), at=self.now(), **data)

    def change_record(self, record: MaintenancePlan, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), at=self.now(), **data)

    @transition("generate", MoveSerializer, summary="Make the next order now", operation_id="generatePlannedOrder")
    def generate(self, record: MaintenancePlan, data: dict[str, Any]) -> str:
        order = record.generate(**data)
        tell(record, order, at=data["at"])
        return _("Work order %(number)s was made.") % {"number": order.number}

    @transition("skip", ReasonSerializer, summary="Leave out what is due next")
    def skip(self, record: MaintenancePlan, data: dict[str, Any]) -> str:
        record.skip(**data)
        return _("Skipped.")

    @transition("pause", PauseSerializer, summary="Make no orders for a while")
    def pause(self, record: MaintenancePlan, data: dict[str, Any]) -> str:
        record.pause(**data)
        return _("Paused.")

    @transition("resume", MoveSerializer, summary="Go on making orders")
    def resume(self, record: MaintenancePlan, data: dict[str, Any]) -> str:
        record.resume(**data)
        return _("Resumed.")

    @transition("restore", summary="Bring a deleted plan back")
    def restore(self, record: MaintenancePlan, data: dict[str, Any]) -> str:
        record.restore(**data)
        return _("Restored.")

    @extend_schema(
        summary="Read what became of its due times in the last year, and what lies ahead",
        filters=False,
        responses=OccurrenceSerializer(many=True),
    )
    @action(detail=True)
    def occurrences(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        plan = self.permitted(self.get_queryset())
        now = self.now()
        end = self.until(plan) or now + AHEAD
        times = due_times(MaintenancePlan.objects.filter(pk=plan.pk), now - BEHIND, end)
        return Response(OccurrenceSerializer(times, many=True).data)

    def until(self, plan: MaintenancePlan) -> datetime | None:
        text = self.request.query_params.get("until")
        if text is None:
            return None
        try:
            end = datetime.combine(datetime.fromisoformat(text).date(), time.max, tzinfo=plan.zone_info())
        except ValueError as error:
            raise InvalidParameter(_("until: write a day such as 2026-12-31."), field="until") from error
        if end > self.now() + LONGEST_WINDOW + timedelta(days=1):
            raise InvalidParameter(_("until: at most 366 days from now."), field="until")
        return end

    @extend_schema(
        summary="Read what happened to it, newest first", filters=False, responses=TimelineEventSerializer(many=True)
    )
    @action(detail=True)
    def timeline(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        events = self.permitted(self.get_queryset()).events.select_related("by")
        return self.page_answer(events, TimelineEventSerializer)

    @extend_schema(
        summary="List all plans' due times in a window", filters=False, responses=HorizonSerializer(many=True)
    )
    @action(detail=False)
    def horizon(self, request: Request) -> Response:
        said = self.window()
        times: Any = Rows(self.times_in(said))
        return self.page_answer(times, HorizonSerializer)

    @extend_schema(
        summary="How much maintenance there is in each week of a window",
        filters=False,
        responses=WeekSerializer(many=True),
    )
    @action(detail=False)
    def workload(self, request: Request) -> Response:
        said = self.window()
        weeks = by_week(self.times_in(said), said["first"], said["last"])
        return Response(WeekSerializer(weeks, many=True).data)

    def times_in(self, said: dict[str, Any]) -> list[DueTime]:
        """Days are those of each machine's site: a little more is read, and what lies outside is left out."""
        zone = ZoneInfo(settings.TIME_ZONE)
        start, end = (datetime.combine(said[name], time.min, tzinfo=zone) for name in ("first", "last"))
        place = said.get("location")
        times = plan_occurrences(
            caller(self.request), start - timedelta(days=1), end + timedelta(days=2), location_id=place and place.pk
        )
        return [one for one in times if said["first"] <= one.day <= said["last"]]

    def window(self) -> dict[str, Any]:
        """The parameters, checked. What is out of sight is as unknown as what never was."""
        given = {name: text for name, text in self.request.query_params.dict().items() if not name.startswith("page")}
        body = WindowSerializer(data=given, context=self.get_serializer_context())
        if not body.is_valid():
            field, errors = next(iter(body.errors.items()))
            raise InvalidParameter(f"{field}: {errors[0]}", field=field)
        checked: dict[str, Any] = body.validated_data
        return checked

    @extend_schema(
        summary="Count plans, and how well they are kept",
        operation_id="getMaintenancePlanStats",
        responses=PlanStatsSerializer,
    )
    @action(detail=False)
    def stats(self, request: Request) -> Response:
        rows: Any = self.filter_queryset(self.get_queryset().select_related(None))
        return Response(rows.stats(at=self.now()))


@extend_schema_view(
    list=extend_schema(summary="List the maintenance plans of a machine", operation_id="listEquipmentMaintenancePlans")
)
class EquipmentPlanViewSet(RoomViewSet, PlanListMixin):
    """The plans of one machine."""

    resource = "EquipmentMaintenancePlan"
    serializer_class = MaintenancePlanSummarySerializer
    filterset_class = EquipmentPlanFilter
    permissions = {"list": EVERYONE}

    def rows_of(self, machine: Equipment) -> QuerySet[Any]:
        return machine.maintenance_plans.all()
