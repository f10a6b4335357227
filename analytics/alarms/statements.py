"""What began in a period, counted by PostgreSQL: every answer is one statement."""

from typing import Any, Final

from django.db import connection
from django.db.models import F
from django.db.models.functions import Coalesce

from alerts.models import AlertQuerySet
from analytics.alarms.figures import (
    ACTORS,
    CHATTER_BEGINS,
    CHATTER_WITHIN,
    FLEETING_WITHIN,
    FLOOD_OVER,
    FLOOD_WINDOW,
    STANDING_AFTER,
    Period,
)
from faultreporter.db import named_sql

Data = dict[str, Any]

COLUMNS: Final = (
    "id", "equipment_id", "rule_id", "storm_id", "source", "severity", "status", "title", "fingerprint", "resolution",
    "occurred_at", "acknowledged_at", "resolved_at",
)  # fmt: skip

# `next` is what happened to the alert next: if that is the recovery, nobody has done anything before. Begins of the
# hour before the period are looked at, too, so that chattering doesn't depend on where a period is cut.
BEGUN: Final = f"""
WITH seen ({", ".join(COLUMNS)}, rule_since, site_id) AS NOT MATERIALIZED ({{alerts}}),
begun AS MATERIALIZED (
    SELECT
        seen.*, line.at,
        line.kind = 'RAISED' AS is_raised,
        line.kind = 'RAISED' AND seen.resolution <> 'DUPLICATE' AS is_judged,
        line.at >= rule_since AS is_current,
        CASE WHEN next.kind = 'CLEARED' AND next.data ->> 'reason' = 'RECOVERED'
            THEN extract(epoch FROM next.at - line.at)::float8 END AS recovered_s,
        extract(epoch FROM line.at - lag(line.at) OVER alarm)::float8 AS gap_s,
        coalesce(line.at - lag(line.at, {CHATTER_BEGINS - 1}) OVER alarm <= %(chatter)s, false) AS is_chattering
    FROM alert_events AS line
    JOIN seen ON seen.id = line.alert_id
    LEFT JOIN LATERAL (
        SELECT kind, at, data FROM alert_events AS later
        WHERE later.alert_id = line.alert_id AND (later.at, later.id) > (line.at, line.id)
            AND later.kind IN ('CLEARED', 'ACKNOWLEDGED', 'WORK_ORDER', 'RESOLVED', 'DISMISSED')
        ORDER BY later.at, later.id LIMIT 1
    ) AS next ON seen.source = 'RULE'
    WHERE line.kind IN ('RAISED', 'FIRED_AGAIN') AND line.at >= %(start)s::timestamptz - %(chatter)s
        AND line.at < %(known_until)s
    WINDOW alarm AS (PARTITION BY seen.fingerprint ORDER BY line.at, line.id)
),
told AS NOT MATERIALIZED (SELECT * FROM begun WHERE at >= %(start)s),
timed AS NOT MATERIALIZED (
    SELECT *,
        -- greatest() would make 0 of an answer that never came
        CASE WHEN is_judged AND coalesce(acknowledged_at, resolved_at) IS NOT NULL
            THEN greatest(0, extract(epoch FROM coalesce(acknowledged_at, resolved_at) - at)::float8) END AS answer_s,
        CASE WHEN is_judged AND resolved_at IS NOT NULL
            THEN greatest(0, extract(epoch FROM resolved_at - at)::float8) END AS resolve_s
    FROM told
),
standing AS NOT MATERIALIZED (
    SELECT rule_id, equipment_id FROM seen
    WHERE occurred_at <= %(known_until)s::timestamptz - %(standing)s
        AND (status IN ('OPEN', 'ACKNOWLEDGED') OR (status = 'RESOLVED' AND resolved_at > %(known_until)s))
)
"""  # noqa: S608 - made of our own constants

MEASURES: Final = """
    count(*) AS begins,
    count(*) FILTER (WHERE is_raised) AS alerts,
    count(*) FILTER (WHERE is_raised AND storm_id IS NOT NULL) AS in_storm,
    count(*) FILTER (WHERE source = 'RULE') AS of_rules,
    count(DISTINCT fingerprint) AS alarms,
    count(recovered_s) AS recovered,
    count(*) FILTER (WHERE recovered_s <= %(fleeting_s)s) AS fleeting,
    max(recovered_s) FILTER (WHERE recovered_s <= %(fleeting_s)s) AS longest_fleeting_s,
    count(*) FILTER (WHERE is_chattering) AS chattering,
    count(DISTINCT fingerprint) FILTER (WHERE is_chattering) AS chattering_alarms,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY gap_s) FILTER (WHERE is_chattering) AS chatter_gap_s,
    count(*) FILTER (WHERE is_judged) AS judged,
    count(answer_s) AS answered,
    count(*) FILTER (
        WHERE is_judged AND answer_s IS NULL AND at <= %(known_until)s::timestamptz - %(standing)s
    ) AS unanswered,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY answer_s) AS answer_median_s,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY answer_s) AS answer_p90_s,
    count(resolve_s) AS resolved,
    count(*) FILTER (WHERE is_judged AND resolution = 'FALSE_ALARM') AS false_alarms,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY resolve_s) AS resolve_median_s,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY resolve_s) AS resolve_p90_s,
    max(at) AS last_at
"""

WHOLE: Final = f"""
SELECT json_build_object(
    'load', (SELECT row_to_json(one) FROM (SELECT {MEASURES} FROM timed) AS one),
    'standing', (SELECT count(*) FROM standing),
    'severities', (SELECT json_object_agg(severity, n) FROM
        (SELECT severity, count(*) AS n FROM told GROUP BY 1) AS one),
    'sources', (SELECT json_object_agg(source, n) FROM (SELECT source, count(*) AS n FROM told GROUP BY 1) AS one),
    'days', (SELECT json_agg(json_build_array(day, severity, n)) FROM
        (SELECT (at AT TIME ZONE %(zone)s)::date AS day, severity, count(*) AS n FROM told GROUP BY 1, 2) AS one),
    'floods', (SELECT json_build_object('windows', count(*) FILTER (WHERE n > {FLOOD_OVER}), 'peak', max(n),
            'peak_at', min(starts_at) FILTER (WHERE n = most)) FROM
        (SELECT *, max(n) OVER () AS most FROM
            (SELECT date_bin(%(window)s, at, %(start)s) AS starts_at, count(*) AS n FROM told GROUP BY 1) AS each
        ) AS one),
    'sites', (SELECT json_agg(json_build_array(site_id, n)) FROM
        (SELECT site_id, count(*) AS n FROM told GROUP BY 1) AS one),
    'actors', (SELECT json_agg(row_to_json(one)) FROM
        (SELECT rule_id, equipment_id, source, min(title) AS title, count(*) AS begins, max(at) AS last_at
            FROM told GROUP BY fingerprint, rule_id, equipment_id, source
            ORDER BY begins DESC, last_at DESC, fingerprint LIMIT {ACTORS}) AS one)
)
"""  # noqa: S608 - made of our own constants

BY_RULE: Final = f"""
SELECT json_build_object(
    'loads', (SELECT json_agg(row_to_json(one)) FROM
        (SELECT rule_id AS key, CASE WHEN grouping(is_current) = 0 THEN is_current END AS is_current, {MEASURES}
            FROM timed WHERE rule_id IS NOT NULL
            GROUP BY GROUPING SETS ((rule_id), (rule_id, is_current))) AS one),
    'standing', (SELECT json_object_agg(rule_id, n) FROM
        (SELECT rule_id, count(*) AS n FROM standing WHERE rule_id IS NOT NULL GROUP BY 1) AS one)
)
"""  # noqa: S608 - made of our own constants

BY_MACHINE: Final = f"""
SELECT json_build_object(
    'loads', (SELECT json_agg(row_to_json(one)) FROM
        (SELECT equipment_id AS key, {MEASURES} FROM timed GROUP BY 1) AS one),
    'standing', (SELECT json_object_agg(equipment_id, n) FROM
        (SELECT equipment_id, count(*) AS n FROM standing GROUP BY 1) AS one)
)
"""  # noqa: S608 - made of our own constants


def counted(alerts: AlertQuerySet, period: Period, select: str) -> Data:
    """The answer of one of the statements above about these alerts in this period."""
    site = Coalesce("equipment__location__site", "equipment__location")
    rows = alerts.order_by().values_list(*COLUMNS, F("rule__effective_from"), site)
    seen, known = named_sql(rows)
    with connection.cursor() as cursor:
        cursor.execute(BEGUN.format(alerts=seen) + select, known | limits(period))
        (answer,) = cursor.fetchone()
    found: Data = answer
    return found


def limits(period: Period) -> Data:
    return {
        "start": period.start,
        "known_until": period.known_until,
        "zone": period.zone.key,
        "chatter": CHATTER_WITHIN,
        "fleeting_s": FLEETING_WITHIN.total_seconds(),
        "standing": STANDING_AFTER,
        "window": FLOOD_WINDOW,
    }
