from typing import Any

from django.conf import settings
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.api.filters import FilterBackend
from faultreporter.api.pagination import cursor_response, decode_cursor, encode_cursor, whole_number
from faultreporter.api.permissions import ADMINS
from faultreporter.api.viewsets import ReadOnlyViewSet
from faultreporter.audit import seals
from faultreporter.audit.models import AuditLog
from faultreporter.auditlog.entries import with_actor_names
from faultreporter.auditlog.filters import AuditLogFilter
from faultreporter.auditlog.serializers import AuditLogSerializer, VerificationSerializer
from faultreporter.errors import InvalidParameter

LARGEST_ID = 2**63 - 1
LARGEST_SEAL = 10**12 - 1
# Longer checks belong to the command: a request keeps one of few threads.
VERIFY_SECONDS = 2.0

CURSOR = OpenApiParameter("cursor", str, description="`next_cursor` of the answer before.")
LIMIT = OpenApiParameter(
    "limit",
    {"type": "integer", "minimum": 1, "maximum": settings.MAX_PAGE_SIZE, "default": settings.DEFAULT_PAGE_SIZE},
    description="How many entries at most.",
)
AFTER = OpenApiParameter(
    "after",
    {"type": "integer", "minimum": 0, "maximum": LARGEST_SEAL},
    description="Check the seals after this one only; default all.",
)


class AuditLogViewSet(ReadOnlyViewSet):
    """Every change of every record: who made it, when, from where, what became what. Newest first."""

    model = AuditLog
    resource = "AuditLog"
    serializer_class = AuditLogSerializer
    filterset_class = AuditLogFilter
    filter_backends = [FilterBackend]
    lookup_value_regex = "[0-9]{1,18}"
    permissions = {"list": ADMINS, "retrieve": ADMINS, "verify": ADMINS}
    parameters = {"list": [CURSOR, LIMIT], "verify": [AFTER]}
    cursor_actions = ("list",)

    def get_queryset(self) -> QuerySet[Any]:
        # An entry never changes; when it was written is its version.
        return with_actor_names(super().get_queryset()).annotate(updated_at=F("occurred_at"))

    def known_parameters(self) -> set[str]:
        named = {parameter.name for parameter in self.parameters.get(self.action or "", ())}
        return named | self.filter_names() if self.action == "list" else named

    def list_answer(self, rows: QuerySet[Any]) -> Response:
        limit = whole_number(
            self.request, "limit", default=settings.DEFAULT_PAGE_SIZE, least=1, most=settings.MAX_PAGE_SIZE
        )
        if cursor := self.request.query_params.get("cursor"):
            rows = rows.filter(id__lt=position(cursor))
        found = list(rows.order_by("-id")[: limit + 1])
        page = found[:limit]
        next_cursor = encode_cursor([page[-1].pk]) if len(found) > limit else None
        return cursor_response(self.get_serializer(page, many=True).data, next_cursor=next_cursor)

    @extend_schema(responses=VerificationSerializer)
    @action(detail=False, pagination_class=None)
    def verify(self, request: Request) -> Response:
        """Recompute the seals over the log. Stops after two seconds; `next_after` tells where to go on."""
        after = whole_number(request, "after", default=0, least=0, most=LARGEST_SEAL)
        return Response(VerificationSerializer(seals.verify(after=after, seconds=VERIFY_SECONDS)).data)


def position(cursor: str) -> int:
    (entry_id,) = decode_cursor(cursor, 1)
    if type(entry_id) is not int or not 0 < entry_id <= LARGEST_ID:
        raise InvalidParameter(_("The cursor is not one this list has given; start again without it."), field="cursor")
    return entry_id
