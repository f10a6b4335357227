"""What turned out to be wrong with the machines that were asked about, for any number of analyses at once.

The truth of an analysis is what the last completed order found that came after the question: the order made of the
answer, one of its alert, or one that such an order or alert was a duplicate of. Until there is one it is the mode that
the reviewer named instead of the answer's.
"""

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from aiassist.accuracy import Accuracy, Effort, Source, Tally, accuracies
from aiassist.models import Analysis
from aiassist.providers import registry
from faultreporter.db import named_sql

# asked: the analyses. standing: their alerts, and those they were merged into. orders: what was done about them.
OUTCOMES: Final = """
WITH RECURSIVE asked(id, alert_id, created_at) AS ({asked}),
standing(analysis_id, alert_id) AS (
    SELECT id, alert_id FROM asked WHERE alert_id IS NOT NULL
    UNION
    SELECT standing.analysis_id, alerts.duplicate_of_id
    FROM standing JOIN alerts ON alerts.id = standing.alert_id
    WHERE alerts.duplicate_of_id IS NOT NULL
),
orders(analysis_id, order_id) AS (
    (SELECT standing.analysis_id, work_orders.id
     FROM standing JOIN work_orders ON work_orders.alert_id = standing.alert_id
     UNION ALL
     SELECT asked.id, ai_reviews.work_order_id
     FROM asked JOIN ai_reviews ON ai_reviews.analysis_id = asked.id
     WHERE ai_reviews.work_order_id IS NOT NULL)
    UNION
    SELECT orders.analysis_id, links.other_id
    FROM orders JOIN work_order_relations AS links ON links.order_id = orders.order_id AND links.kind = 'DUPLICATE_OF'
),
found AS (
    SELECT DISTINCT ON (asked.id)
        asked.id AS analysis_id, done.id AS order_id, done.number, done.failure_mode_id, done.failure_cause_id
    FROM asked
    JOIN orders ON orders.analysis_id = asked.id
    JOIN work_orders AS done ON done.id = orders.order_id
    WHERE done.deleted_at IS NULL
        AND done.status IN ('COMPLETED', 'CLOSED')
        AND done.completed_at >= asked.created_at
        AND (done.failure_mode_id IS NOT NULL OR done.no_failure_found)
    ORDER BY asked.id, done.completed_at DESC, done.id
),
outcomes AS (
    SELECT
        asked.id AS analysis_id,
        found.order_id,
        found.number,
        CASE WHEN found.order_id IS NOT NULL THEN coalesce(seen.code, '') ELSE said.code END AS truth,
        causes.code AS cause,
        reviews.verdict,
        reviews.severity AS judged_severity
    FROM asked
    LEFT JOIN found ON found.analysis_id = asked.id
    LEFT JOIN failure_modes AS seen ON seen.id = found.failure_mode_id
    LEFT JOIN failure_causes AS causes ON causes.id = found.failure_cause_id
    LEFT JOIN ai_reviews AS reviews ON reviews.analysis_id = asked.id
    LEFT JOIN failure_modes AS said ON said.id = reviews.failure_mode_id
)
"""

ONE_BY_ONE: Final = (
    "SELECT analysis_id, nullif(truth, ''), cause, order_id, number FROM outcomes WHERE truth IS NOT NULL"
)

# `named` is the mode that the answer puts first. Grouped by it and the truth, a year is some hundred rows.
TALLIES: Final = """,
answers AS MATERIALIZED (  -- so that the long answers are read once, and not sorted
    SELECT
        id, provider, model_name, prompt_version, severity, needs_review, dropped_citations,
        coalesce(result #>> '{issues,0,failure_mode}', '') AS named,
        ARRAY[
            result #>> '{issues,0,failure_mode}',
            result #>> '{issues,1,failure_mode}',
            result #>> '{issues,2,failure_mode}'
        ] AS top_3,
        jsonb_array_length(result -> 'issues') = 0 AS found_nothing,
        result ->> 'not_assessable_reason' IS NOT NULL AS not_assessable
    FROM ai_analyses JOIN asked USING (id)
    WHERE status = 'SUCCEEDED'
)
SELECT
    provider, model_name, prompt_version, named, truth,
    count(*),
    count(*) FILTER (WHERE truth = ANY(top_3)),
    count(*) FILTER (WHERE CASE WHEN truth = '' THEN found_nothing AND NOT not_assessable ELSE truth = named END),
    count(*) FILTER (WHERE found_nothing OR not_assessable),
    count(*) FILTER (WHERE needs_review),
    sum(dropped_citations)::bigint,
    count(*) FILTER (WHERE verdict = 'ACCEPTED'),
    count(*) FILTER (WHERE verdict = 'EDITED'),
    count(*) FILTER (WHERE verdict = 'REJECTED'),
    count(*) FILTER (WHERE verdict <> 'REJECTED' OR judged_severity <> ''),
    count(*) FILTER (WHERE judged_severity = severity OR (verdict <> 'REJECTED' AND judged_severity = ''))
FROM answers JOIN outcomes ON outcomes.analysis_id = answers.id
WHERE (%(provider)s = '' OR provider = %(provider)s)
    AND (%(model)s = '' OR model_name = %(model)s)
    AND (%(prompt_version)s = '' OR prompt_version = %(prompt_version)s)
    AND (%(failure_mode)s = '' OR %(failure_mode)s IN (named, truth))
GROUP BY 1, 2, 3, 4, 5
"""
# Of the ledger: who failed before another one answered was asked, too. A skipped provider was not.
EFFORTS: Final = """
SELECT
    calls.provider, calls.model_name, calls.prompt_version,
    count(DISTINCT calls.analysis_id),
    count(*) FILTER (WHERE calls.outcome <> 'REUSED'),
    count(*) FILTER (WHERE calls.outcome <> 'REUSED' AND calls.cost_micro_usd IS NULL AND calls.provider <> %(free)s),
    sum(CASE WHEN calls.provider = %(free)s THEN 0 ELSE calls.cost_micro_usd END)::bigint,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM calls.finished_at - calls.started_at)::float8)
        FILTER (WHERE calls.outcome = 'ANSWERED')
FROM asked
JOIN ai_attempts AS calls ON calls.analysis_id = asked.id
JOIN ai_analyses ON ai_analyses.id = asked.id
LEFT JOIN outcomes ON outcomes.analysis_id = asked.id
WHERE calls.outcome <> 'SKIPPED'
    AND (%(provider)s = '' OR calls.provider = %(provider)s)
    AND (%(model)s = '' OR calls.model_name = %(model)s)
    AND (%(prompt_version)s = '' OR calls.prompt_version = %(prompt_version)s)
    AND (%(failure_mode)s = '' OR %(failure_mode)s IN (result #>> '{issues,0,failure_mode}', truth))
GROUP BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Truth:
    """What was found: a mode's code, None where nothing was wrong; and the order that found it, if one did."""

    failure_mode: str | None
    failure_cause: str | None
    work_order_id: UUID | None
    number: str | None


def truths(analyses: QuerySet[Analysis]) -> dict[UUID, Truth]:
    """Analysis -> what turned out to be wrong; those of which nobody knows are left out. One query."""
    return {row[0]: Truth(*row[1:]) for row in rows_of(analyses, ONE_BY_ONE)}


def measure(
    analyses: QuerySet[Analysis], *, provider: str = "", model: str = "", prompt_version: str = "",
    failure_mode: str = "",
) -> list[Accuracy]:  # fmt: skip
    """How good the answers to these questions were, by who gave them. Two queries.

    `failure_mode` leaves the answers that name the mode first, and those where it turned out to be the one.
    """
    about = {"provider": provider, "model": model, "prompt_version": prompt_version, "failure_mode": failure_mode}
    about["free"] = registry.RULEBOOK
    tallies = [Tally(Source(*row[:3]), *row[3:]) for row in rows_of(analyses, TALLIES, **about)]
    efforts = [Effort(Source(*row[:3]), *row[3:]) for row in rows_of(analyses, EFFORTS, **about)]
    return accuracies(tallies, efforts)


def rows_of(analyses: QuerySet[Analysis], select: str, **about: str) -> list[tuple[Any, ...]]:
    """The rows of a statement over the outcomes of these analyses."""
    asked, known = named_sql(analyses.order_by().values_list("id", "alert_id", "created_at"))
    with connection.cursor() as cursor:
        cursor.execute(OUTCOMES.format(asked=asked) + select, known | about)
        return list(cursor.fetchall())
