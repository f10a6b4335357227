"""What a message on MQTT may look like, and what it says then."""

import gzip
import json
from datetime import UTC, datetime

import pytest

from telemetry.mqtt.messages import Message, Unusable, readings_of

ARRIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)
EARLIER = "2026-03-01T11:00:00+00:00"
ONE = {"equipment_code": "PUMP-1", "metric": "temperature", "value": 21.5}
TIMED = {**ONE, "recorded_at": EARLIER}
ODD = {**ONE, "colour": "red"}


def said(payload: bytes) -> list[object]:
    return readings_of(Message("fr/v1/gw-7/telemetry", payload, ARRIVED))


def lines(*readings: object) -> bytes:
    return b"\n".join(json.dumps(one).encode() for one in readings)


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps({"readings": [ONE, TIMED, ODD]}).encode(),
        json.dumps([ONE, TIMED, ODD], indent=1).encode(),
        lines(ONE, TIMED, ODD),
        lines({**ONE, "recorded_at": None}, TIMED, ODD) + b"\n\n",
        gzip.compress(lines(ONE, TIMED, ODD)),
    ],
    ids=["object", "list", "lines", "lines with null", "gzip"],
)
def test_what_has_no_time_was_taken_when_it_arrived(payload: bytes) -> None:
    arrived = ARRIVED.isoformat()

    assert said(payload) == [{**ONE, "recorded_at": arrived}, TIMED, {**ODD, "recorded_at": arrived}]


def test_lines_of_nothing_odd_are_read_the_same_way() -> None:
    assert said(lines(ONE, TIMED)) == [{**ONE, "recorded_at": ARRIVED.isoformat()}, TIMED]


@pytest.mark.parametrize("reading", [ONE, ODD])
def test_a_reading_may_stand_alone(reading: dict[str, object]) -> None:
    assert said(json.dumps(reading, indent=1).encode()) == [{**reading, "recorded_at": ARRIVED.isoformat()}]


@pytest.mark.parametrize("payload", [b"{", lines(ONE)[:-1], lines(ONE, ONE) + b"]", b"\x1f\x8b"])
def test_what_cant_be_read_says_so(payload: bytes) -> None:
    with pytest.raises(Unusable) as told:
        said(payload)

    assert told.value.reason == "UNREADABLE"


def test_an_empty_message_says_nothing() -> None:
    assert said(b"") == []
