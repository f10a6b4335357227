"""A curve on a page of the back office: the page says what to show, the browser fetches and draws it."""

from collections.abc import Iterable
from datetime import datetime

from django.forms import Media, Script
from django.template.loader import render_to_string

from telemetry.charts.drawing import Data, series_json, words, zone_for
from telemetry.models import Rule, Series
from telemetry.models.catalogue import GAP_INTERVALS

MEDIA = Media(
    css={"all": ["telemetry/telemetry.css"]},
    js=[Script(f"telemetry/{name}.js", defer=True) for name in ("axes", "chart", "curve")],  # type: ignore[misc]  # the stubs don't know Script
)
"""What a page with curves loads."""


def curve(
    series: Series,
    *,
    since: datetime,
    until: datetime,
    rules: Iterable[Rule] = (),
    limits: Iterable[Data] = (),
    span: tuple[datetime, datetime | None] | None = None,
    spoken: Data | None = None,
) -> str:
    """The series from `since` to `until`, with the limits of the rules and those given.

    `span` is from when to when an alarm lasted, its end None while it does; `spoken` replaces words of the drawing.
    """
    line = series_json(series, rules)
    spans = [{"from": span[0], "to": span[1], "kind": "firing"}] if span else []
    told = {
        **line,
        "limits": [*line["limits"], *limits],
        "zone": zone_for(series.equipment).key,
        "from": since,
        "to": until,
        "spans": spans,
        "patience": GAP_INTERVALS,
        "words": {**words(), **(spoken or {})},
    }
    return render_to_string("admin/telemetry/curve.html", {"told": told, "element": f"curve-{series.pk}"})
