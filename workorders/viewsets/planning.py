"""Looking ahead: the calendar, the workload, and who should do a job."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.accounts.authentication import caller
from faultreporter.api.viewsets import GenericViewSet
from faultreporter.errors import InvalidParameter
from workorders.calendar import calendar
from workorders.serializers.planning import (
    CalendarSerializer,
    SpanSerializer,
    SuggestionsSerializer,
    WorkloadSerializer,
)
from workorders.suggestions import suggest
from workorders.workload import workload

SPAN = [
    OpenApiParameter("from", OpenApiTypes.DATE, required=True, description="The first day."),
    OpenApiParameter("to", OpenApiTypes.DATE, required=True, description="The last day; at most 62 days in all."),
    OpenApiParameter("location_id", OpenApiTypes.UUID, description="Only machines there or below."),
    OpenApiParameter("team_id", OpenApiTypes.UUID, description="Only this team's people and jobs."),
    OpenApiParameter("user_id", OpenApiTypes.UUID, description="Only this person's."),
]


class PlanningMixin(GenericViewSet):
    """Mixed into the viewset of work orders."""

    ranged_actions = ("calendar", "workload")
    planning_parameters = {"calendar": SPAN, "workload": SPAN}

    def span(self) -> dict[str, Any]:
        """The parameters, checked. What is out of sight is as unknown as what never was."""
        body = SpanSerializer(data=self.request.query_params.dict(), context=self.get_serializer_context())
        if not body.is_valid():
            field, errors = next(iter(body.errors.items()))
            raise InvalidParameter(f"{field}: {errors[0]}", field=field)
        checked: dict[str, Any] = body.validated_data
        return checked

    @extend_schema(
        summary="What is on which day", operation_id="getWorkOrderCalendar", responses=CalendarSerializer
    )  # fmt: skip
    @action(detail=False)
    def calendar(self, request: Request) -> Response:
        """Orders by their planned day, unfinished ones without a plan by the day they are due, maintenance to come."""
        found = calendar(viewer=caller(request), at=self.now(), **self.span())
        return Response(CalendarSerializer(found, context=self.get_serializer_context()).data)

    @extend_schema(summary="Who has how much to do", operation_id="getWorkload", responses=WorkloadSerializer)
    @action(detail=False)
    def workload(self, request: Request) -> Response:
        """Planned minutes of each person and day against what fits into the day."""
        found = workload(viewer=caller(request), at=self.now(), **self.span())
        return Response(WorkloadSerializer(found, context=self.get_serializer_context()).data)

    @extend_schema(
        summary="Who should do the job", operation_id="getSuggestedAssignees", responses=SuggestionsSerializer
    )  # fmt: skip
    @action(detail=True, url_path="suggested-assignees")
    def suggested_assignees(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """People ranked by who looks after the machine, skills, load, nearness and experience, with the reasons."""
        order = self.permitted(self.get_queryset().select_related("equipment__location__site"))
        return Response(SuggestionsSerializer({"suggestions": suggest(order, at=self.now())}).data)
