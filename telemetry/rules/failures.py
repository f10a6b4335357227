"""What can't be judged is left out, told and tried again, and doesn't keep the rest from being judged.

Series are judged together. Where that goes wrong, they are parted: rule by rule, then in halves of the series, each
part in a transaction of its own, until what fails is alone. Its state is marked (`failing_since`, `last_error`) and
left out of what is judged from then on. The sweep tries the marked ones again, a rule's all together first, and takes
the mark off what goes well; an edit of the rule begins anew anyhow.

What concerns everybody, such as a lost connection or a deadlock, is no failure of a rule. It goes up, and all of it is
done again.
"""

import uuid
from collections import deque
from collections.abc import Sequence
from datetime import datetime

import psycopg
import structlog
from django.db import InterfaceError, OperationalError
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext

from faultreporter.accounts.models import User
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from faultreporter.notifications.models import Notification
from faultreporter.notifications.services import notify
from telemetry.models import Rule, RuleState
from telemetry.models.rule_states import LONGEST_ERROR, RuleStateQuerySet
from telemetry.rules import evaluation, standings
from telemetry.rules.standings import Part, rows_of

log = structlog.get_logger(__name__)

CONCERNS_ALL = (OperationalError, InterfaceError, psycopg.OperationalError, MemoryError)
MOST_ATTEMPTS = 100
"""So often a run parts what fails. If more fails than that finds, the good ones among it wait for the next sweeps."""
TRIED_AGAIN = 1_000

FAILING_SQL = """
SELECT rule_id, array_agg(series_id ORDER BY series_id)
FROM (
    SELECT rule_id, series_id, failed_at FROM iot_rule_states WHERE failing_since IS NOT NULL
    ORDER BY failed_at, id LIMIT %s
) longest_ago
GROUP BY rule_id ORDER BY min(failed_at), rule_id"""


def evaluate(series: Sequence[int], *, at: datetime | None = None) -> int:
    """`evaluation.evaluate` in a transaction, and in several where a rule can't be judged."""
    try:
        with acting(by=None, source=AuditLog.Source.TASK):
            return evaluation.evaluate(series, at=at)
    except CONCERNS_ALL:
        raise
    except Exception:
        log.warning("judged_apart", series=len(series), exc_info=True)
    return judge_apart([Part(rule, sorted(series)) for rule in standings.rules_watching(series)], at=at)


def try_again(*, at: datetime) -> int:
    """What couldn't be judged, those first that were tried longest ago."""
    return judge_apart(
        [Part(rule, series, failing=True) for rule, series in rows_of(FAILING_SQL, [TRIED_AGAIN])], at=at
    )


def judge_apart(parts: Sequence[Part], *, at: datetime | None) -> int:
    changes, attempts, waiting = 0, 0, deque(parts)
    while waiting:
        part, attempts = waiting.popleft(), attempts + 1
        try:
            changes += judge(part, at=at)
        except CONCERNS_ALL:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            if len(part.series) > 1 and attempts <= MOST_ATTEMPTS:
                half = len(part.series) // 2
                waiting.append(part._replace(series=part.series[:half]))
                waiting.append(part._replace(series=part.series[half:]))
            else:
                mark(part, error)
    return changes


def judge(part: Part, *, at: datetime | None) -> int:
    with acting(by=None, source=AuditLog.Source.TASK):
        held = standings.lock_part(part)
        changes = evaluation.judge_held(held, at=at)
        if held and part.failing:
            RuleState.objects.filter(pk__in=held.states).update(failing_since=None, failed_at=None, last_error="")
            log.info("rule_judged_again", rule=str(part.rule), series=part.series[:20])
    return changes


def states_of(part: Part) -> RuleStateQuerySet:
    states = RuleState.objects.filter(rule=part.rule, series__in=part.series)
    return states.failing() if part.failing else states.filter(failing_since=None)


def mark(part: Part, error: Exception) -> None:
    """Notes that it can't be judged, and tells of what is new."""
    with acting(by=None, source=AuditLog.Source.TASK):
        if not part.failing:
            standings.lock_part(part)  # so that there are states to note it on
        note(states_of(part), part, error)


def note(states: RuleStateQuerySet, part: Part, error: Exception) -> None:
    now = timezone.now()
    said = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_ERROR]
    noted = states.update(failing_since=Coalesce("failing_since", now), failed_at=now, last_error=said)
    if noted and not part.failing:
        log.error("rule_not_judged", rule=str(part.rule), series=part.series[:20], states=noted, exc_info=error)
        tell(part.rule, said, at=now)


def close_out_of_scope(*, at: datetime) -> int:
    """`evaluation.close_out_of_scope`, machine by machine; what can't be told is noted and stays for the next sweep."""
    closed = 0
    with acting(by=None, source=AuditLog.Source.TASK):
        for state in evaluation.out_of_scope():
            try:
                closed += evaluation.close(state, at=at)
            except CONCERNS_ALL:
                raise
            except Exception as error:  # noqa: BLE001 - as above
                part = Part(state.rule_id, [state.series_id], failing=state.failing_since is not None)
                note(RuleState.objects.filter(pk=state.pk), part, error)
    return closed


def tell(rule_id: uuid.UUID, said: str, *, at: datetime) -> None:
    """The administrators, once a day for each version of a rule."""
    rule = Rule.objects.get(pk=rule_id)
    body = gettext(
        "The alarm rule “%(title)s” can't be judged on some machines: no alarm begins or ends there until it can. It "
        "is tried again every half minute. %(error)s"
    )
    notify(
        people=User.objects.admins(), kind=Notification.Kind.SYSTEM, subject=rule,
        title=gettext("An alarm rule can't be judged"), body=body % {"title": rule.title, "error": said},
        severity=Notification.Severity.HIGH, key=f"rule-failing:{rule.pk}:{rule.version}:{at.date()}", at=at,
    )  # fmt: skip
