"""Readings from CSV files: what is read and what is refused, and an import that was killed goes on."""

import csv
import gzip
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from equipment.tests.factories import EquipmentFactory
from telemetry.files import imports
from telemetry.models import Reading, ReadingImport, Series
from telemetry.store.partitions import existing_partitions
from telemetry.tests.factories import MetricFactory

pytestmark = pytest.mark.django_db

DAY = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)


@pytest.fixture(autouse=True)
def pump() -> None:
    MetricFactory()
    MetricFactory(pressure=True)
    EquipmentFactory(equipment_code="PUMP-1")


def run(path: Path, **options: Any) -> str:
    out = StringIO()
    call_command("import_readings", str(path), stdout=out, stderr=out, **options)
    return out.getvalue()


def write(directory: Path, *lines: str, name: str = "year.csv") -> Path:
    path = directory / name
    path.write_text("\n".join(lines) + "\n")
    return path


def at(minute: int) -> str:
    return (DAY + timedelta(minutes=minute)).isoformat()


def stored() -> list[tuple[str, datetime, float]]:
    return list(Reading.objects.order_by("recorded_at").values_list("series__metric__code", "recorded_at", "value"))


def errors_of(path: Path) -> list[list[str]]:
    return list(csv.reader(path.with_name(path.name + ".errors.csv").read_text().splitlines()))[1:]


def test_a_row_without_a_time_is_refused_and_holds_up_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "recorded_at,value", f"{at(0)},20", ",21", f"{at(2)},22")

    with pytest.raises(CommandError, match="1 readings were refused"):
        run(path, equipment_code="PUMP-1", metric="temperature")

    assert [value for _, _, value in stored()] == [20.0, 22.0]
    assert [error[:3] for error in errors_of(path)] == [["3", "recorded_at", "bad_timestamp"]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("recorded_at,value,Zählerstand\n".encode("latin-1"), "isn't UTF-8"),
        (gzip.compress(b"recorded_at,value\n" * 9, mtime=0)[:-9], "can't be read to its end"),
        (gzip.compress(b"recorded_at,value\n" * 9, mtime=0)[:9] + b"not deflate", "can't be read to its end"),
        (b'recorded_at,value\n"2026', "can't be read to its end"),
    ],
)
def test_a_file_that_is_broken_is_said_in_words(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "broken.csv"
    path.write_bytes(content)

    with pytest.raises(CommandError, match=said):
        run(path, equipment_code="PUMP-1", metric="temperature")


def long_file(directory: Path, count: int, **more: Any) -> Path:
    rows = (f"{at(number)},PUMP-1,temperature,{20 + number % 10}" for number in range(count))
    return write(directory, "recorded_at,equipment_code,metric,value", *rows, **more)


def test_it_works(tmp_path: Path) -> None:
    path = write(tmp_path, "recorded_at,equipment_code,metric,value,unit", f"{at(0)},PUMP-1,temperature,212,[degF]")

    said = run(path)

    assert "1 rows: 1 accepted, 0 duplicate, 0 conflict, 0 rejected" in said
    assert stored() == [("temperature", DAY, 100.0)]
    assert ReadingImport.objects.get().finished_at
    assert not path.with_name("year.csv.errors.csv").exists()
    assert "was read on" in run(path)
    assert "1 duplicate" in run(path, again=True)


def test_a_wide_file_gzipped_as_a_spreadsheet_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv.gz"
    day = DAY.replace(tzinfo=None)
    rows = [f"{day:%d.%m.%Y} 14:00;1.021,5;250", f"{day:%d.%m.%Y} 15:00;;1,5"]
    path.write_bytes(gzip.compress("\n".join(["Zeit;temperature;PUMP-1:pressure [kPa]", *rows]).encode()))

    options = {"decimal_comma": True, "timezone": "Asia/Kolkata", "time_format": "%d.%m.%Y %H:%M", "delimiter": ";"}
    run(path, wide=True, equipment_code="PUMP-1", column=["recorded_at=Zeit"], **options)

    first, second = DAY + timedelta(hours=8.5), DAY + timedelta(hours=9.5)
    assert sorted(stored()) == [("pressure", first, 2.5), ("pressure", second, 0.015), ("temperature", first, 1021.5)]
    assert Series.objects.count() == 2


def test_what_is_wrong_stands_beside_the_file_with_its_line(tmp_path: Path) -> None:
    rows = [f"{at(0)},PUMP-1,temperature,warm", "yesterday,PUMP-1,temperature,1", f"{at(1)},PUMP-1,mood,1"]
    rows += [f"{at(2)},PUMP-1,temperature", f"{at(3)[:19]},PUMP-1,temperature,1", f"{at(4)},PUMP-1,temperature,20"]
    path = write(tmp_path, "recorded_at,equipment_code,metric,value", *rows)

    with pytest.raises(CommandError, match="5 readings were refused"):
        run(path)

    assert [f"{line} {code}" for line, _column, code, _message in errors_of(path)] == [
        "2 wrong_type", "3 bad_timestamp", "4 unknown_metric", "5 wrong_type", "6 bad_timestamp",
    ]  # fmt: skip
    assert "--timezone" in errors_of(path)[-1][3]
    assert Reading.objects.count() == 1


def test_every_refusal_is_named_however_many(tmp_path: Path) -> None:
    rows = (f"{at(n)},PUMP-1,{'mood' if n % 2 else 'temperature'},20" for n in range(500))
    path = write(tmp_path, "recorded_at,equipment_code,metric,value", *rows)

    with pytest.raises(CommandError, match="250 readings"):
        run(path)

    assert [int(line) for line, *_ in errors_of(path)] == list(range(3, 502, 2))
    assert ReadingImport.objects.values_list("accepted", "duplicate", "rejected").get() == (250, 0, 250)


@pytest.mark.parametrize("local", ["2026-10-25T02:30:00", "2026-03-29T02:30:00"])
def test_a_time_the_clocks_show_twice_or_never_is_not_guessed(local: str) -> None:
    how = imports.CsvFormat(timezone="Europe/Berlin")

    with pytest.raises(ValueError, match="skip this time or show it twice"):
        how.moment(local)
    assert how.moment("2026-07-01T12:00:00") == "2026-07-01T12:00:00+02:00"


def test_an_import_that_was_killed_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = long_file(tmp_path, 250)
    with path.open("a") as file:
        file.write(f"{at(300)},PUMP-1,mood,1\n")
    monkeypatch.setattr(imports, "MAX_READINGS", 100)
    how = imports.CsvFormat()
    record = ReadingImport.objects.create(name="x", digest=imports.digest_of(path, how), started_at=timezone.now())
    with imports.Errors(path.with_name("year.csv.errors.csv"), keep=0) as errors:
        going = imports.read_in(record, path, how, errors, at=timezone.now())
        assert [next(going), next(going)] == [100, 100]
        errors.write([imports.Problem(9, "", "lost", "written, but its batch was never committed")])

    with pytest.raises(CommandError, match="1 readings"):
        run(path)

    assert ReadingImport.objects.values_list("rows", "accepted", "duplicate", "rejected").get() == (251, 250, 0, 1)
    assert [code for _line, _column, code, _message in errors_of(path)] == ["unknown_metric"]
    assert Reading.objects.count() == 250


def test_old_readings_are_taken_when_asked_for(tmp_path: Path, settings: Any) -> None:
    settings.READINGS_KEPT_MONTHS = 240
    path = write(tmp_path, "recorded_at,value", "2019-02-03T04:05:06Z,20.5")
    shared = {"equipment_code": "PUMP-1", "metric": "temperature"}

    with pytest.raises(CommandError):
        run(path, **shared)
    assert errors_of(path)[0][2] == "too_old"
    run(path, again=True, since=datetime(2019, 1, 1, tzinfo=UTC), **shared)

    assert stored() == [("temperature", datetime(2019, 2, 3, 4, 5, 6, tzinfo=UTC), 20.5)]
    assert "iot_data_y2019m02" in existing_partitions()


def test_a_dry_run_stores_nothing(tmp_path: Path) -> None:
    assert "3 readings can be read, 0 can't" in run(long_file(tmp_path, 3), dry_run=True)
    assert not ReadingImport.objects.exists()
    assert not Reading.objects.exists()


@pytest.mark.parametrize(
    ("headings", "options", "message"),
    [
        ("time,value", {}, "no column “recorded_at”"),
        ("recorded_at,amount", {}, "no column “value”"),
        ("recorded_at,Pump 1 °C", {"wide": True}, "names no metric"),
        ("recorded_at,value", {"column": ["colour=red"]}, "--column is FIELD=HEADING"),
        ("recorded_at,value", {"column": ["value=red"]}, "no column “red”"),
        ("recorded_at,value", {"timezone": "Mars/Base"}, "no time zone Mars/Base"),
    ],
)
def test_headings_and_options_that_say_too_little_are_refused(
    tmp_path: Path, headings: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        run(write(tmp_path, headings, "1,2"), **options)
    assert not ReadingImport.objects.exists()
