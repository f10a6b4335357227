from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.filters import (
    AssetReliabilityFilter,
    EnergyConsumptionFilter,
    EnergySourceFilter,
    ReportFilter,
    RevisionFilter,
)
from analytics.inputs import evidence_of
from analytics.models import AssetReliability, EnergyConsumption, OperationsReport
from analytics.reliability import quarter_of
from analytics.serializers import (
    AssetReliabilitySerializer,
    EnergyConsumptionSerializer,
    EnergySummarySerializer,
    EvidenceSerializer,
    ReliabilitySummarySerializer,
    ReportSerializer,
    TodaySerializer,
)
from analytics.summaries import summarize, summarize_energy
from analytics.today import today
from equipment.models import Equipment
from equipment.viewsets.rooms import RoomViewSet
from faultreporter.api.permissions import EVERYONE, MANAGERS
from faultreporter.api.renderers import EnvelopeRenderer
from faultreporter.api.schema import PAGE_PARAMETERS
from faultreporter.api.viewsets import ApiView, ModelViewSet, ReadOnlyViewSet
from faultreporter.errors import InvalidParameter, PermissionRefused

QUARTER = (
    OpenApiParameter(
        "year",
        {"type": "integer", "minimum": 1900, "maximum": 9999},
        description="With `quarter`; without both it is the running quarter.",
    ),
    OpenApiParameter("quarter", int, enum=[1, 2, 3, 4]),
)
SUBJECT = (
    OpenApiParameter("equipment_id", OpenApiTypes.UUID),
    OpenApiParameter("location_id", OpenApiTypes.UUID, description="A place and everything below it."),
)
CATEGORY = OpenApiParameter("category", str, description="A category's code or id.")
RANKING = OpenApiParameter(
    "by", str, enum=AssetReliability.Ranking.values, description="What makes a machine worse; COST is for managers."
)


@extend_schema_view(
    list=extend_schema(summary="List reliability by machine and quarter"),
    retrieve=extend_schema(summary="Read the reliability of a machine in a quarter"),
)
class AssetReliabilityViewSet(ReadOnlyViewSet):
    """MTBF, MTTR, availability and cost of each machine, per quarter; by default only the revisions in force."""

    model = AssetReliability
    resource = "AssetReliability"
    resource_plural = "AssetReliability"
    serializer_class = AssetReliabilitySerializer
    filterset_class = AssetReliabilityFilter
    ordering = ("-year", "-quarter", "equipment_id", "-revision")
    ordering_fields = (
        "year",
        "quarter",
        "unplanned_down_hours",
        "failure_count",
        "mtbf_hours",
        "mttr_hours",
        "availability",
        "created_at",
        "updated_at",
    )
    list_select_related = ("equipment",)
    detail_select_related = ("equipment",)
    permissions = {
        "list": EVERYONE,
        "retrieve": EVERYONE,
        "summary": EVERYONE,
        "ranking": EVERYONE,
        "evidence": EVERYONE,
    }
    parameters = {
        "summary": (*QUARTER, *SUBJECT, CATEGORY),
        "ranking": (RANKING, *QUARTER, *SUBJECT, CATEGORY, *PAGE_PARAMETERS),
    }

    def get_queryset(self) -> QuerySet[AssetReliability]:
        rows: QuerySet[AssetReliability] = super().get_queryset()
        return rows if self.action == "evidence" else rows.defer("inputs")

    @extend_schema(
        summary="Read the reliability of all machines together",
        operation_id="getAssetReliabilitySummary",
        filters=False,
        responses=ReliabilitySummarySerializer,
    )
    @action(detail=False)
    def summary(self, request: Request) -> Response:
        year, quarter = asked_quarter(self)
        rows = self.filter_queryset(self.get_queryset()).filter(year=year, quarter=quarter)
        serializer = ReliabilitySummarySerializer(
            summarize(rows, year=year, quarter=quarter), context=self.get_serializer_context()
        )
        return Response(serializer.data)

    @extend_schema(
        summary="List the worst machines of a quarter",
        operation_id="listAssetReliabilityRanking",
        filters=False,
        responses=AssetReliabilitySerializer(many=True),
    )
    @action(detail=False)
    def ranking(self, request: Request) -> Response:
        year, quarter = asked_quarter(self)
        rows: Any = self.filter_queryset(self.get_queryset())
        of_quarter = rows.filter(year=year, quarter=quarter).select_related("equipment")
        return self.list_answer(of_quarter.worst_by(asked_ranking(self)))

    @extend_schema(
        summary="Read the intervals behind each number",
        operation_id="getAssetReliabilityEvidence",
        responses=EvidenceSerializer,
    )
    @action(detail=True)
    def evidence(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        row = self.permitted(self.get_queryset())
        return Response(EvidenceSerializer(evidence_of(row), context=self.get_serializer_context()).data)


def asked_quarter(view: ApiView) -> tuple[int, int]:
    """The quarter that the parameters name, the running one in the reader's time zone if they name none."""
    params = view.request.query_params
    named = [name for name in ("year", "quarter") if params.get(name)]
    if not named:
        return quarter_of(view.now(), ZoneInfo(view.request.user.time_zone))
    if len(named) == 1 or not all(params[name].isascii() and params[name].isdigit() for name in named):
        raise InvalidParameter(_("Give year and quarter, both as whole numbers."), field=named[0])
    return int(params["year"][:4]), int(params["quarter"][:1])


def asked_ranking(view: ApiView) -> AssetReliability.Ranking:
    text = view.request.query_params.get("by", AssetReliability.Ranking.DOWNTIME).upper()
    if text not in AssetReliability.Ranking:
        known = ", ".join(AssetReliability.Ranking.values)
        raise InvalidParameter(_("by knows: %(known)s.") % {"known": known}, field="by")
    if text == AssetReliability.Ranking.COST and view.request.user.role not in MANAGERS.roles:
        raise PermissionRefused(_("Costs are for managers."))
    return AssetReliability.Ranking(text)


@extend_schema_view(
    list=extend_schema(
        summary="List the reliability of one machine, newest quarter first",
        operation_id="listEquipmentAssetReliability",
    )
)
class EquipmentReliabilityViewSet(RoomViewSet):
    """One machine's reliability; `message` says when the first numbers come."""

    model = AssetReliability
    resource = "EquipmentAssetReliability"
    serializer_class = AssetReliabilitySerializer
    filterset_class = RevisionFilter
    ordering = ("-year", "-quarter", "-revision")
    ordering_fields = AssetReliabilityViewSet.ordering_fields
    list_select_related = ("equipment",)
    permissions = {"list": EVERYONE}

    def rows_of(self, machine: Equipment) -> QuerySet[AssetReliability]:
        return machine.reliability.defer("inputs")

    def list_answer(self, rows: QuerySet[AssetReliability]) -> Response:
        response = super().list_answer(rows)
        if not response.data and not self.request.query_params:
            response.message = _(  # type: ignore[attr-defined]  # the renderer's convention
                "Nothing is rolled up yet; numbers come when a work order is completed, or tonight."
            )
        return response


@extend_schema_view(
    list=extend_schema(summary="List energy use by quarter"),
    retrieve=extend_schema(summary="Read the energy use of a machine or place in a quarter"),
    create=extend_schema(summary="Enter the energy use of a machine or place in a quarter"),
    update=extend_schema(summary="Correct an energy use"),
    partial_update=extend_schema(summary="Correct an energy use"),
    destroy=extend_schema(summary="Delete an energy use"),
)
class EnergyConsumptionViewSet(ModelViewSet):
    """Electricity per quarter: kWh, cost and CO₂ of machines and of places."""

    model = EnergyConsumption
    resource = "EnergyConsumption"
    resource_plural = "EnergyConsumption"
    serializer_class = EnergyConsumptionSerializer
    filterset_class = EnergyConsumptionFilter
    ordering = ("-year", "-quarter", "-id")
    ordering_fields = ("year", "quarter", "kwh", "co2_kg", "coverage_percent", "created_at", "updated_at")
    unpaged_actions = ("summary",)
    permissions = {
        "list": EVERYONE,
        "retrieve": EVERYONE,
        "create": MANAGERS,
        "update": MANAGERS,
        "partial_update": MANAGERS,
        "destroy": MANAGERS,
        "summary": EVERYONE,
    }
    parameters = {"summary": (OpenApiParameter("year", int), *QUARTER[1:], *SUBJECT)}

    def create_record(self, data: dict[str, Any]) -> EnergyConsumption:
        energy = EnergyConsumption(**data)
        energy.store()
        return energy

    def change_record(self, record: EnergyConsumption, data: dict[str, Any]) -> None:
        for name, value in data.items():
            setattr(record, name, value)
        record.store()

    @extend_schema(
        summary="Sum energy use by quarter, apart for machines and each kind of place",
        operation_id="listEnergyConsumptionSummary",
        filters=False,
        responses=EnergySummarySerializer(many=True),
    )
    @action(detail=False)
    def summary(self, request: Request) -> Response:
        entries = summarize_energy(self.filter_queryset(self.get_queryset()))
        return Response(EnergySummarySerializer(entries, many=True, context=self.get_serializer_context()).data)


@extend_schema_view(
    list=extend_schema(
        summary="List the energy use of one machine, newest quarter first",
        operation_id="listEquipmentEnergyConsumption",
    )
)
class EquipmentEnergyViewSet(RoomViewSet):
    """One machine's electricity, per quarter."""

    model = EnergyConsumption
    resource = "EquipmentEnergyConsumption"
    serializer_class = EnergyConsumptionSerializer
    filterset_class = EnergySourceFilter
    ordering = EnergyConsumptionViewSet.ordering
    ordering_fields = EnergyConsumptionViewSet.ordering_fields
    permissions = {"list": EVERYONE}

    def rows_of(self, machine: Equipment) -> QuerySet[EnergyConsumption]:
        return machine.energy.all()


class HtmlRenderer(EnvelopeRenderer):
    """Lets a caller ask for `text/html`; the document isn't rendered here, and an error is JSON all the same."""

    media_type = "text/html"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        (renderer_context or {})["response"]["Content-Type"] = EnvelopeRenderer.media_type
        return super().render(data, accepted_media_type, renderer_context)


@extend_schema_view(
    list=extend_schema(summary="List the weekly operations reports"),
    retrieve=extend_schema(summary="Read the figures of a weekly report"),
)
class ReportViewSet(ReadOnlyViewSet):
    """The operations reports that managers get on Mondays."""

    model = OperationsReport
    resource = "Report"
    serializer_class = ReportSerializer
    filterset_class = ReportFilter
    ordering = ("-iso_year", "-iso_week", "-id")
    ordering_fields = ("iso_year", "iso_week", "created_at")
    permissions = {"list": MANAGERS, "retrieve": MANAGERS, "download": MANAGERS}

    def get_queryset(self) -> QuerySet[OperationsReport]:
        rows: QuerySet[OperationsReport] = super().get_queryset()
        return rows.defer("text") if self.action == "download" else rows.defer("html", "text")

    @extend_schema(summary="Download a weekly report", responses={(200, "text/html"): OpenApiTypes.STR})
    @action(detail=True, renderer_classes=[HtmlRenderer])
    def download(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        report = self.permitted(self.get_queryset())
        response = HttpResponse(report.html, content_type="text/html; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="operations-{report}.html"'
        response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
        return response


class TodayView(ApiView):
    """How things stand right now."""

    permissions = {"get": MANAGERS}

    @extend_schema(operation_id="getDashboardSummary", summary="Read how things stand now", responses=TodaySerializer)
    def get(self, request: Request) -> Response:
        return Response(TodaySerializer(today(user=self.request.user, at=self.now())).data)
