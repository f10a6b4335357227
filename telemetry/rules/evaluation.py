"""Readings, and the time that passes, against rules: a fixed number of statements however many series they touch.

What a state has judged already is never judged again, so running twice, or again after a crash, changes nothing; a
reading older than that is late and changes nothing either. Readings are judged when they arrive, by their own times.
What time alone brings (silence, the end of a duration) is judged by the sweep: the time since a series' last reading is
the time since its arrival, by our clock, so a device whose clock is wrong raises nothing.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from faultreporter.outbox import publish
from telemetry.models import Cleared, Rule, RuleState, Series
from telemetry.rules.judging import ALARM, Change, Kind, Limits, State, StoredReading, hear, judge, pass_time, remember
from telemetry.rules.reasons import reason
from telemetry.rules.standings import Case, Held, lock_cases, lock_rules, next_due, rows_of, save
from telemetry.rules.suppression import Suppressor
from telemetry.signals import rule_cleared, rule_fired

# IS NOT TRUE: a machine without a category is in no rule's category.
OUT_OF_SCOPE_SQL = """
SELECT state.id
FROM iot_rule_states state
JOIN iot_rules rule ON rule.id = state.rule_id
JOIN iot_series series ON series.id = state.series_id
JOIN equipment ON equipment.id = series.equipment_id
WHERE (state.is_told OR state.due_at IS NOT NULL OR state.failing_since IS NOT NULL)
    AND (equipment.deleted_at IS NOT NULL
    OR (rule.equipment_id = series.equipment_id OR rule.category_id = equipment.category_id) IS NOT TRUE)
ORDER BY equipment.id, state.id
FOR UPDATE OF state"""


@dataclass(slots=True)
class Verdict:
    """What a run found out about a case. `began` is when the alarm that isn't told began, before this run."""

    case: Case
    limits: Limits
    began: datetime | None
    changes: list[Change] = field(default_factory=list)

    @property
    def is_open_question(self) -> bool:
        """An alarm begins, or has begun, that wasn't told: something may hold it back."""
        return self.began is not None or any(change.begins for change in self.changes)


class News(NamedTuple):
    """An alarm begins or is over: `at` is when it is told of, `change` what brought it."""

    case: Case
    limits: Limits
    change: Change
    at: datetime


def evaluate(series_ids: Iterable[int], *, at: datetime | None = None) -> int:
    """Judges what these series got since the last time and tells the news; answers how many changes of state it was.

    With `at`, the present, also what time alone has brought by then.
    """
    with transaction.atomic():
        return judge_held(lock_rules(sorted(set(series_ids)), by_clock=at is not None), at=at)


def judge_held(held: Held | None, *, at: datetime | None) -> int:
    """The same for states that the caller's transaction holds."""
    cases = lock_cases(held, at=at)
    rules = Rule.objects.select_related("metric").order_by().in_bulk({case.rule_id for case in cases})
    verdicts = [verdict_on(case, rules[case.rule_id], at=at) for case in cases]
    settle(verdicts, rules, at=at)
    if unfinished := {case.series_id for case in cases if not case.is_finished()}:
        publish("telemetry.tasks.readings_arrived", series=sorted(unfinished))
    return sum(len(verdict.changes) for verdict in verdicts)


def verdict_on(case: Case, rule: Rule, *, at: datetime | None) -> Verdict:
    """Moves the case on: its readings, and with `at` the time after them."""
    limits = rule.limits(expected_interval_s=case.expected_interval_s)
    standing = case.standing
    verdict = Verdict(case, limits, standing.since if standing.state in ALARM and not case.is_told else None)
    if limits.kind == Kind.STALE:
        for arrival in case.readings:
            case.standing, verdict.changes = hear(limits, case.standing, arrival)
    else:
        if case.kept_at:
            kept = zip(case.kept_at, case.kept_values, strict=True)
            standing = standing._replace(memory=remember(limits, standing.memory, kept))
        case.standing, verdict.changes = judge(limits, standing, case.readings)
    if at is not None and case.is_finished() and at > case.received_at:
        case.standing, brought = pass_time(limits, case.standing, to=at - case.lag(limits))
        verdict.changes += brought
    return verdict


def settle(verdicts: Sequence[Verdict], rules: Mapping[uuid.UUID, Rule], *, at: datetime | None) -> None:
    """What of it is told, and where everything stands now."""
    told = [one for one in verdicts if one.is_open_question or (one.case.is_told and one.changes)]
    series = series_of(told, rules) if told else {}
    questions = [one for one in told if one.is_open_question]
    suppressor = Suppressor([(one.case, earliest(one)) for one in questions], rules, series, at)
    news = [item for one in told for item in news_of(one, suppressor, at=at)]
    for verdict in verdicts:
        plan(verdict, at=at)
    save((one.case, one.limits) for one in verdicts)
    tell(news, rules, series, suppressor)


def series_of(verdicts: Sequence[Verdict], rules: Mapping[uuid.UUID, Rule]) -> Mapping[int, Series]:
    """Their keys and those of their machines; all of them, and the sites, where a rule keeps hours."""
    rows = Series.objects.order_by()
    if any(rule.weekly_hours is not None for rule in rules.values()):
        rows = rows.select_related("equipment__location__site")
    else:
        rows = rows.select_related("equipment").only("equipment__parent", "metric", "gateway")
    return rows.in_bulk({one.case.series_id for one in verdicts})


def earliest(verdict: Verdict) -> datetime:
    begins = [change.at for change in verdict.changes if change.begins]
    return min([verdict.began, *begins] if verdict.began else begins)


def news_of(verdict: Verdict, suppressor: Suppressor, *, at: datetime | None) -> list[News]:
    """The alarms of one case that begin and end, suppressed ones left out."""
    case, news = verdict.case, []
    standing: Change | None = None
    if verdict.began is not None:
        standing = Change(verdict.began, State.NORMAL, State.FIRING, case.standing.last_value, None)
    for change in verdict.changes:
        if change.begins:
            standing = change
        if change.begins or change.ends:
            if standing is not None and not case.is_told and change.ends:
                news += begin(verdict, standing, suppressor, by=change.at)
            if change.ends:
                if case.is_told:
                    news.append(News(case, verdict.limits, change, change.at))
                case.is_told, case.suppressed_by, case.suppressed_until, standing = False, "", None, None
    if standing is not None and not case.is_told:
        news += begin(verdict, standing, suppressor, by=at or case.standing.last_at or standing.at)
    return news


def begin(verdict: Verdict, change: Change, suppressor: Suppressor, *, by: datetime) -> list[News]:
    """That the alarm is on, unless something still holds it back at the moment `by`."""
    case = verdict.case
    hold = suppressor.hold(case, change.at)
    if hold is not None and hold.lasts_to(by):
        case.suppressed_by, case.suppressed_until = hold
        return []
    case.is_told, case.suppressed_by, case.suppressed_until = True, "", None
    return [News(case, verdict.limits, change, hold.until if hold and hold.until else change.at)]


def plan(verdict: Verdict, *, at: datetime | None) -> None:
    """When the sweep must look next. The moment noted may be too early, so that most updates leave it alone.

    What is held back is looked at by every sweep, but after what has waited longer: those that are held back in
    thousands must not keep the sweep from what is due.
    """
    case = verdict.case
    due = next_due(case, verdict.limits)
    if case.suppressed_by:
        case.due_at = max(case.received_at, at) if at else case.received_at
    elif case.due_at is None or due is None or due < case.due_at or (at is not None and case.due_at <= at):
        case.due_at = due


def tell(
    news: list[News], rules: Mapping[uuid.UUID, Rule], series: Mapping[int, Series], suppressor: Suppressor
) -> None:
    """The signals, machine by machine: receivers lock machines, and two workers must do it in the same order."""
    for case, limits, change, at in sorted(news, key=lambda one: (series[one.case.series_id].equipment_id, one.at)):
        rule, line = rules[case.rule_id], series[case.series_id]
        because = reason(limits, change, name=rule.metric.name, unit=rule.metric.unit)
        facts = {
            "rule": rule, "series": line, "version": case.version, "at": at,
            "reading": StoredReading(change.at, change.value),
        }  # fmt: skip
        if change.ends:
            rule_cleared.send(sender=Rule, **facts, because=because, reason=Cleared.RECOVERED)
        else:
            rule_fired.send(sender=Rule, **facts, because=because + suppressor.words(case))


def out_of_scope() -> list[RuleState]:
    """The states of machines that were deleted or moved to another category, held, machine by machine.

    Those that watch nothing and have nothing to tell are deleted at once.
    """
    ids = [pk for (pk,) in rows_of(OUT_OF_SCOPE_SQL, [])]
    states = RuleState.objects.filter(pk__in=ids)
    told = list(states.filter(is_told=True).select_related("rule__metric", "series__equipment", "series__metric"))
    states.filter(is_told=False).delete()
    return sorted(told, key=lambda state: ids.index(state.pk))


def close(state: RuleState, *, at: datetime) -> int:
    """Ends the episode of a state that is out of scope."""
    with transaction.atomic():
        state.tell_cleared(Cleared.OUT_OF_SCOPE, at=at)
        state.delete()
    return 1
