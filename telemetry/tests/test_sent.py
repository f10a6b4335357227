"""The fast reader of batches takes nothing that the strict parser of any JSON would not take, nor differently."""

from typing import Any

import pytest
from django.test import Client

from equipment.tests.factories import EquipmentFactory
from faultreporter.errors import MalformedJson
from telemetry.intake.parsers import read_each, read_lines, read_object
from telemetry.intake.sent import as_json, well_formed, well_formed_lines
from telemetry.tests.factories import MetricFactory, issue_key


def batch(*, value: str = "1", metric: str = '"t"', more: str = "") -> bytes:
    return f'{{"readings":[{{"value":{value},"metric":{metric}{more}}}]}}'.encode()


TAKEN = [
    b'{"readings":[]}',
    b'\n{ "readings" :\t[ ] }\r\n ',
    b'{"readings":[],"readings":[{"value":1,"metric":"t","value":2}]}',
    b'{"readings":[{"v\\u0061lue":1,"metric":"t"}]}',
    batch(more=',"recorded_at":null,"unit":"Cel","equipment_id":"x","equipment_code":"y"'),
    *(batch(value=value) for value in ("-0", "1E5", "1e-400", "9007199254740993", "9" * 19, "9" * 30, "1" * 300)),
    *(batch(metric=text) for text in ('""', '"\\u0000"', '"\x7f"', '"\\ud83d\\ude00"', '"\\"\\/"')),
]
LEFT = [
    b"",
    b"[]",
    b"null",
    b'{"readings":null}',
    b'{"readings":[[1,"t"]]}',
    b'{"readings":[],"more":1}',
    b'\xef\xbb\xbf{"readings":[]}',
    b'{"readings":[]} x',
    b'{"readings":[],}',
    batch(more=',"colour":"red"'),
    batch(more=","),
    *(batch(value=value) for value in ("01", "1.", ".5", "+1", "NaN", "1e400", "1" * 400, "true", '"1"', "null", "{}")),
    *(batch(metric=text) for text in ("7", "null", '"\n"', '"\0"', '"\\ud800"', '"\\x"', "[]")),
    *(batch(metric='"?"').replace(b"?", text) for text in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80")),
    batch(metric="[" * 5_000),
]


def told_in(reading: dict[str, Any]) -> dict[str, Any]:
    """What it says, as it will be stored: to both readers null is nothing, and a whole number a number."""
    return {name: told for name, told in {**reading, "value": float(reading["value"])}.items() if told is not None}


@pytest.mark.parametrize("body", TAKEN)
def test_what_is_read_into_fields_is_what_the_parser_of_any_json_reads(body: bytes) -> None:
    sent = well_formed(body)

    assert sent is not None
    assert [told_in(as_json(one)) for one in sent] == [told_in(one) for one in read_object(body)]


@pytest.mark.parametrize("body", LEFT)
def test_what_is_no_batch_of_our_fields_and_types_is_left_to_it(body: bytes) -> None:
    assert well_formed(body) is None


LINE = b'{"value":1,"metric":"t"}'


@pytest.mark.parametrize("value", ["-0", "1E5", "9" * 19, "1" * 300])
def test_lines_are_read_into_fields_as_the_parser_of_any_json_reads_them(value: str) -> None:
    line = f'{{"value":{value},"metric":"t","unit":null}}'.encode()
    lines = [LINE, line, b" \t" + line + b" "]

    sent = well_formed_lines(lines)

    assert sent is not None
    assert [told_in(as_json(one)) for one in sent] == [told_in(one) for one in read_each(lines)]


@pytest.mark.parametrize(
    "body",
    [
        LINE + LINE,
        LINE + b" " + LINE,
        LINE + b",\n" + LINE,
        b'{"value":1,\n"metric":"t"}',
        LINE + b"\n[",
    ],
)
def test_a_line_holds_one_reading(body: bytes) -> None:
    with pytest.raises(MalformedJson, match="is not valid JSON"):
        read_lines(body)


@pytest.mark.parametrize(
    "line", [b"7", b"{}", b'{"value":1,"metric":"t","colour":"red"}', b'{"value":NaN,"metric":"t"}']
)
def test_lines_that_are_no_readings_of_ours_are_read_as_they_come(line: bytes) -> None:
    assert well_formed_lines([LINE, line]) is None
    assert read_lines(LINE + b"\n" + line)[0] == {"value": 1, "metric": "t"}


@pytest.mark.django_db
def test_both_readers_tell_of_wrong_readings_in_the_same_words(client: Client) -> None:
    MetricFactory(code="temperature", unit="Cel", physical_min=-50, physical_max=120)
    EquipmentFactory(equipment_code="CH-1")
    _, key = issue_key(all_equipment=True)
    wrong = [
        {"equipment_code": "CH-1", "metric": "temperature", "value": 500},
        {"equipment_code": "CH-9", "metric": "temperature", "value": 5},
        {"equipment_code": "CH-1", "metric": "temperature", "value": 5, "recorded_at": "yesterday"},
    ]

    def told(readings: list[dict[str, object]]) -> list[dict[str, object]]:
        answer = client.post(
            "/api/v1/iot-data", {"readings": readings}, content_type="application/json", headers={"X-Device-Key": key}
        )
        errors: list[dict[str, object]] = answer.json()["data"]["errors"]
        return errors

    by_fields = told(wrong)

    assert [one["code"] for one in by_fields] == ["out_of_physical_range", "unknown_equipment", "bad_timestamp"]
    assert told([*wrong, {"colour": "red"}])[:3] == by_fields
