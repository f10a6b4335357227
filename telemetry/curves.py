"""A curve on a page of the back office: the page says what to show, the browser fetches and draws it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.forms import Media, Script
from django.template.loader import render_to_string

from telemetry.drawing import series_json, words, zone_for
from telemetry.models import Rule, Series
from telemetry.models.catalogue import GAP_INTERVALS

MEDIA = Media(
    css={"all": ["telemetry/telemetry.css"]},
    js=[Script(f"telemetry/{name}.js", defer=True) for name in ("axes", "chart", "curve")],  # type: ignore[misc]  # the stubs don't know Script
)
"""What a page with curves loads."""


def curve(series: Series, *, since: datetime, until: datetime, rules: Iterable[Rule] = (), alarm: Any = None) -> str:
    """The series from `since` to `until`; `alarm` is from when to when an alarm lasted, None while it does."""
    spans = [{"from": alarm[0], "to": alarm[1], "kind": "firing"}] if alarm else []
    told = {
        **series_json(series, rules),
        "zone": zone_for(series.equipment).key,
        "from": since,
        "to": until,
        "spans": spans,
        "patience": GAP_INTERVALS,
        "words": words(),
    }
    return render_to_string("admin/telemetry/curve.html", {"told": told, "element": f"curve-{series.pk}"})
