"""What a rule would have made of the past: the same judgement as of live readings, on those that are stored.

It begins at the first moment of the asked time as a new rule does, knowing nothing of before. Its hours, maintenance
windows and the status log hold alarms back as they do live; what was silent when readings came isn't kept, so parents
and gateways don't.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from faultreporter.accounts.models import User
from faultreporter.errors import RangeTooLarge, ValidationFailed
from telemetry.models import Rule, Series
from telemetry.rules.judging import ALARM, Change, Kind, Limits, Standing, State, StoredReading, judge, pass_time
from telemetry.rules.suppression import Hold, Plan

MAX_READINGS = 200_000
"""What one call judges, of all its series together: about two seconds of work."""
MAX_SERIES = 100

READINGS_SQL = """
SELECT recorded_at, value FROM iot_readings
WHERE series_id = %s AND recorded_at >= %s AND recorded_at < %s
ORDER BY recorded_at LIMIT %s"""


class Episode(NamedTuple):
    """An alarm: the change that began it, and the one that ended it, if any did.

    `told_at` is when the alert would have been raised, None if `hold` lasted until the alarm was over.
    """

    begun: Change
    ended: Change | None
    told_at: datetime | None = None
    hold: Hold | None = None

    @property
    def fired_at(self) -> datetime:
        return self.begun.at

    @property
    def cleared_at(self) -> datetime | None:
        return self.ended.at if self.ended else None


class Span(NamedTuple):
    """A time of being beyond the limit, not long enough yet. `fired`: an alarm came of it."""

    began_at: datetime
    ended_at: datetime
    fired: bool


class Trial(NamedTuple):
    """What a rule would have done with one series. `naive_alerts`: an alert for each reading beyond the limit."""

    readings: int
    episodes: list[Episode]
    pending: list[Span]
    firing_s: float
    pending_s: float
    naive_alerts: int

    @property
    def alerts(self) -> int:
        return sum(one.told_at is not None for one in self.episodes)


def nothing_holds(_began_at: datetime) -> Hold | None:
    return None


def try_out(
    limits: Limits,
    readings: Sequence[StoredReading],
    *,
    until: datetime,
    hold: Callable[[datetime], Hold | None] = nothing_holds,
) -> Trial:
    """Judges the readings, oldest first, and what time brings until `until`; `hold` keeps alarms from being told."""
    standing, changes = judge(limits, Standing(), readings)
    changes = [*changes, *pass_time(limits, standing, to=until).changes]
    episodes = [told(one, hold(one.fired_at), until=until) for one in episodes_of(changes)]
    pending = pending_of(changes, until=until)
    return Trial(
        readings=len(readings),
        episodes=episodes,
        pending=pending,
        firing_s=sum(((one.cleared_at or until) - one.fired_at).total_seconds() for one in episodes),
        pending_s=sum((span.ended_at - span.began_at).total_seconds() for span in pending if not span.fired),
        naive_alerts=naive_alerts(limits, readings, until=until),
    )


def episodes_of(changes: Iterable[Change]) -> list[Episode]:
    found: list[Episode] = []
    for change in changes:
        if change.begins:
            found.append(Episode(change, None))
        elif change.ends:
            found[-1] = found[-1]._replace(ended=change)
    return found


def told(episode: Episode, hold: Hold | None, *, until: datetime) -> Episode:
    """The episode with what becomes of it: told at once, when the hold ends, or never."""
    if hold is None:
        return episode._replace(told_at=episode.fired_at)
    never = hold.lasts_to(episode.cleared_at or until)
    return episode._replace(told_at=None if never else hold.until, hold=hold)


def pending_of(changes: Iterable[Change], *, until: datetime) -> list[Span]:
    found: list[Span] = []
    began_at = None
    for change in changes:
        if began_at is not None and change.before == State.PENDING:
            found.append(Span(began_at, change.at, change.state in ALARM))
        began_at = change.at if change.state == State.PENDING else None
    if began_at is not None:
        found.append(Span(began_at, until, fired=False))
    return found


def naive_alerts(limits: Limits, readings: Sequence[StoredReading], *, until: datetime) -> int:
    """The alerts of a system without memory: one for each reading beyond the limit, and one for each silence."""
    if limits.kind in (Kind.THRESHOLD, Kind.RANGE):
        return sum(limits.met_by(reading.value) for reading in readings)
    samples = limits.min_samples if limits.kind == Kind.STUCK else 1
    simple = limits._replace(for_s=0, keep_firing_s=0, min_samples=samples)
    standing, count = Standing(), 0
    for reading in readings:
        standing, changes = judge(simple, standing, [reading])
        count += sum(change.begins for change in changes)
        if standing.state in ALARM:
            standing = standing._replace(state=State.NORMAL, pending_since=None, samples=0)
    return count + sum(change.begins for change in pass_time(simple, standing, to=until).changes)


class SeriesTrial(NamedTuple):
    series: Series
    limits: Limits
    trial: Trial


def back_test(
    rule: Rule, *, since: datetime, until: datetime, at: datetime, user: User, series_id: int | None = None
) -> list[SeriesTrial]:
    """What `rule`, which need not be stored as it is, would have done on each series it watches; `at` is now."""
    if since >= until:
        raise ValidationFailed(_("The end must come after the beginning."), field="to")
    if since >= at:
        raise ValidationFailed(_("This time lies ahead; nothing has been measured in it."), field="from")
    until, found, left = min(until, at), [], MAX_READINGS
    watched = watched_by(rule, user=user, series_id=series_id)
    plan = Plan([series.pk for series in watched], since=since)
    for series in watched:
        readings = stored_readings(series, since=since, until=until, limit=left + 1)
        left -= len(readings)
        if left < 0:
            message = _("More than %(most)d readings lie in this time; choose a shorter one, or a single series.")
            raise RangeTooLarge(message % {"most": MAX_READINGS}, field="from", meta={"most": MAX_READINGS})
        limits = rule.limits(expected_interval_s=series.expected_interval_s)
        trial = try_out(limits, readings, until=until, hold=partial(plan.hold, series, rule))
        found.append(SeriesTrial(series, limits, trial))
    return found


def watched_by(rule: Rule, *, user: User, series_id: int | None = None, most: int | None = None) -> list[Series]:
    """The series a rule is about, as far as this person sees them: one if it is named, the first `most` if asked so."""
    scope = Q(equipment=rule.equipment_id) if rule.equipment_id else Q(equipment__category=rule.category_id)
    rows = Series.objects.for_user(user).filter(scope, metric=rule.metric_id)
    if series_id is not None:
        rows = rows.filter(pk=series_id)
    rows = rows.select_related("metric", "equipment__location__site").order_by("equipment__equipment_code")
    found = list(rows[: most or MAX_SERIES + 1])
    if series_id is not None and not found:
        raise ValidationFailed(_("The rule doesn't watch this series."), field="series_id")
    if len(found) > MAX_SERIES:
        message = _("The rule watches more than %(most)d series; name one (series_id).") % {"most": MAX_SERIES}
        raise RangeTooLarge(message, field="series_id", meta={"most": MAX_SERIES})
    return found


def stored_readings(series: Series, *, since: datetime, until: datetime, limit: int) -> list[StoredReading]:
    with connection.cursor() as cursor:
        cursor.execute(READINGS_SQL, [series.pk, since, until, limit])
        return [StoredReading(*row) for row in cursor.fetchall()]
