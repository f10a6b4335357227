"""A machine's readings as they come, each beside its limits, below the alerts that are open."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from equipment.models import Equipment
from faultreporter.backoffice import add_button, page_of
from telemetry.charts.drawing import Data, rules_in_force, series_json, words, zone_for
from telemetry.models import Quality, Rule, Series
from telemetry.models.catalogue import GAP_INTERVALS

POLL_S = 15
STREAM, KINDS = "/api/v1/iot-data/stream", "reading,alert"
EXPORT = "/api/v1/iot-data/export"
PERIODS = (("1", _("Hour"), 3600), ("24", _("24 hours"), 24 * 3600), ("168", _("7 days"), 7 * 24 * 3600))


def live_path(machine: Equipment | str) -> str:
    return reverse("admin:equipment_equipment_live", args=[getattr(machine, "pk", machine)])


def live_link(machine: Equipment) -> SafeString:
    words = gettext("Live")
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', live_path(machine), words)


@action(description=_("Live"), url_path="live", permissions=["view"], icon="monitoring")
def live(page: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    machine = page.record(request, object_id)
    if machine is None:
        raise Http404
    lines = list(machine.series.select_related("metric", "latest").order_by("metric__name"))
    cards = [card(series, rules) for series, rules in rules_of(machine, lines)]
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "original": machine,
        "title": gettext("Live: %(machine)s") % {"machine": machine},
        "machine_url": page_of(machine),
        "key_url": reverse("admin:telemetry_devicekey_add"),
        "alerts_url": f"{reverse('admin:alerts_alert_changelist')}?q={machine.equipment_code}",
        "periods": PERIODS,
        "cards": cards,
        "may_void": request.user.has_perm("telemetry.change_series"),
        "config": config(machine, cards, at=timezone.now()),
    }
    return TemplateResponse(request, "admin/telemetry/live.html", context)


def rules_of(machine: Equipment, lines: list[Series]) -> list[tuple[Series, list[Rule]]]:
    rules = list(rules_in_force(machine))
    return [(series, [rule for rule in rules if rule.metric_id == series.metric_id]) for series in lines]


def card(series: Series, rules: list[Rule]) -> Data:
    latest = getattr(series, "latest", None)
    return {
        **series_json(series, rules),
        "url": page_of(series),
        "export_url": f"{EXPORT}?series_id={series.pk}",
        "void_url": reverse("admin:telemetry_series_void_readings", args=[series.pk]),
        "rules": [{"title": rule.title, "url": page_of(rule)} for rule in rules],
        "rule_url": f"{reverse('admin:telemetry_rule_add')}?equipment={series.equipment_id}&metric={series.metric_id}",
        "value": latest and latest.value,
        "at": latest and latest.recorded_at,
        "is_void": latest is not None and latest.quality is Quality.VOID,
    }


def config(machine: Equipment, cards: list[Data], *, at: datetime) -> Data:
    """What the page's script works with."""
    return {
        "equipment_id": str(machine.pk),
        "zone": zone_for(machine).key,
        "now": at,
        "stream_url": settings.STREAM_URL and f"{settings.STREAM_URL}{STREAM}?equipment_id={machine.pk}&kinds={KINDS}",
        "api": "/api/v1",
        "poll_s": POLL_S,
        "patience": GAP_INTERVALS,
        "alert_page": reverse("admin:alerts_alert_change", args=["ID"]),
        "series": cards,
        "words": {**words(), **spoken()},
    }


def spoken() -> Data:
    """What the page itself says while it lives. The script puts numbers in the place of {n}."""
    return {
        "live": gettext("Live"),
        "connecting": gettext("Connecting…"),
        "polling": gettext("The live connection is down: values are fetched every {n} s."),
        "offline": gettext("The server doesn't answer. The values below are the last known."),
        "seconds": gettext("{n} s ago"),
        "minutes": gettext("{n} min ago"),
        "hours": gettext("{n} h ago"),
        "days": gettext("{n} days ago"),
        "void": gettext("void"),
        "late": gettext("late: expected every {n} s"),
        "more": gettext("and {n} more"),
        "failed": gettext("The readings could not be loaded. They are asked for again when the next one comes."),
    }


add_button(Equipment, live)
