"""Wrong readings over REST: declared void, listed, taken back."""

from collections.abc import Sequence
from typing import Any

from django.db.models import F, Prefetch
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.accounts.authentication import caller
from faultreporter.api.permissions import MANAGERS
from faultreporter.api.viewsets import CreateMixin, ListMixin, RetrieveMixin
from faultreporter.errors import ValidationFailed
from telemetry import voiding
from telemetry.filters import ReadingVoidFilter
from telemetry.models import ReadingVoid, Series, VoidedSeries
from telemetry.serializers.voids import (
    DeclareVoidSerializer,
    ReadingVoidDetailSerializer,
    ReadingVoidSerializer,
    VoidPreviewSerializer,
)

LINES = VoidedSeries.objects.select_related("series__metric", "series__equipment").order_by("series_id")


@extend_schema_view(
    list=extend_schema(summary="List readings that were declared void"),
    retrieve=extend_schema(summary="Read what was declared void, with the alerts of that time"),
)
class ReadingVoidViewSet(ListMixin, RetrieveMixin, CreateMixin):
    """Readings that were wrong: they stay stored, and everything that reads readings leaves them out."""

    model = ReadingVoid
    resource = "ReadingVoid"
    serializer_class = ReadingVoidSerializer
    serializer_classes = {"retrieve": ReadingVoidDetailSerializer}
    filterset_class = ReadingVoidFilter
    search_fields = ("reason",)
    ordering = ("-created_at",)
    ordering_fields = ("from", "to", "readings", "taken_back_at", "created_at", "updated_at")
    permissions = dict.fromkeys(("list", "retrieve", "create", "take_back"), MANAGERS)

    def get_queryset(self) -> Any:
        columns = {"from": F("since"), "to": F("until")}
        rows: Any = super().get_queryset()
        rows = rows.with_readings().annotate(**columns)
        return rows.prefetch_related(Prefetch("lines", LINES)) if self.action == "list" else rows

    def prefetched(self, rows: Any) -> Any:
        return rows.with_readings().prefetch_related(Prefetch("lines", LINES))

    def serialize(self, record: Any) -> Any:
        series = [line.series_id for line in record.lines.all()]
        record.alerts = voiding.alerts_raised(series, since=record.since, until=record.until)
        return super().serialize(record)

    @extend_schema(
        summary="Declare readings void, or tell what would be",
        request=DeclareVoidSerializer,
        responses={
            200: OpenApiResponse(VoidPreviewSerializer, "With dry_run: what would be void."),
            201: ReadingVoidDetailSerializer,
        },
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What was stored stays stored, and is shown only to whoever asks for it (`include_void`)."""
        said = self.body(DeclareVoidSerializer)
        series, since, until = self.seen(said["series_ids"]), said["since"], said["until"]
        if said["dry_run"]:
            found = voiding.figures(series, since=since, until=until, at=self.now())
            alerts = voiding.alerts_raised(series, since=since, until=until)
            told = {"readings": sum(one.readings for one in found), "series": found, "alerts": alerts}
            return Response(VoidPreviewSerializer(told).data)
        reason = said.get("reason", "").strip()
        if not reason:
            raise ValidationFailed(_("Say why these readings are wrong."), field="reason")
        void = voiding.declare(
            series=series, since=since, until=until, reason=reason, by=caller(request), at=self.now()
        )
        return self.created(void, message=_("Declared void."))

    def seen(self, keys: Sequence[int]) -> list[int]:
        wanted = sorted(set(keys))
        found = set(Series.objects.for_user(caller(self.request)).filter(pk__in=wanted).values_list("pk", flat=True))
        if unknown := [key for key in wanted if key not in found]:
            message = _("There is no series %(key)d, or it is out of your sight.") % {"key": unknown[0]}
            raise ValidationFailed(message, field="series_ids")
        return wanted

    @extend_schema(
        summary="Take it back: readings that nothing else declares void are good again",
        request=None,
        responses=ReadingVoidDetailSerializer,
    )
    @action(detail=True, methods=["post"], url_path="take-back")
    def take_back(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        void = self.lock_object()
        voiding.take_back(void, by=caller(request), at=self.now())
        return self.answer(self.reload(void), message=_("Taken back."))
