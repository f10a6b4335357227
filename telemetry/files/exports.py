"""Readings as a file for a spreadsheet: CSV as RFC 4180 has it, which `manage.py import_readings` reads again.

PostgreSQL writes the rows; they are only passed on, a piece at a time, so a file of any length takes the same memory.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from math import isfinite
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils.translation import gettext as _

from faultreporter.errors import RangeTooLarge
from telemetry.aggregation.aggregates import Bucket
from telemetry.files.spreadsheets import guarded
from telemetry.models import Series

MAX_ROWS = 1_000_000
PIECE = 2_000
"""So many rows are passed on at once: about 100 KB."""

READING_HEADINGS = ("recorded_at", "equipment_code", "metric", "unit", "value")
BUCKET_HEADINGS = (
    "starts_at", "ends_at", "equipment_code", "metric", "unit", "count", "min", "max", "avg", "sum", "last", "last_at",
)  # fmt: skip

COUNT_SQL = """
SELECT count(*) FROM (
    SELECT 1 FROM unnest(%(series)s::int[]) AS line(series_id) CROSS JOIN LATERAL (
        SELECT 1 FROM iot_readings
        WHERE series_id = line.series_id AND recorded_at >= %(since)s AND recorded_at < %(until)s OFFSET 0
    ) reading LIMIT %(most)s
) counted"""

# Along the key, so the first row comes at once and nothing is sorted. A fraction of a second only where there is one.
COPY_SQL = """
COPY (
    SELECT to_char(recorded_at, CASE recorded_at WHEN date_trunc('second', recorded_at)
        THEN 'YYYY-MM-DD"T"HH24:MI:SSTZH:TZM' ELSE 'YYYY-MM-DD"T"HH24:MI:SS.USTZH:TZM' END), %s, %s, %s, value
    FROM iot_readings WHERE series_id = %s AND recorded_at >= %s AND recorded_at < %s ORDER BY recorded_at
) TO STDOUT (FORMAT CSV)"""
ZONE_SQL = "SELECT set_config('TimeZone', %s, true)"


class TooManyRows(RangeTooLarge):
    """More than a file may have; `meta.max_rows` says how many that is."""

    def __init__(self) -> None:
        message = _("That is more than %(most)d readings; ask for a shorter time, fewer series or buckets.")
        super().__init__(message % {"most": MAX_ROWS}, field="from", meta={"max_rows": MAX_ROWS})


def check_length(series: Sequence[Series], *, since: datetime, until: datetime) -> None:
    """Raises TooManyRows before the first byte is on its way."""
    keys = [one.pk for one in series]
    with connection.cursor() as cursor:
        cursor.execute(COUNT_SQL, {"series": keys, "since": since, "until": until, "most": MAX_ROWS + 1})
        if cursor.fetchone()[0] > MAX_ROWS:
            raise TooManyRows


def names_of(series: Series) -> list[str]:
    return list(map(guarded, (series.equipment.equipment_code, series.metric.code, series.metric.unit)))


def readings_csv(series: Sequence[Series], *, since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[bytes]:
    """Series after series, oldest first; times on the clock of `zone`, with their offset. Void readings are left out.

    `metric` and `equipment` of each series should be loaded.
    """
    yield line(READING_HEADINGS)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ZONE_SQL, [zone.key])
        for one in series:
            with cursor.copy(cursor.mogrify(COPY_SQL, [*names_of(one), one.pk, since, until])) as rows:
                while piece := b"".join(islice(rows, PIECE)):
                    yield piece.replace(b"\n", b"\r\n")
        cursor.execute(ZONE_SQL, [connection.timezone_name])


def buckets_csv(series: Sequence[Series], found: Mapping[int, Sequence[Bucket]], *, zone: ZoneInfo) -> Iterator[bytes]:
    """The figures of each bucket, series after series; a sum that can't be told is empty."""
    yield line(BUCKET_HEADINGS)
    for one in series:
        names = names_of(one)
        for bucket in found[one.pk]:
            starts_at, ends_at, *figures, last_at = bucket
            times = [at.astimezone(zone).isoformat() for at in (starts_at, ends_at, last_at)]
            shown = [figure if isfinite(figure) else "" for figure in figures]
            yield line([*times[:2], *names, *shown, times[2]])


def line(cells: Sequence[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()


def file_name(series: Sequence[Series], *, since: datetime, until: datetime, zone: ZoneInfo, bucket: str = "") -> str:
    """Says the machine and the days, without a letter that a file system would mind."""
    machines, metrics = {one.equipment.equipment_code for one in series}, {one.metric.code for one in series}
    parts = [
        *(machines if len(machines) == 1 else [f"{len(machines)}-machines"]),
        *(metrics if len(metrics) == 1 else ["readings"]),
        *filter(None, [bucket]),
        *(f"{at.astimezone(zone):%Y-%m-%d}" for at in (since, until)),
    ]
    return re.sub(r"[^A-Za-z0-9._-]", "-", "_".join(parts)) + ".csv"
