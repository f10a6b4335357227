"""A fleet for benchmarks, made by the database itself: 3,000 machines, 100 k alerts, 50 k orders, 5 M readings.

Every value follows from its row number, so two databases filled like this hold the same. The words of the alerts and
what was found are made up in `faultreporter.demo.reports`; the readings have nothing to do with either.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from faultreporter.demo.reports import reports

METRICS = ("temperature", "vibration", "pressure", "current", "humidity")
CATEGORIES = ("CHILLER", "AHU", "PUMP", "BOILER", "GENERATOR", "ELEVATOR", "FAN-COIL", "TRANSFORMER")
REPORTS_OF_A_KIND = 4_000
ROWS_AT_ONCE, SAMPLES_AT_ONCE = 10_000, 50


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
# What was said in alert g: any of its kind's reports; in every fourth one like what this machine often has.
SAID = """
CREATE TEMPORARY TABLE large_said ON COMMIT DROP AS
SELECT g AS alert, r.title, r.description, r.nothing_found, f.id AS failure_mode_id
FROM generate_series(1, %(alerts)s) g
     CROSS JOIN LATERAL (SELECT 1 + g %% %(machines)s AS machine) m
     CROSS JOIN LATERAL (SELECT ('x' || substr(md5('r' || g), 1, 7))::bit(28)::int AS pick,
                                ('x' || substr(md5('m' || machine), 1, 7))::bit(28)::int AS often) h
     JOIN large_reports r ON r.category = (%(categories)s::text[])[1 + machine %% 8]
          AND r.number = (CASE WHEN pick %% 4 = 0 THEN often + pick / 4 %% 40 ELSE pick END) %% %(reports)s
     LEFT JOIN failure_modes f ON f.code = r.found AND f.deleted_at IS NULL
"""
# One breakdown of four hours for every alert, a week and a bit apart on each machine: no two overlap.
INTERVALS = """
INSERT INTO equipment_status_log (id, created_at, updated_at, status, started_at, ended_at, reason, source,
                                  counts_as_failure, exclusion_reason, holders, held_by_hand, released_until, equipment_id)
SELECT md5('i' || g)::uuid, at, at, 'ERROR', at, at + interval '4 hours', '', 'ALERT', true, '', 0, false,
       at + interval '4 hours', md5('e' || 1 + g %% %(machines)s)::uuid
FROM generate_series(%(first)s, %(last)s) g, LATERAL (SELECT now() - interval '6 hours' - g * interval '7 minutes' AS at) t
"""
ALERT_ROWS = """
INSERT INTO alerts (id, created_at, updated_at, moved_at, source, title, description, severity, status, occurred_at,
                    last_occurred_at, occurrences, fingerprint, acknowledged_at, resolved_at, resolution,
                    resolution_note, equipment_down, equipment_id, reported_by_id, downtime_id, downtime_released_at)
SELECT md5('a' || g)::uuid, at, at, at, 'REPORT', s.title, s.description,
       (ARRAY['LOW','MEDIUM','HIGH','CRITICAL'])[1 + g %% 4],
       CASE WHEN g %% 100 = 0 THEN 'OPEN' WHEN g %% 100 = 1 THEN 'ACKNOWLEDGED' ELSE 'RESOLVED' END, at, at, 1,
       'large-' || g, CASE WHEN g %% 100 = 1 THEN at + interval '5 minutes' END,
       CASE WHEN g %% 100 > 1 THEN at + interval '4 hours' END, CASE WHEN g %% 100 > 1 THEN 'FIXED' ELSE '' END, '', true,
       md5('e' || 1 + g %% %(machines)s)::uuid, (SELECT id FROM users WHERE role = 'REPORTER' ORDER BY id LIMIT 1),
       md5('i' || g)::uuid, at + interval '4 hours'
FROM generate_series(%(first)s, %(last)s) g JOIN large_said s ON s.alert = g,
     LATERAL (SELECT now() - interval '6 hours' - g * interval '7 minutes' AS at) t
"""
ORDER_ROWS = """
INSERT INTO work_orders (id, created_at, updated_at, moved_at, number, type, priority, status, title, description, due_at,
                         assigned_at, started_at, hold_reason, completed_at, closed_at, cancel_reason, resolution, cause,
                         remedy, no_failure_found, failure_mode_id, labour_minutes, labour_cost, parts_cost, currency, alert_id, assigned_to_id,
                         completed_by_id, equipment_id)
SELECT md5('w' || g)::uuid, at, at, at, 'WO-1999-' || lpad(g::text, 6, '0'), 'CORRECTIVE',
       (ARRAY['LOW','MEDIUM','HIGH','CRITICAL'])[1 + g %% 4],
       CASE WHEN unfinished THEN 'ASSIGNED' ELSE 'COMPLETED' END, 'Order ' || g, 'Inspect and repair',
       at + interval '2 days', at + interval '10 minutes', CASE WHEN NOT unfinished THEN at + interval '1 hour' END, '',
       CASE WHEN NOT unfinished THEN at + interval '4 hours' END, NULL, '',
       CASE WHEN unfinished THEN '' ELSE 'Repaired and tested.' END, '', '',
       NOT unfinished AND s.nothing_found, CASE WHEN NOT unfinished THEN s.failure_mode_id END,
       60 + g %% 120, 58.00 + g %% 90, g %% 400,
       'EUR', md5('a' || 2 * g)::uuid, technician.id, CASE WHEN NOT unfinished THEN technician.id END,
       md5('e' || 1 + (2 * g) %% %(machines)s)::uuid
FROM generate_series(%(first)s, %(last)s) g JOIN large_said s ON s.alert = 2 * g,
     LATERAL (SELECT now() - interval '5 hours' - 2 * g * interval '7 minutes' AS at, g %% 50 = 0 AS unfinished) t,
     (SELECT id FROM users WHERE role = 'TECHNICIAN' ORDER BY id LIMIT 1) technician
"""
# What the totals of those orders consist of.
LABOUR_ROWS = """
INSERT INTO labour_entries (id, created_at, updated_at, lump_sum, kind, minutes, capped, factor, cost, currency, note,
                            person_id, work_order_id)
SELECT md5('l' || g)::uuid, o.created_at, o.created_at, true, 'NORMAL', o.labour_minutes, false, 1, o.labour_cost,
       o.currency, '', o.assigned_to_id, o.id
FROM generate_series(%(first)s, %(last)s) g JOIN work_orders o ON o.id = md5('w' || g)::uuid
"""
PART_ROWS = """
INSERT INTO part_uses (id, created_at, updated_at, lump_sum, description, quantity, from_stock, unit_cost, cost,
                       work_order_id)
SELECT md5('p' || g)::uuid, o.created_at, o.created_at, true, 'Parts', 1, false, o.parts_cost, o.parts_cost, o.id
FROM generate_series(%(first)s, %(last)s) g JOIN work_orders o ON o.id = md5('w' || g)::uuid
"""
SERIES = """
INSERT INTO iot_series (equipment_id, metric_id, created_at)
SELECT md5('e' || g)::uuid, m.id, now() FROM generate_series(1, %(sensors)s) g, iot_metrics m
WHERE m.code = ANY(%(metrics)s) AND m.deleted_at IS NULL
"""
READINGS = """
INSERT INTO iot_data (series_id, recorded_at, value)
SELECT s.id, date_trunc('hour', now()) - (%(samples)s - t) * interval '43 minutes', 20 + (s.id * 31 + t * 17) %% 100 / 10.0
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
    yield Step(SAID, {**fleet, "alerts": size.alerts, "reports": REPORTS_OF_A_KIND}, 0)
    yield Step(PLACES, {}, 721)
    yield Step(EQUIPMENT, fleet, size.machines)
    for first, last in chunks(size.alerts, ROWS_AT_ONCE):
        yield Step(INTERVALS, {**fleet, "first": first, "last": last}, last - first + 1)
        yield Step(ALERT_ROWS, {**fleet, "first": first, "last": last}, last - first + 1)
    for first, last in chunks(size.orders, ROWS_AT_ONCE):
        yield Step(ORDER_ROWS, {**fleet, "first": first, "last": last}, last - first + 1)
        yield Step(LABOUR_ROWS, {"first": first, "last": last}, last - first + 1)
        yield Step(PART_ROWS, {"first": first, "last": last}, last - first + 1)
    series = size.sensors * len(METRICS)
    yield Step(SERIES, {"sensors": size.sensors, "metrics": list(METRICS)}, series)
    for first, last in chunks(size.samples, SAMPLES_AT_ONCE):
        yield Step(READINGS, {"samples": size.samples, "first": first, "last": last}, (last - first + 1) * series)
    yield Step(LATEST, {}, series)


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
