"""Which series, of which time, a call about readings asks for."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from equipment.models import Equipment
from faultreporter.accounts.authentication import caller
from faultreporter.accounts.validators import time_zones
from faultreporter.api.viewsets import ApiView, GenericViewSet
from faultreporter.errors import InvalidParameter, NotFound, RangeTooLarge
from telemetry.charts.drawing import zone_for
from telemetry.models import Metric, Reading, Series
from telemetry.store.history import LARGEST_SERIES
from telemetry.viewsets.readings import SERIES_ID, key_parameter, moment

MAX_SERIES = 50
EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

RANGE = (
    OpenApiParameter("from", OpenApiTypes.DATETIME, required=True, description="Inclusive."),
    OpenApiParameter("to", OpenApiTypes.DATETIME, description="Exclusive; now if left out."),
)
EQUIPMENT = OpenApiParameter(
    "equipment_id", OpenApiTypes.UUID, description="Together with metric, instead of series_id."
)
SERIES = (
    OpenApiParameter(
        "series_id", {"type": "array", "items": SERIES_ID}, explode=False, style="form",
        description=f"At most {MAX_SERIES}. This, or equipment_id and metric.",
    ),
    EQUIPMENT,
    OpenApiParameter(
        "metric", str, many=True, explode=False, style="form", description="Codes of metrics of the machine.",
    ),
)  # fmt: skip
TZ = OpenApiParameter("tz", str, description="An IANA time zone; that of the machine's site if left out.")


class AskedSeries(GenericViewSet):
    """Reads what its calls have in common from their parameters, and refuses what the caller doesn't see."""

    model = Reading
    resource = "Reading"
    filter_backends = ()
    pagination_class = None

    def known_parameters(self) -> set[str]:
        return ApiView.known_parameters(self)

    def range(self) -> tuple[datetime, datetime]:
        since, until = moment(self.request, "from"), moment(self.request, "to") or self.now()
        if since is None:
            raise InvalidParameter(_("Say from when (from)."), field="from")
        if not EARLIEST <= since < until <= LATEST:
            raise InvalidParameter(_("to must be after from, both between 1970 and 2200."), field="from")
        return since, until

    def choice(self, name: str, choices: tuple[str, ...], *, default: str = "") -> str:
        text = self.request.query_params.get(name, default)
        if text not in choices:
            text = text.upper()  # the method in any case; 1M is no minute
        if text not in choices:
            message = _("%(name)s must be one of: %(choices)s.") % {"name": name, "choices": ", ".join(choices)}
            raise InvalidParameter(message, field=name)
        return text

    def words(self, name: str, *, most: int) -> list[str]:
        found = list(dict.fromkeys(filter(None, map(str.strip, self.request.query_params.get(name, "").split(",")))))
        if len(found) > most:
            message = _("%(name)s takes at most %(most)d at a time.") % {"name": name, "most": most}
            raise RangeTooLarge(message, field=name, meta={"most": most})
        return found

    def asked_series(self, *, most: int) -> list[Series]:
        """By id, in the order asked for; or by machine and metric, without those that have no readings."""
        rows = Series.objects.for_user(caller(self.request)).select_related("metric", "equipment__location__site")
        keys, equipment_id = self.words("series_id", most=most), key_parameter(self.request, "equipment_id")
        if bool(keys) == (equipment_id is not None):
            message = _("Name either the series (series_id) or the machine (equipment_id) and the metric.")
            raise InvalidParameter(message, field="series_id")
        return self.by_key(rows, keys) if keys else self.by_machine(rows, equipment_id, most=most)

    def by_key(self, rows: Any, keys: list[str]) -> list[Series]:
        if self.request.query_params.get("metric"):
            raise InvalidParameter(_("series_id says the metric already."), field="metric")
        if not all(
            key.isascii() and key.isdigit() and len(key) <= 10 and 0 < int(key) <= LARGEST_SERIES for key in keys
        ):
            raise InvalidParameter(_("series_id must be a comma list of whole numbers."), field="series_id")
        found = rows.in_bulk(map(int, keys))
        if missing := [key for key in keys if int(key) not in found]:
            message = _("There is no series %(missing)s, or it is out of your sight.")
            raise NotFound(message % {"missing": ", ".join(missing)})
        return [found[key] for key in dict.fromkeys(map(int, keys))]

    def by_machine(self, rows: Any, equipment_id: Any, *, most: int) -> list[Series]:
        codes = self.words("metric", most=most)
        if not codes:
            raise InvalidParameter(_("Name the metric, too."), field="metric")
        found = list(rows.filter(equipment=equipment_id, metric__code__in=codes).order_by("metric__code"))
        if len(found) < len(codes):
            self.check_names(equipment_id, codes)
        return found

    def check_names(self, equipment_id: Any, codes: list[str]) -> None:
        if not Equipment.objects.for_user(caller(self.request)).living().filter(pk=equipment_id).exists():
            raise NotFound(_("There is no such machine, or it is out of your sight."))
        if Metric.objects.living().filter(code__in=codes).count() < len(codes):
            raise InvalidParameter(_("There is no such metric; GET /iot-metrics lists them."), field="metric")

    def zone(self, lines: list[Series]) -> ZoneInfo:
        name = self.request.query_params.get("tz", "")
        if name:
            if name not in time_zones():
                raise InvalidParameter(_("tz must be a name of the IANA database, such as Europe/Vienna."), field="tz")
            return ZoneInfo(name)
        zones = {zone_for(line.equipment) for line in lines}
        if len(zones) > 1:
            raise InvalidParameter(_("These machines are in several time zones; say which to count in."), field="tz")
        return zones.pop() if zones else ZoneInfo(settings.TIME_ZONE)
