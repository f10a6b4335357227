"""Listening to what telemetry tells, in place of the apps above it: what they do with the news is their tests'."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from telemetry.signals import rule_cleared, rule_fired


@dataclass
class News:
    """What the signals said, oldest first."""

    told: list[tuple[str, datetime]] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)

    def fired(self, **facts: Any) -> None:
        self.told.append(("fired", facts["at"]))
        self.facts.append(facts)

    def cleared(self, **facts: Any) -> None:
        self.told.append((str(facts["reason"]), facts["at"]))
        self.facts.append(facts)


def heard(monkeypatch: pytest.MonkeyPatch) -> News:
    """The only receiver until the test is over."""
    news = News()
    for signal, hear in ((rule_fired, news.fired), (rule_cleared, news.cleared)):
        monkeypatch.setattr(signal, "receivers", [])
        signal.connect(hear)
    return news
