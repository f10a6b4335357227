"""Readings that people take: one by one, or a whole round that a phone has kept while it was offline."""

import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import django_filters
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from equipment.models import Equipment
from faultreporter.accounts.authentication import caller
from faultreporter.accounts.models import User
from faultreporter.api.exceptions import from_field_errors
from faultreporter.api.filters import BooleanFilter, FilterSet, InstantFilter
from faultreporter.api.permissions import HANDLERS
from faultreporter.api.viewsets import ReadOnlyViewSet
from faultreporter.errors import DomainError, NotFound
from locations.models import at_or_below
from telemetry.hand_readings.by_hand import Entered, Outcome, ReadingConflict, Typed, enter_round
from telemetry.models import HandReading, HandReadingQuerySet, Series
from telemetry.serializers.hand_readings import (
    EnteredReadingSerializer,
    HandReadingSerializer,
    RoundReadingSerializer,
    RoundResultSerializer,
    RoundSerializer,
)


class HandReadingFilter(FilterSet):
    series_id = django_filters.NumberFilter(field_name="series", min_value=1, max_value=2**31 - 1)
    equipment_id = django_filters.UUIDFilter(field_name="series__equipment")
    location_id = django_filters.UUIDFilter(method="filter_location", label="A place: readings in it and below it.")
    metric = django_filters.CharFilter(field_name="series__metric__code")
    by_id = django_filters.UUIDFilter(field_name="by", label="Who took it.")
    is_confirmed = BooleanFilter(label="Whether it was implausible and the person said that it is right.")
    recorded_after = InstantFilter(field_name="recorded_at", lookup_expr="gte", label="Inclusive.")
    recorded_before = InstantFilter(field_name="recorded_at", lookup_expr="lt", label="Exclusive.")

    class Meta:
        model = HandReading
        fields: list[str] = []

    def filter_location(self, rows: HandReadingQuerySet, name: str, value: uuid.UUID) -> HandReadingQuerySet:
        return rows.filter(series__equipment__location__in=at_or_below(value))


@extend_schema_view(
    list=extend_schema(summary="List readings that were taken by hand"),
    retrieve=extend_schema(summary="Read who took a reading, and when"),
)
class HandReadingViewSet(ReadOnlyViewSet):
    """Who read which dial, and what they noted. The values are among the other readings, too."""

    model = HandReading
    resource = "HandReading"
    serializer_class = HandReadingSerializer
    filterset_class = HandReadingFilter
    search_fields = ("series__equipment__equipment_code", "series__equipment__equipment_name", "note")
    ordering = ("-recorded_at",)
    ordering_fields = ("recorded_at", "created_at", "updated_at")
    list_select_related = detail_select_related = ("series__equipment", "series__metric", "by")
    permissions = {"list": HANDLERS, "retrieve": HANDLERS, "create": HANDLERS}

    @extend_schema(
        operation_id="enterReadings",
        summary="Enter the readings of a round, each with an outcome of its own",
        request=RoundSerializer,
        responses={
            200: OpenApiResponse(RoundResultSerializer, "All are stored, now or before."),
            207: OpenApiResponse(RoundResultSerializer, "Some are not; their outcomes say why."),
        },
    )
    def create(self, request: Request) -> Response:
        """Sending a round again changes nothing: what is stored is KNOWN."""
        sent = self.body(RoundSerializer)["readings"]
        outcomes: Outcomes = {}
        checked: dict[int, dict[str, Any]] = {}
        for index, one in enumerate(sent):
            try:
                checked[index] = self.reading(one)
            except serializers.ValidationError as error:
                outcomes[index] = from_field_errors(error.detail)
        typed, unseen = typed_of(checked, user=caller(request))
        outcomes |= unseen | enter_round(typed, by=caller(request), at=self.now())
        told = [told_of(index, outcomes[index]) for index in range(len(sent))]
        counts = Counter(one["outcome"] for one in told)
        result = {outcome.lower(): counts[outcome] for outcome in Outcome} | {"outcomes": told}
        is_whole = counts[Outcome.CREATED] + counts[Outcome.KNOWN] == len(sent)
        return Response(
            RoundResultSerializer(result).data, status=status.HTTP_200_OK if is_whole else status.HTTP_207_MULTI_STATUS
        )

    def reading(self, sent: Any) -> dict[str, Any]:
        serializer = RoundReadingSerializer(data=sent, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        checked: dict[str, Any] = serializer.validated_data
        return checked


Outcomes = dict[int, Entered | DomainError]


def typed_of(checked: Mapping[int, dict[str, Any]], *, user: User) -> tuple[dict[int, Typed], Outcomes]:
    """The readings with the machine and the metric they are of; those out of sight with their refusal."""
    series_ids = {one["series_id"] for one in checked.values() if "series_id" in one}
    machine_ids = {one["equipment_id"] for one in checked.values() if "equipment_id" in one}
    rows = Series.objects.for_user(user).filter(pk__in=series_ids).values("pk", "equipment_id", "metric__code")
    series = {row["pk"]: row for row in rows}
    seen = Equipment.objects.for_user(user).living().filter(pk__in=machine_ids)
    machines = set(seen.values_list("pk", flat=True))
    typed: dict[int, Typed] = {}
    unseen: Outcomes = {}
    for index, sent in checked.items():
        one = dict(sent)
        series_id = one.pop("series_id", None)
        if row := series.get(series_id):
            typed[index] = Typed(**one, equipment_id=row["equipment_id"], metric=row["metric__code"])
        elif one.get("equipment_id") in machines:
            typed[index] = Typed(**one)
        else:
            field = "equipment_id" if series_id is None else "series_id"
            unseen[index] = NotFound(_("There is no such record, or it is out of your sight."), field=field)
    return typed, unseen


def told_of(index: int, outcome: Entered | DomainError) -> dict[str, Any]:
    if isinstance(outcome, Entered):
        return {"index": index, "outcome": outcome.outcome, "reading": entered(outcome), "error": None}
    error = {
        "code": outcome.code,
        "message": outcome.message,
        "details": [asdict(detail) for detail in outcome.details],
        "meta": outcome.meta,
    }
    name = Outcome.CONFLICT if isinstance(outcome, ReadingConflict) else Outcome.REFUSED
    return {"index": index, "outcome": name, "reading": None, "error": error}


def entered(found: Entered) -> dict[str, Any]:
    """What EnteredReadingSerializer shows."""
    return {**found.line._asdict(), "outcome": found.outcome, "record": found.record}


def entered_json(found: Entered) -> Any:
    return EnteredReadingSerializer(entered(found)).data
