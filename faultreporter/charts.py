"""Bars that are drawn alike wherever the back office draws them."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

SEVERITIES: dict[str, tuple[Any, str]] = {
    "LOW": (_("Low"), "#60a5fa"),
    "MEDIUM": (_("Medium"), "#a855f7"),
    "HIGH": (_("High"), "#fb923c"),
    "CRITICAL": (_("Critical"), "#ef4444"),
}
STACKED = json.dumps(
    {
        "animation": False,
        "maintainAspectRatio": False,
        "maxBarThickness": 14,
        "plugins": {"legend": {"align": "end", "labels": {"boxHeight": 8, "boxWidth": 8, "color": "#9ca3af"}}},
        "scales": {
            "x": {"stacked": True, "grid": {"display": False}, "ticks": {"color": "#9ca3af", "maxTicksLimit": 10}},
            "y": {"stacked": True, "border": {"display": False}, "ticks": {"color": "#9ca3af", "precision": 0}},
        },
    }
)


def severity_bars(days: Sequence[date], counts: Mapping[tuple[date, str], int]) -> str:
    """The data of a stacked bar chart: a bar a day, a part a severity."""
    bars = [
        {
            "label": str(label),
            "data": [counts.get((day, severity), 0) for day in days],
            "backgroundColor": colour,
        }
        for severity, (label, colour) in SEVERITIES.items()
    ]
    return json.dumps({"labels": [date_format(day, "j M") for day in days], "datasets": bars})
