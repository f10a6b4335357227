"""Things that happened to machines below any limit, what the detectors make of them, and people of that."""

from datetime import datetime, timedelta
from typing import NamedTuple

from faultreporter.demo.people import Team
from telemetry import tasks
from telemetry.models import Detector, Insight, InsightFeedback

SHOWN_METRICS = ("vibration", "current")
Verdict = InsightFeedback.Verdict


class Event(NamedTuple):
    """For some hours, so many days ago, a metric was that much higher than it should have been."""

    code: str
    metric: str
    days_ago: float
    hours: float
    added: float


EVENTS = (
    Event("PU-NG-A-B1-03-2", "vibration", 5, 4, 1.7),
    Event("PU-NG-A-B1-03-2", "current", 5, 4, 6.5),
    Event("AH-NG-B-F3-01-1", "temperature", 3, 2, 7.0),
    Event("PU-HB-1-B1-01-1", "vibration", 2, 1, 1.8),
    Event("AH-NG-A-F6-01-1", "vibration", 0.25, 24, 1.9),
)
# The last is too fresh: nobody has looked at it yet.
VERDICTS = {
    "PU-NG-A-B1-03-2": (Verdict.USEFUL, "The strainer was half clogged. Cleaned."),
    "AH-NG-B-F3-01-1": (Verdict.KNOWN, "We had the casing open to change the filters."),
    "PU-HB-1-B1-01-1": (Verdict.FALSE_ALARM, "Somebody drilled into the wall beside it."),
}


def added_to(code: str, metric: str, at: datetime, *, now: datetime) -> float:
    """What such an event adds to a reading."""
    ago = now - at
    return sum(
        event.added
        for event in EVENTS
        if (event.code, event.metric) == (code, metric)
        and timedelta(0) <= timedelta(days=event.days_ago) - ago < timedelta(hours=event.hours)
    )


def begin() -> None:
    """After some days of readings: detectors know what is usual, and those of some metrics are shown from now on."""
    tasks.judge_insights()
    for detector in Detector.objects.living().filter(metric__code__in=SHOWN_METRICS):
        detector.change(by=None, visibility=Detector.Visibility.SHOWN)


def look_at(team: Team) -> None:
    """The rest of the readings, through the same task; then somebody looks at what it found."""
    tasks.judge_insights()
    for insight in Insight.objects.filter(equipment__equipment_code__in=VERDICTS).select_related("equipment"):
        verdict, note = VERDICTS[insight.equipment.equipment_code]
        by = team.technicians[0] if insight.state == Insight.State.SHOWN else team.managers[0]
        insight.give_feedback(by=by, verdict=verdict, note=note)
