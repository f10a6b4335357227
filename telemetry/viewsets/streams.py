"""GET /iot-data/stream: what happens, while it happens."""

from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from faultreporter.accounts.authentication import caller
from faultreporter.accounts.errors import CredentialRefused
from faultreporter.accounts.models import User
from faultreporter.api.permissions import EVERYONE
from faultreporter.api.renderers import JsonNegotiation
from faultreporter.api.viewsets import ApiView
from faultreporter.errors import InvalidParameter, NotFound, RangeTooLarge
from faultreporter.live.audience import Audience
from faultreporter.live.bus import Kind
from faultreporter.live.errors import StreamElsewhere
from faultreporter.live.hub import hub
from faultreporter.live.listener import Listener
from faultreporter.live.streaming import EventStream
from locations.models import Location
from locations.scope import hidden_site_ids
from telemetry.live import heard_by
from telemetry.models import Series
from telemetry.store.history import LARGEST_SERIES
from telemetry.viewsets.readings import MAX_LISTED, SERIES_ID, key_parameter, keys_parameter

MAX_SERIES = 5_000
PATH = "/api/v1/iot-data/stream"

DESCRIPTION = """\
Server-sent events. Each `data` is a line of JSON:

- `reading`: `{"readings": [{"series_id", "equipment_id", "metric", "unit", "value", "recorded_at"}, …]}`, at most four
  times a second and of each series only the latest. The first ones carry `"snapshot": true`: where everything stands.
- `alert` and `work_order`: `{"id", "event", "changed_at", "title", "status", "severity" or "priority", "equipment":
  {"id", "code", "name"}, "url", …}`, one for each line of the record's timeline. Keep the one with the later
  `changed_at`; `url` has the rest.
- `analysis`: `{"id", "changed_at", "status", "stage", "severity", "alert_id", "equipment", "url"}`, whenever an
  analysis of a machine gets a step further; `severity` is null until it has succeeded.
- `ping` every 15 seconds, and as the first event: `{"at"}`.
- `reset`: `{"reason"}`; alerts and orders were missed that can't be sent any more: read the lists again.
- `end`: `{"code", "message", "meta"}`, as in errors, and the stream ends: what opened it isn't valid any more
  (TOKEN_EXPIRED, TOKEN_REVOKED, UNAUTHENTICATED, USER_DISABLED), or this server stops (SERVICE_UNAVAILABLE).

A client that comes back with the last `id` as `Last-Event-ID`, as EventSource does, gets the alerts and orders it
missed and then the latest readings. One that reads too slowly gets fewer readings, never older ones."""


class StreamNegotiation(JsonNegotiation):
    """The stream is one media type, and refusals are JSON, for those too who only asked for the stream."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        if "text/event-stream" in request.META.get("HTTP_ACCEPT", ""):
            return renderers[0], renderers[0].media_type
        return super().select_renderer(request, renderers, format_suffix)


class StreamView(ApiView):
    """Readings, alerts and work orders as they come."""

    http_method_names = ["get", "options"]
    permissions = {"get": EVERYONE}
    content_negotiation_class = StreamNegotiation
    further_statuses = ("421", "422")
    parameters = {
        "get": [
            OpenApiParameter(
                "equipment_id", OpenApiTypes.UUID, many=True, explode=False, style="form",
                description=f"Only these machines, at most {MAX_LISTED}.",
            ),
            OpenApiParameter("location_id", OpenApiTypes.UUID, description="Only what is in this place and below it."),
            OpenApiParameter(
                "series_id", {"type": "array", "items": SERIES_ID}, explode=False, style="form",
                description=f"Only these series, at most {MAX_LISTED}; alerts and orders of their machines.",
            ),
            OpenApiParameter(
                "kinds", str, enum=[kind.value for kind in Kind], many=True, explode=False, style="form",
                description="Only these kinds of events; all if left out.",
            ),
        ]
    }  # fmt: skip

    @extend_schema(
        operation_id="streamLive",
        summary="Listen to readings, alerts and work orders",
        description=DESCRIPTION,
        parameters=[
            OpenApiParameter("Last-Event-ID", str, OpenApiParameter.HEADER, description="The last `id` you have seen.")
        ],
        responses={(200, "text/event-stream"): OpenApiResponse(OpenApiTypes.STR, "Goes on until one of us ends it.")},
    )
    def get(self, request: Request) -> HttpResponseBase:
        if not isinstance(request._request, ASGIRequest):
            url = settings.STREAM_URL + PATH
            raise StreamElsewhere(
                _("Streams have a process of their own, at %(url)s.") % {"url": url}, meta={"stream_url": url}
            )
        user = caller(request)
        audience = self.audience(user)
        hub().require_room(user.pk)
        listener = Listener(user_id=user.pk, audience=audience, recheck=self.recheck)
        return EventStream(listener, resume=request.headers.get("Last-Event-ID", ""))

    def audience(self, user: User) -> Audience:
        place = key_parameter(self.request, "location_id")
        if place and not Location.objects.for_user(user).living().filter(pk=place).exists():
            raise NotFound(_("There is no such place, or it is out of your sight."))
        series = self.series_parameter()
        machines = frozenset(keys_parameter(self.request, "equipment_id"))
        if series:
            of_series = Series.objects.for_user(user).filter(pk__in=series).values_list("equipment_id", flat=True)
            machines = frozenset(of_series) & machines if machines else frozenset(of_series)
            if not machines:
                raise NotFound(_("There are no such series, or they are out of your sight."))
        audience = Audience(
            kinds=self.kinds_parameter(),
            series=frozenset(series),
            machines=machines,
            places=frozenset({place}) if place else frozenset(),
            hidden=frozenset(hidden_site_ids(user)),
        )
        if Kind.READING in audience.kinds and heard_by(audience)[: MAX_SERIES + 1].count() > MAX_SERIES:
            message = _(
                "That would be the readings of more than %(most)d series; name machines, a smaller place, or kinds."
            )
            raise RangeTooLarge(message % {"most": MAX_SERIES}, field="location_id", meta={"most": MAX_SERIES})
        return audience

    def series_parameter(self) -> list[int]:
        parts = self.request.query_params.get("series_id", "").split(",")
        known = [
            int(part) for part in parts if part.isascii() and part.isdecimal() and 0 < int(part[:20]) <= LARGEST_SERIES
        ]
        if parts != [""] and len(known) < len(parts):
            raise InvalidParameter(_("series_id must be a comma list of whole numbers."), field="series_id")
        if len(known) > MAX_LISTED:
            message = _("%(name)s takes at most %(most)d at a time.") % {"name": "series_id", "most": MAX_LISTED}
            raise RangeTooLarge(message, field="series_id", meta={"most": MAX_LISTED})
        return known

    def kinds_parameter(self) -> frozenset[Kind]:
        try:
            asked = {Kind(part) for part in self.request.query_params.get("kinds", "").lower().split(",") if part}
        except ValueError:
            message = _("kinds must be a comma list of: %(known)s.") % {"known": ", ".join(Kind)}
            raise InvalidParameter(message, field="kinds") from None
        return frozenset(asked or Kind)

    def recheck(self) -> Audience:
        """The credential this stream was opened with, as if it came with a request of now."""
        again = HttpRequest()
        again.method, again.META, again.COOKIES = "GET", self.request.META, self.request.COOKIES
        SessionMiddleware(lambda _request: HttpResponse()).process_request(again)
        AuthenticationMiddleware(lambda _request: HttpResponse()).process_request(again)
        user = Request(again, authenticators=self.get_authenticators()).user
        if not isinstance(user, User):
            raise CredentialRefused(_("The session this stream was opened with has ended; sign in again."))
        return Audience(hidden=frozenset(hidden_site_ids(user)))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """The back office may use its session from its own port; every other origin needs BACKEND_CORS_ORIGINS."""
        origin = request.headers.get("Origin", "")
        if origin in settings.STREAM_PAGE_ORIGINS:
            response["Access-Control-Allow-Origin"] = origin
            response["Access-Control-Allow-Credentials"] = "true"
        patch_vary_headers(response, ("Origin",))
        return super().finalize_response(request, response, *args, **kwargs)
