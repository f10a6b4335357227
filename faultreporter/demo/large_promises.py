"""The clocks of the benchmark fleet's orders: business time counted by the database, for all orders at once."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from psycopg.types.json import Jsonb

from locations.models import BusinessCalendar
from workorders.models import SlaPolicy
from workorders.sla import ClockKind, Terms

ZONE = ZoneInfo("Europe/Berlin")
LONGEST_TARGET = timedelta(days=60)

# What is promised per priority, and when its clock runs: each stretch with how much ran before it.
TABLES = """
CREATE TEMPORARY TABLE large_terms (priority text PRIMARY KEY, terms jsonb, response interval, response_warn interval,
                                    restore interval, restore_warn interval) ON COMMIT DROP;
CREATE TEMPORARY TABLE large_hours (priority text, opens timestamptz, closes timestamptz, before interval,
                                    PRIMARY KEY (priority, opens), UNIQUE (priority, before)) ON COMMIT DROP
"""
# The first instant by which so much has been counted.
COUNTING = """
CREATE OR REPLACE FUNCTION pg_temp.large_after(wanted text, since timestamptz, amount interval) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT opens + (spent + amount - before)
    FROM (
        SELECT before + (least(since, closes) - opens) AS spent FROM large_hours
        WHERE priority = wanted AND opens <= since ORDER BY opens DESC LIMIT 1
    ) begun, large_hours
    WHERE priority = wanted AND before < spent + amount ORDER BY before DESC LIMIT 1
$$
"""
TERMS = """
INSERT INTO large_terms VALUES (%(priority)s, %(terms)s, %(response)s, %(response_warn)s, %(restore)s, %(restore_warn)s)
"""
HOURS = """
INSERT INTO large_hours
SELECT %(priority)s, opens, closes, sum(closes - opens) OVER (ORDER BY opens) - (closes - opens)
FROM unnest(%(opens)s::timestamptz[], %(closes)s::timestamptz[]) AS span (opens, closes)
"""


def statements(*, since: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the orders raised from then on are promised, by the policies that hold everywhere."""
    yield TABLES, {}
    yield COUNTING, {}
    hours = BusinessCalendar.objects.hours_of(None, zone=ZONE)
    for policy in SlaPolicy.objects.living().filter(site=None):
        terms = policy.terms(hours)
        yield TERMS, {"priority": policy.priority, "terms": Jsonb(terms.as_json()), **targets(terms)}
        opens, closes = zip(*terms.hours.pieces(since, timezone.now() + LONGEST_TARGET), strict=True)
        yield HOURS, {"priority": policy.priority, "opens": list(opens), "closes": list(closes)}


def targets(terms: Terms) -> dict[str, timedelta | None]:
    found: dict[str, timedelta | None] = {}
    for kind in ClockKind:
        minutes = terms.minutes(kind)
        target = timedelta(minutes=minutes) if minutes else None
        found |= {kind.lower(): target, f"{kind.lower()}_warn": target and target * terms.warn_percent / 100}
    return found
