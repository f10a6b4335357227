"""Readings from CSV files: rows into what ingest takes, in batches, with a mark of how far it got.

Long: a row is a reading, its columns are named after the fields of POST /iot-data (`recorded_at`, `equipment_code` or
`equipment_id`, `metric`, `value`, `unit`); what all rows share can be given instead. Wide: a row is a moment, and every
column but the time is a metric: `temperature`, `PUMP-1:temperature` or `PUMP-1:temperature [degF]`.
"""

import csv
import gzip
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, tzinfo
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from faultreporter.errors import ValidationFailed
from telemetry.files.spreadsheets import unguarded
from telemetry.intake.ingest import MAX_READINGS, ingest
from telemetry.models import ReadingImport
from telemetry.store.partitions import READINGS, ensure_partitions

FIELDS = ("recorded_at", "equipment_code", "equipment_id", "metric", "value", "unit")
HEADING = re.compile(r"(?:(?P<equipment_code>[A-Z0-9-]{1,50}):)?(?P<metric>[a-z][a-z0-9_]*)(?: \[(?P<unit>.+)\])?")
GZIP = b"\x1f\x8b"
COUNTS = ("accepted", "duplicate", "conflict", "rejected")


@dataclass(frozen=True)
class CsvFormat:
    """How a file is to be read. Nothing of it is guessed."""

    wide: bool = False
    delimiter: str = ","
    decimal_comma: bool = False
    timezone: str = ""
    time_format: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Field to heading, where the heading isn't the field's own name."""
    given: Mapping[str, str] = field(default_factory=dict)
    """What all readings of the file share."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def moment(self, text: str) -> str:
        """With its offset; a local time that the clocks skip or show twice is no time."""
        form = self.time_format
        at = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007 - localized below
        if at.tzinfo is None:
            if not self.timezone:
                raise ValueError(_("The time has no offset; say which one is meant with --timezone."))
            at = localized(at, ZoneInfo(self.timezone))
        return at.isoformat()

    def number(self, text: str) -> float:
        return float(text.replace(".", "").replace(",", ".") if self.decimal_comma else text)


def localized(naive: datetime, zone: tzinfo) -> datetime:
    early, late = naive.replace(tzinfo=zone), naive.replace(tzinfo=zone, fold=1)
    if early.utcoffset() != late.utcoffset():
        raise ValueError(_("In this time zone the clocks skip this time or show it twice; write its offset."))
    return early


@dataclass(frozen=True)
class Problem:
    line: int
    column: str
    code: str
    message: str


@dataclass
class Row:
    """One row of the file: its readings with the headings they stand under, and what is wrong with it already."""

    line: int
    readings: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def open_text(path: Path) -> IO[str]:
    with path.open("rb") as probe:
        packed = probe.read(2) == GZIP
    if packed:
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


class Layout:
    """Which column is what; refuses a file whose headings don't say enough."""

    def __init__(self, headings: list[str], how: CsvFormat) -> None:
        self.how = how
        self.time = how.columns.get("recorded_at", "recorded_at")
        self.fields = {name: how.columns.get(name, name) for name in FIELDS}
        unknown = sorted(set(how.columns.values()) - set(headings))
        if unknown or self.time not in headings:
            missing = unknown[0] if unknown else self.time
            raise ValidationFailed(_("The file has no column “%(name)s”.") % {"name": missing})
        self.metrics = {heading: self.metric_of(heading) for heading in headings if heading != self.time}
        if not how.wide and self.fields["value"] not in headings:
            raise ValidationFailed(_("The file has no column “%(name)s”.") % {"name": self.fields["value"]})

    def metric_of(self, heading: str) -> dict[str, str]:
        found = HEADING.fullmatch(heading)
        if self.how.wide and not found:
            raise ValidationFailed(_("The heading “%(name)s” names no metric.") % {"name": heading})
        return {name: text for name, text in found.groupdict().items() if text} if found else {}

    def read(self, cells: Mapping[str, str], line: int) -> Row:
        row = Row(line)
        try:
            recorded_at = self.how.moment(cells[self.time] or "")
        except ValueError as error:
            row.problems.append(Problem(line, self.time, "bad_timestamp", str(error)))
            return row
        for heading, shared in self.values(cells):
            text = cells[heading] or ""
            if not text.strip():
                continue  # no reading
            try:
                value = self.how.number(text)
            except ValueError:
                row.problems.append(
                    Problem(line, heading, "wrong_type", _("“%(text)s” is no number.") % {"text": text})
                )
                continue
            row.readings.append((heading, {**self.how.given, **shared, "recorded_at": recorded_at, "value": value}))
        return row

    def values(self, cells: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
        if self.how.wide:
            yield from self.metrics.items()
            return
        named = {name: cells.get(heading) for name, heading in self.fields.items()}
        yield (
            self.fields["value"],
            {name: unguarded(text) for name, text in named.items() if text and name not in {"recorded_at", "value"}},
        )


def digest_of(path: Path, how: CsvFormat) -> str:
    digest = hashlib.sha256(json.dumps(how.as_json(), sort_keys=True).encode())
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def check_headings(path: Path, how: CsvFormat) -> None:
    """Raises ValidationFailed where they don't say enough."""
    with open_text(path) as text:
        Layout(next(csv.reader(text, delimiter=how.delimiter, strict=True), []), how)


def rows_of(path: Path, how: CsvFormat) -> Iterator[Row]:
    with open_text(path) as text:
        lines = csv.reader(text, delimiter=how.delimiter, strict=True)
        headings = next(lines, [])
        layout = Layout(headings, how)
        for cells in lines:
            if len(cells) == len(headings):
                yield layout.read(dict(zip(headings, cells, strict=True)), lines.line_num)
            elif cells:
                message = _("%(count)d cells where the heading has %(headings)d.")
                message %= {"count": len(cells), "headings": len(headings)}
                yield Row(lines.line_num, problems=[Problem(lines.line_num, "", "wrong_type", message)])


def batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Of at most MAX_READINGS readings."""
    batch: list[Row] = []
    count = 0
    for row in rows:
        if count + len(row.readings) > MAX_READINGS or len(batch) == MAX_READINGS:
            yield batch
            batch, count = [], 0
        batch.append(row)
        count += len(row.readings)
    if batch:
        yield batch


def take(batch: list[Row], *, at: datetime, since: datetime | None) -> tuple[dict[str, int], list[Problem]]:
    """Stores what can be stored. Ingest names the first refusals of a batch; what follows them is sent once more."""
    places = [(row.line, heading) for row in batch for heading, _reading in row.readings]
    readings = [reading for row in batch for _heading, reading in row.readings]
    problems = [problem for row in batch for problem in row.problems]
    result = ingest(readings, at=at, since=since)
    counts = {name: getattr(result, name) for name in COUNTS}
    counts["rejected"] += len(problems)
    start, left = 0, result.rejected
    while left:
        for error in result.errors:
            line, heading = places[start + error.index]
            problems.append(Problem(line, heading, error.code, error.message))
        left -= len(result.errors)
        if left:
            start += result.errors[-1].index + 1
            result = ingest(readings[start:], at=at, since=since)
    return counts, sorted(problems, key=lambda problem: problem.line)


class Errors:
    """A CSV beside the file. What was written after the last commit of an import that was killed is cut off."""

    def __init__(self, path: Path, *, keep: int) -> None:
        self.path = path
        self._file = path.open("r+" if keep and path.exists() else "w", encoding="utf-8", newline="")
        self._file.truncate(keep)
        self._file.seek(keep)
        self._writer = csv.writer(self._file)
        if not keep:
            self._writer.writerow(["line", "column", "code", "message"])

    def write(self, problems: list[Problem]) -> int:
        self._writer.writerows([one.line, one.column, one.code, one.message] for one in problems)
        self._file.flush()
        return self._file.tell()

    def __enter__(self) -> "Errors":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def read_in(
    record: ReadingImport, path: Path, how: CsvFormat, errors: Errors, *, at: datetime, since: datetime | None = None
) -> Iterator[int]:
    """Goes on where the record says and yields the rows of each batch once they are committed."""
    rows = rows_of(path, how)
    if since:
        since = max(since, READINGS.horizon(at))
        ensure_partitions(at=at, since=since)
    for _row in range(record.rows):
        next(rows)
    for batch in batches(rows):
        with transaction.atomic():
            counts, problems = take(batch, at=at, since=since)
            record.move_on(rows=len(batch), error_bytes=errors.write(problems), counts=counts)
        yield len(batch)
    record.finish(at=at)
