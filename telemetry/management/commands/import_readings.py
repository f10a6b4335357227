import csv
import zlib
from argparse import ArgumentParser
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from faultreporter.errors import DomainError
from telemetry.files.imports import COUNTS, FIELDS, CsvFormat, Errors, check_headings, digest_of, read_in, rows_of
from telemetry.models import ReadingImport

GIVEN = ("equipment_code", "metric", "unit")
KEPT = "What came before is stored; once the file is whole, read it: what is known already is stored once."


class Command(BaseCommand):
    help = (
        "Read readings from CSV files, plain or gzipped. A file that was interrupted goes on where it stopped; what "
        "was refused stands in FILE.errors.csv. Ends with 1 if anything was refused."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--wide", action="store_true", help="Every column but the time is a metric.")
        parser.add_argument("--equipment", dest="equipment_code", help="The machine of all readings, by its code.")
        parser.add_argument("--metric", help="The metric of all readings.")
        parser.add_argument("--unit", help="The unit of all values, a UCUM code; the metric's own if left out.")
        parser.add_argument(
            "--column",
            action="append",
            default=[],
            metavar="FIELD=HEADING",
            help="recorded_at, equipment_code, equipment_id, metric, value or unit, where the heading differs.",
        )
        parser.add_argument("--delimiter", default=",", help="Between cells; \\t is a tab.")
        parser.add_argument("--decimal-comma", action="store_true", help="1.234,5 is one thousand two hundred …")
        parser.add_argument("--timezone", default="", help="Of times without an offset, such as Europe/Berlin.")
        parser.add_argument("--time-format", default="", help="As strptime takes it; ISO 8601 if left out.")
        parser.add_argument(
            "--since",
            type=a_day,
            help="Take readings from this day on, such as 2021-01-01, and make their months; else those of 366 days.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Only read the file, and say what can't be read.")
        parser.add_argument("--again", action="store_true", help="From the first row, though it was read before.")

    def handle(self, *_args: Any, files: list[Path], dry_run: bool, **options: Any) -> None:
        how, again, since = format_of(options), options["again"], options["since"]
        refused = 0
        for path in files:
            if not path.is_file():
                raise CommandError(f"There is no file {path}.")
            try:
                refused += self.look_through(path, how) if dry_run else self.read(path, how, again=again, since=since)
            except DomainError as error:
                raise CommandError(f"{path}: {error}") from error
            except UnicodeDecodeError as error:
                raise CommandError(f"{path}: The file isn't UTF-8; save it as that. {error}") from error
            except (csv.Error, EOFError, OSError, zlib.error) as error:
                raise CommandError(f"{path}: The file can't be read to its end: {error}. {KEPT}") from error
        if refused:
            raise CommandError(f"{refused} readings were refused.")

    def look_through(self, path: Path, how: CsvFormat) -> int:
        readings = refused = 0
        for row in rows_of(path, how):
            readings += len(row.readings)
            refused += len(row.problems)
            for problem in row.problems[: max(0, 20 - refused + len(row.problems))]:
                self.stderr.write(f"{path}:{problem.line}: {problem.column}: {problem.message}")
        self.stdout.write(f"{path}: {readings} readings can be read, {refused} can't. Nothing was stored.")
        return refused

    def read(self, path: Path, how: CsvFormat, *, again: bool, since: datetime | None) -> int:
        at = timezone.now()
        check_headings(path, how)
        digest = digest_of(path, how)
        if again:
            ReadingImport.objects.filter(digest=digest).delete()
        record, _made = ReadingImport.objects.get_or_create(
            digest=digest, defaults={"name": path.name, "options": how.as_json(), "started_at": at}
        )
        if record.finished_at:
            self.stdout.write(f"{path}: was read on {record.finished_at:%Y-%m-%d %H:%M} UTC. --again reads it anew.")
            return 0
        with (
            Errors(path.with_name(path.name + ".errors.csv"), keep=record.error_bytes) as errors,
            tqdm(desc=path.name, unit=" rows", initial=record.rows, disable=None) as bar,
        ):
            for count in read_in(record, path, how, errors, at=at, since=since):
                bar.update(count)
        if not record.rejected:
            errors.path.unlink()
        counts = ", ".join(f"{getattr(record, name)} {name}" for name in COUNTS)
        self.stdout.write(f"{path}: {record.rows} rows: {counts}.")
        return record.rejected


def a_day(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), time(), UTC)


def format_of(options: dict[str, Any]) -> CsvFormat:
    pairs = [pair.partition("=") for pair in options["column"]]
    if unknown := [field for field, _, heading in pairs if field not in FIELDS or not heading]:
        raise CommandError(f"--column is FIELD=HEADING, and FIELD one of {', '.join(FIELDS)}; not {unknown[0]}.")
    try:
        if options["timezone"]:
            ZoneInfo(options["timezone"])
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CommandError(f"There is no time zone {options['timezone']}.") from error
    return CsvFormat(
        wide=options["wide"],
        delimiter=options["delimiter"].replace("\\t", "\t"),
        decimal_comma=options["decimal_comma"],
        timezone=options["timezone"],
        time_format=options["time_format"],
        columns={field: heading for field, _, heading in pairs},
        given={name: options[name] for name in GIVEN if options[name]},
    )
