"""A fleet for benchmarks, made by the database itself: 3,000 machines, 100 k alerts, 50 k orders, 5 M readings.

Every value follows from its row number, so two databases filled like this hold the same. The words of the alerts and
what was found are made up in `faultreporter.demo.reports`; the readings have nothing to do with either.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from faultreporter.demo import large_promises
from faultreporter.demo.reports import reports

METRICS = ("temperature", "vibration", "pressure", "current", "humidity")
CATEGORIES = ("CHILLER", "AHU", "PUMP", "BOILER", "GENERATOR", "ELEVATOR", "FAN-COIL", "TRANSFORMER")
REPORTS_OF_A_KIND = 4_000
ROWS_AT_ONCE, SAMPLES_AT_ONCE = 10_000, 50
ALERT_EVERY, SAMPLED_EVERY = timedelta(minutes=7), timedelta(minutes=43)


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything; at least two alerts for an order, and machines enough that no breakdowns overlap."""

    machines: int = 3_000
    alerts: int = 100_000
    orders: int = 50_000
    sensors: int = 1_000
    samples: int = 1_000


# A deterministic id for row g of a kind: md5('l7') is a UUID to PostgreSQL.
PLACES = """
INSERT INTO locations (id, created_at, updated_at, kind, code, name, description, floor_level, address, time_zone,
                       open_to_all, parent_id, site_id)
SELECT md5('site')::uuid, now(), now(), 'SITE', 'LARGE', 'Large campus', '', NULL::int, '', 'Europe/Berlin', true, NULL::uuid,
       NULL::uuid
UNION ALL
SELECT md5('building' || b)::uuid, now(), now(), 'BUILDING', 'L-' || b, 'Building ' || b, '', NULL, '', '', true,
       md5('site')::uuid, md5('site')::uuid FROM generate_series(1, 20) b
UNION ALL
SELECT md5('floor' || b || '.' || f)::uuid, now(), now(), 'FLOOR', 'L-' || b || '-' || f, 'Floor ' || f, '', f, '', '',
       true, md5('building' || b)::uuid, md5('site')::uuid FROM generate_series(1, 20) b, generate_series(0, 4) f
UNION ALL
SELECT md5('room' || b || '.' || f || '.' || r)::uuid, now(), now(), 'ROOM', 'L-' || b || '-' || f || '-' || r,
       'Room ' || f || '.' || r, '', f, '', '', true, md5('floor' || b || '.' || f)::uuid, md5('site')::uuid
FROM generate_series(1, 20) b, generate_series(0, 4) f, generate_series(1, 6) r
"""
EQUIPMENT = """
INSERT INTO equipment (id, created_at, updated_at, equipment_code, equipment_name, description, status, asset_number,
                       manufacturer, model, serial_number, metadata, criticality, installed_date, qr_token, category_id,
                       location_id)
SELECT md5('e' || g)::uuid, now() - g * interval '47 minutes', now() - g * interval '20 minutes',
       'EQ-' || lpad(g::text, 6, '0'),
       (ARRAY['Chiller unit','Air handler','Pump','Boiler','Generator','Lift','Fan coil','Transformer'])[1 + g %% 8]
           || ' ' || g,
       'Serves zone ' || g %% 50 || '. Inspected quarterly.', 'ONLINE', 'AST-L' || g,
       (ARRAY['Frostwerk','Hydrova','Ventoria','Voltara','Aufwind'])[1 + g %% 5], 'M-' || g %% 300, 'SN' || md5(g::text),
       jsonb_build_object('power_kw', (g %% 500) / 10.0),
       (ARRAY['LOW','MEDIUM','HIGH','CRITICAL'])[1 + g %% 4], current_date - 900 - g %% 3000, 'large-' || md5('qr' || g),
       (SELECT id FROM equipment_categories WHERE code = (%(categories)s::text[])[1 + g %% 8]),
       md5('room' || 1 + g %% 20 || '.' || g / 20 %% 5 || '.' || 1 + g / 100 %% 6)::uuid
FROM generate_series(1, %(machines)s) g
"""
REPORTS = """
CREATE TEMPORARY TABLE large_reports (category text, number int, title text, description text, found text,
                                      nothing_found boolean, PRIMARY KEY (category, number)) ON COMMIT DROP
"""
REPORT_ROWS = """
INSERT INTO large_reports
SELECT %(category)s, n - 1, title, description, found, nothing_found
FROM unnest(%(titles)s::text[], %(descriptions)s::text[], %(found)s::text[], %(nothing)s::boolean[])
     WITH ORDINALITY AS r (title, description, found, nothing_found, n)
"""
# Alert g: what was said, any of its kind's reports, in every fourth one like what this machine often has; and when it was
# seen to. Every second alert has an order. What takes longer than there was time for isn't done yet, and often not begun.
SAID = """
CREATE TEMPORARY TABLE large_said ON COMMIT DROP AS
SELECT g AS alert, at, machine, r.title, r.description, r.nothing_found, f.id AS failure_mode_id, severity,
       CASE WHEN ordered THEN (g + 1) / 2 END AS number, raised_at,
       CASE WHEN done_at < now() OR started_at < now() AND pick %% 2 = 0 THEN started_at END AS started_at,
       CASE WHEN done_at < now() THEN done_at END AS done_at, ordered OR pick %% 2 = 0 AS seen, pick
FROM generate_series(1, %(alerts)s) g
     CROSS JOIN LATERAL (SELECT 1 + g %% %(machines)s AS machine,
                                now() - interval '6 hours' - g * %(every)s AS at) m
     CROSS JOIN LATERAL (SELECT ('x' || substr(md5('r' || g), 1, 7))::bit(28)::int AS pick,
                                ('x' || substr(md5('m' || machine), 1, 7))::bit(28)::int AS often,
                                ('x' || md5('o' || (g + 1) / 2))::bit(1)::int = g %% 2 AND (g + 1) / 2 <= %(orders)s AS ordered,
                                -ln(1 - ('x' || md5('s' || g))::bit(24)::int / 16777216.0) AS till_started,
                                -ln(1 - ('x' || md5('d' || g))::bit(24)::int / 16777216.0) AS till_done) h
     JOIN (VALUES (0, 'LOW', interval '20 hours', interval '6 days'), (1, 'MEDIUM', '4 hours', '30 hours'),
                  (2, 'MEDIUM', '4 hours', '30 hours'), (3, 'HIGH', '45 minutes', '7 hours'),
                  (4, 'HIGH', '45 minutes', '7 hours'), (5, 'CRITICAL', '12 minutes', '85 minutes'))
          AS usual (n, severity, response, repair) ON n = pick / 7 %% 6
     CROSS JOIN LATERAL (SELECT at + (5 + pick %% 20) * interval '1 minute' AS raised_at) raised
     CROSS JOIN LATERAL (SELECT raised_at + till_started * response AS started_at) started
     CROSS JOIN LATERAL (SELECT started_at + interval '15 minutes'
                                + till_done * CASE WHEN ordered THEN repair ELSE '10 days' END AS done_at) done
     JOIN large_reports r ON r.category = (%(categories)s::text[])[1 + machine %% 8]
          AND r.number = (CASE WHEN pick %% 4 = 0 THEN often + pick / 4 %% 40 ELSE pick END) %% %(reports)s
     LEFT JOIN failure_modes f ON f.code = r.found AND f.deleted_at IS NULL
"""
# One breakdown of at most four hours for every alert, a week and a bit apart on each machine: no two overlap. What takes
# longer to mend runs again meanwhile.
INTERVALS = """
INSERT INTO equipment_status_log (id, created_at, updated_at, status, started_at, ended_at, reason, source,
                                  counts_as_failure, exclusion_reason, holders, held_by_hand, released_until, equipment_id)
SELECT md5('i' || alert)::uuid, at, at, 'ERROR', at, up_at, '', 'ALERT', true, '', 0, false, up_at,
       md5('e' || machine)::uuid
FROM large_said, LATERAL (SELECT least(at + interval '4 hours', done_at) AS up_at) t
WHERE alert BETWEEN %(first)s AND %(last)s
"""
ALERT_ROWS = """
INSERT INTO alerts (id, created_at, updated_at, moved_at, source, title, description, severity, status, occurred_at,
                    last_occurred_at, occurrences, fingerprint, acknowledged_at, resolved_at, resolution,
                    resolution_note, equipment_down, equipment_id, reported_by_id, downtime_id, downtime_released_at)
SELECT md5('a' || alert)::uuid, at, at, coalesce(done_at, CASE WHEN seen THEN raised_at ELSE at END), 'REPORT', title,
       description, severity,
       CASE WHEN done_at IS NOT NULL THEN 'RESOLVED' WHEN seen THEN 'ACKNOWLEDGED' ELSE 'OPEN' END, at, at, 1,
       'large-' || alert, CASE WHEN seen THEN raised_at END, done_at,
       CASE WHEN done_at IS NOT NULL THEN 'FIXED' ELSE '' END, '', true,
       md5('e' || machine)::uuid, (SELECT id FROM users WHERE role = 'REPORTER' ORDER BY id LIMIT 1),
       md5('i' || alert)::uuid, least(at + interval '4 hours', done_at)
FROM large_said WHERE alert BETWEEN %(first)s AND %(last)s
"""
ORDER_ROWS = """
INSERT INTO work_orders (id, created_at, updated_at, moved_at, number, type, priority, status, title, description,
                         assigned_at, started_at, hold_reason, completed_at, closed_at, cancel_reason, resolution, cause,
                         remedy, no_failure_found, failure_mode_id, labour_minutes, labour_cost, parts_cost, currency,
                         alert_id, assigned_to_id, completed_by_id, equipment_id, sla_terms, sla_next_at,
                         response_due_at, response_warn_at, response_warned_at, response_breached_at,
                         restore_due_at, restore_warn_at, restore_warned_at, restore_breached_at)
SELECT md5('w' || number)::uuid, raised_at, raised_at, coalesce(done_at, started_at, raised_at),
       'WO-1999-' || lpad(number::text, 6, '0'), 'CORRECTIVE', severity,
       CASE WHEN done THEN 'COMPLETED' WHEN started_at IS NOT NULL THEN 'IN_PROGRESS' WHEN given THEN 'ASSIGNED' ELSE 'OPEN' END,
       title, description, CASE WHEN given THEN raised_at + interval '1 minute' END, started_at, '', done_at, NULL, '',
       CASE WHEN done THEN 'Repaired and tested.' ELSE '' END, '', '', done AND nothing_found,
       CASE WHEN done THEN failure_mode_id END, minutes, round(minutes * 58.0 / 60, 2),
       CASE WHEN done THEN number %% 400 END, 'EUR', md5('a' || alert)::uuid, CASE WHEN given THEN technician END,
       CASE WHEN done THEN technician END, md5('e' || machine)::uuid, terms, least(response_next_at, restore_next_at),
       response_due_at, response_warn_at, CASE WHEN response_warn_at < coalesce(started_at, now()) THEN response_warn_at END,
       CASE WHEN response_due_at < coalesce(started_at, now()) THEN response_due_at END,
       restore_due_at, restore_warn_at, CASE WHEN restore_warn_at < coalesce(done_at, now()) THEN restore_warn_at END,
       CASE WHEN restore_due_at < coalesce(done_at, now()) THEN restore_due_at END
FROM large_said s JOIN large_terms promised ON promised.priority = s.severity
     CROSS JOIN LATERAL (SELECT pg_temp.large_after(severity, raised_at, response) AS response_due_at,
                                pg_temp.large_after(severity, raised_at, response_warn) AS response_warn_at,
                                pg_temp.large_after(severity, raised_at, restore) AS restore_due_at,
                                pg_temp.large_after(severity, raised_at, restore_warn) AS restore_warn_at
                         OFFSET 0) clocks  -- counted once, though they are named several times
     CROSS JOIN LATERAL (
         SELECT (SELECT min(t) FROM unnest(ARRAY[response_warn_at, response_due_at]) t
                 WHERE t >= now() AND started_at IS NULL) AS response_next_at,
                (SELECT min(t) FROM unnest(ARRAY[restore_warn_at, restore_due_at]) t
                 WHERE t >= now() AND done_at IS NULL) AS restore_next_at) next
     CROSS JOIN LATERAL (SELECT done_at IS NOT NULL AS done, started_at IS NOT NULL OR pick %% 3 > 0 AS given,
                                least(240, ceil(extract(epoch FROM done_at - started_at) / 90))::int AS minutes) told
     CROSS JOIN (SELECT array_agg(id ORDER BY id) AS people FROM users WHERE role = 'TECHNICIAN') team
     CROSS JOIN LATERAL (SELECT people[1 + pick / 3 %% cardinality(people)] AS technician) chosen
WHERE number BETWEEN %(first)s AND %(last)s
"""
# What the totals of those orders consist of.
LABOUR_ROWS = """
INSERT INTO labour_entries (id, created_at, updated_at, lump_sum, kind, minutes, capped, factor, cost, currency, note,
                            person_id, work_order_id)
SELECT md5('l' || g)::uuid, o.created_at, o.created_at, true, 'NORMAL', o.labour_minutes, false, 1, o.labour_cost,
       o.currency, '', o.assigned_to_id, o.id
FROM generate_series(%(first)s, %(last)s) g JOIN work_orders o ON o.id = md5('w' || g)::uuid
WHERE o.completed_at IS NOT NULL
"""
PART_ROWS = """
INSERT INTO part_uses (id, created_at, updated_at, lump_sum, description, quantity, from_stock, unit_cost, cost,
                       work_order_id)
SELECT md5('p' || g)::uuid, o.created_at, o.created_at, true, 'Parts', 1, false, o.parts_cost, o.parts_cost, o.id
FROM generate_series(%(first)s, %(last)s) g JOIN work_orders o ON o.id = md5('w' || g)::uuid
WHERE o.completed_at IS NOT NULL
"""
SERIES = """
INSERT INTO iot_series (equipment_id, metric_id, created_at)
SELECT md5('e' || g)::uuid, m.id, now() FROM generate_series(1, %(sensors)s) g, iot_metrics m
WHERE m.code = ANY(%(metrics)s) AND m.deleted_at IS NULL
"""
READINGS = """
INSERT INTO iot_data (series_id, recorded_at, value)
SELECT s.id, date_trunc('hour', now()) - (%(samples)s - t) * %(every)s, 20 + (s.id * 31 + t * 17) %% 100 / 10.0
FROM generate_series(%(first)s, %(last)s) t,
     (SELECT s.id FROM iot_series s JOIN equipment e ON e.id = s.equipment_id WHERE e.equipment_code LIKE 'EQ-%%') s
ORDER BY 1, 2
"""
LATEST = """
INSERT INTO iot_latest (series_id, recorded_at, value)
SELECT DISTINCT ON (d.series_id) d.series_id, d.recorded_at, d.value FROM iot_data d
JOIN iot_series s ON s.id = d.series_id JOIN equipment e ON e.id = s.equipment_id
WHERE e.equipment_code LIKE 'EQ-%%' AND d.recorded_at > now() - interval '2 hours' ORDER BY d.series_id, d.recorded_at DESC
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of the filling, with how many rows it stands for in the progress bar."""

    sql: str
    parameters: Mapping[str, Any]
    rows: int


def chunks(total: int, size: int) -> Iterator[tuple[int, int]]:
    return ((first, min(first + size - 1, total)) for first in range(1, total + 1, size))


def steps(size: Size) -> Iterator[Step]:
    fleet = {"machines": size.machines, "categories": list(CATEGORIES)}
    yield Step(REPORTS, {}, 0)
    for category in CATEGORIES:
        yield Step(REPORT_ROWS, report_columns(category), 0)
    yield Step(
        SAID,
        {**fleet, "alerts": size.alerts, "orders": size.orders, "reports": REPORTS_OF_A_KIND, "every": ALERT_EVERY},
        0,
    )
    for statement, parameters in large_promises.statements(since=timezone.now() - (size.alerts + 1_000) * ALERT_EVERY):
        yield Step(statement, parameters, 0)
    yield Step(PLACES, {}, 721)
    yield Step(EQUIPMENT, fleet, size.machines)
    for first, last in chunks(size.alerts, ROWS_AT_ONCE):
        yield Step(INTERVALS, {"first": first, "last": last}, last - first + 1)
        yield Step(ALERT_ROWS, {"first": first, "last": last}, last - first + 1)
    for first, last in chunks(size.orders, ROWS_AT_ONCE):
        yield Step(ORDER_ROWS, {"first": first, "last": last}, last - first + 1)
        yield Step(LABOUR_ROWS, {"first": first, "last": last}, last - first + 1)
        yield Step(PART_ROWS, {"first": first, "last": last}, last - first + 1)
    series = size.sensors * len(METRICS)
    yield Step(SERIES, {"sensors": size.sensors, "metrics": list(METRICS)}, series)
    for first, last in chunks(size.samples, SAMPLES_AT_ONCE):
        sampled = {"samples": size.samples, "every": SAMPLED_EVERY, "first": first, "last": last}
        yield Step(READINGS, sampled, (last - first + 1) * series)
    yield Step(LATEST, {}, series)
    yield Step("ANALYZE iot_data", {}, 0)  # rolling up plans by it


def days_measured(size: Size, *, until: datetime) -> tuple[date, date]:
    """The first day of UTC that has readings, and the one after the last."""
    first = until - size.samples * SAMPLED_EVERY
    return first.date(), until.date() + timedelta(days=1)


def report_columns(category: str) -> dict[str, Any]:
    made = reports(category, REPORTS_OF_A_KIND)
    return {
        "category": category,
        "titles": [one.title for one in made],
        "descriptions": [one.description for one in made],
        "found": [one.found for one in made],
        "nothing": [one.nothing_found for one in made],
    }


def carry_out(step: Step) -> None:
    with transaction.atomic(), acting(by=None, source=AuditLog.Source.COMMAND), connection.cursor() as cursor:
        cursor.execute(step.sql, step.parameters or None)


def analyze() -> None:
    """Statistics for the planner, and visibility maps for index-only scans."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
