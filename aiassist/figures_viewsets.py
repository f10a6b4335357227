"""Figures about the assistant, for managers."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from aiassist.costs import budget_today, costs_by_day
from aiassist.figures_serializers import (
    MOST_DAYS,
    PROVIDERS,
    USUAL_DAYS,
    AccuracyOfSerializer,
    AccuracySerializer,
    CostsSerializer,
    PeriodSerializer,
)
from aiassist.models import Analysis
from aiassist.outcomes import measure
from equipment.models import Equipment
from faultreporter.accounts.authentication import caller
from faultreporter.api.permissions import MANAGERS
from faultreporter.api.viewsets import ApiView
from faultreporter.errors import InvalidParameter

PERIOD = (
    OpenApiParameter("from", OpenApiTypes.DATE, description=f"The first day in UTC; {USUAL_DAYS} days if left out."),
    OpenApiParameter("to", OpenApiTypes.DATE, description=f"The last day; today if left out. {MOST_DAYS} at most."),
    OpenApiParameter("provider", str, enum=[value for value, _ in PROVIDERS]),
    OpenApiParameter("model", str),
)


class FiguresViewSet(ApiView, ViewSet):
    """How good the assistant is, and what it costs."""

    unpaged_actions = ("accuracy",)
    ranged_actions = ("accuracy", "costs")
    permissions = {"accuracy": MANAGERS, "costs": MANAGERS}
    parameters = {
        "accuracy": (
            *PERIOD,
            OpenApiParameter("prompt_version", str),
            OpenApiParameter("failure_mode", str, description="Answers that put it first, and faults that were it."),
            OpenApiParameter("category_id", OpenApiTypes.UUID),
            OpenApiParameter("site_id", OpenApiTypes.UUID, description="A place and everything below it."),
        ),
        "costs": PERIOD,
    }

    @extend_schema(
        operation_id="getAiAccuracy",
        summary="How good the answers were, by provider, model and prompt",
        responses=AccuracySerializer(many=True),
    )
    def accuracy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answers to questions of the period against what turned out to be wrong with the machine."""
        said = self.asked(AccuracyOfSerializer)
        rows = Analysis.objects.for_user(caller(request)).faults(start=said.pop("start"), end=said.pop("end"))
        category, site = said.pop("category", None), said.pop("site", None)
        if category:
            rows = rows.filter(equipment__category=category)
        if site:
            rows = rows.filter(equipment__in=Equipment.objects.in_location(site.pk))
        said["failure_mode"] = said["failure_mode"].upper()
        return Response(AccuracySerializer(measure(rows, **said), many=True).data)

    @extend_schema(
        operation_id="getAiCosts",
        summary="What the assistant cost, by day, provider and model",
        responses=CostsSerializer,
    )
    def costs(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """From the ledger, the latest day first."""
        said = self.asked(PeriodSerializer)
        of = {"provider": said["provider"], "model_name": said["model"]}
        days = costs_by_day(start=said["start"], end=said["end"], **{name: word for name, word in of.items() if word})
        total = sum(day.cost_micro_usd or 0 for day in days)
        found = {"cost_micro_usd": total, "days": days, "today": budget_today(at=self.now())}
        return Response(CostsSerializer(found).data)

    def asked(self, serializer_class: type[PeriodSerializer]) -> dict[str, Any]:
        """The parameters, checked."""
        context = {"request": self.request, "at": self.now()}
        said = serializer_class(data=self.request.query_params.dict(), context=context)
        if not said.is_valid():
            field, errors = next(iter(said.errors.items()))
            raise InvalidParameter(f"{field}: {errors[0]}", field=field)
        checked: dict[str, Any] = said.validated_data
        return checked
