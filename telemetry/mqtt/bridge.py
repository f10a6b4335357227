"""From the inbox into the readings. Nothing is acknowledged before it is committed, so nothing can be lost here."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from psycopg_pool import PoolTimeout

from telemetry.intake.ingest import MAX_READINGS, IngestResult, ingest
from telemetry.intake.parsers import MAX_BODY_BYTES
from telemetry.models import DeadLetter, DeviceKey, MqttBridge
from telemetry.mqtt.connection import Connection
from telemetry.mqtt.inbox import Inbox
from telemetry.mqtt.messages import Message, Reason, Unusable, device_of, readings_of

log = structlog.get_logger(__name__)

DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeout)
LONGEST_PAUSE_SECONDS = 30.0
REPORT_EVERY_SECONDS = 10.0
PATIENCE_SECONDS = 1.0
TOLD_ERRORS = 10
TOLD_REASONS = frozenset({Reason.UNREADABLE, Reason.TOO_LARGE})

T = TypeVar("T")


class Stopped(Exception):
    """Told to end while the database was away. What is in hand stays with the broker."""


@dataclass(slots=True)
class Parcel:
    """Readings of one gateway that are stored together: at most MAX_READINGS, from whole messages."""

    device_id: str
    messages: list[Message] = field(default_factory=list)
    readings: list[Any] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    """For each reading its message and its place in it."""

    def add(self, message: Message, readings: list[Any]) -> None:
        self.places += [(len(self.messages), index) for index in range(len(readings))]
        self.messages.append(message)
        self.readings += readings


class Bridge:
    def __init__(self, broker: Connection, inbox: Inbox) -> None:
        self.broker, self.inbox = broker, inbox
        self.stopping = Event()
        self.counts: Counter[str] = Counter()
        self.refused: Counter[tuple[str, str]] = Counter()
        self._reported = float("-inf")

    def stop(self) -> None:
        self.stopping.set()
        self.inbox.close()

    def run(self) -> None:
        self.broker.start()
        try:
            while not self.stopping.is_set():
                self.turn()
                self.report()
                if not self.broker.is_alive():
                    raise RuntimeError("the thread that talks to the broker has ended")
            self.turn()  # what has come already
        except Stopped:
            log.warning("mqtt_stopped_without_database")
        finally:
            self.broker.stop()
        self.report(now=True)

    def turn(self) -> None:
        messages = self.inbox.take(most=MAX_READINGS, most_bytes=MAX_BODY_BYTES, patience=PATIENCE_SECONDS)
        if messages:
            self.counts["messages"] += len(messages)
            self.store(messages)

    def store(self, messages: list[Message]) -> None:
        unusable: list[tuple[Message, Unusable]] = []
        parcels = list(packed(messages, unusable))
        keys = self.insist(lambda: {key.device_id: key for key in named(parcels)})
        for parcel in parcels:
            if parcel.device_id in keys:
                self.store_parcel(parcel, keys[parcel.device_id])
            else:
                unusable += [(message, Unusable(Reason.UNKNOWN_DEVICE)) for message in parcel.messages]
        self.tell_of(unusable)
        self.bury(unusable)
        self.broker.acknowledge(message for message, _ in unusable)

    def store_parcel(self, parcel: Parcel, key: DeviceKey) -> None:
        try:
            result = self.insist(lambda: take_in(parcel, key))
        except Stopped:
            raise
        except Exception as error:
            # Ours to mend; until then it must neither be lost nor hold up the others.
            log.exception("mqtt_message_failed", device=key.device_id, messages=len(parcel.messages))
            self.store_apart(parcel, key, error)
            return
        for name in ("accepted", "duplicate", "conflict", "rejected"):
            self.counts[name] += getattr(result, name)
        self.bury(self.refusals(parcel, result))
        self.broker.acknowledge(parcel.messages)

    def store_apart(self, parcel: Parcel, key: DeviceKey, error: Exception) -> None:
        """Each message by itself, so that only the culprit is left out."""
        if len(parcel.messages) == 1:
            self.bury([(parcel.messages[0], Unusable(Reason.FAILED, repr(error)))])
            self.broker.acknowledge(parcel.messages)
            return
        for message in parcel.messages:
            self.store_parcel(parcel_of(key.device_id, message, readings_of(message)), key)

    def refusals(self, parcel: Parcel, result: IngestResult) -> list[tuple[Message, Unusable]]:
        """The messages with refused readings, as far as the result names them; their devices are told."""
        errors: dict[int, list[dict[str, Any]]] = {}
        for error in result.errors:
            message, index = parcel.places[error.index]
            errors.setdefault(message, []).append({"index": index, "code": error.code, "message": error.message})
        for found in errors.values():
            self.broker.tell(parcel.device_id, {"rejected": len(found), "errors": found[:TOLD_ERRORS]})
        return [
            (
                parcel.messages[place],
                Unusable(Reason.REFUSED, f"{len(found)}: {found[0]['code']} [{found[0]['index']}]"),
            )
            for place, found in errors.items()
        ]

    def tell_of(self, unusable: Iterable[tuple[Message, Unusable]]) -> None:
        """Devices hear of whole messages that say nothing; of nobody's there is nobody to tell."""
        for message, unusable_for in unusable:
            if unusable_for.reason in TOLD_REASONS:
                said = {"unusable": unusable_for.reason, "message": unusable_for.detail}
                self.broker.tell(device_of(message.topic), said)

    def bury(self, unusable: list[tuple[Message, Unusable]]) -> None:
        letters = [letter(message, reason) for message, reason in unusable]
        self.counts["dead_letters"] += len(letters)
        self.refused.update((one.device_id, one.reason) for one in letters)
        self.insist(lambda: DeadLetter.keep(letters[-DeadLetter.KEPT :]))

    def insist(self, work: Callable[[], T]) -> T:
        """Tries until the database does it. Meanwhile the broker sends no more than is allowed under way."""
        pause = 1.0
        while True:
            try:
                return work()
            except DATABASE_AWAY as error:
                connection.close()
                log.warning("mqtt_database_away", error=type(error).__name__, again_in_seconds=pause)
                if self.stopping.wait(pause):
                    raise Stopped from error
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def report(self, *, now: bool = False) -> None:
        """Every few seconds: a sign of life with the counts, and what was refused in one line however much it was."""
        if not now and time.monotonic() - self._reported < REPORT_EVERY_SECONDS:
            return
        self._reported = time.monotonic()
        if self.refused:
            worst = {f"{device or '?'} {reason}": count for (device, reason), count in self.refused.most_common(5)}
            log.warning("mqtt_messages_refused", messages=self.refused.total(), worst=worst)
            self.refused.clear()
        try:
            MqttBridge.objects.note(
                self.broker.client_id, at=timezone.now(), is_connected=self.broker.is_subscribed, counts=self.counts
            )
        except DATABASE_AWAY:
            connection.close()  # the counts go with the next
        else:
            self.counts.clear()


def packed(messages: Iterable[Message], unusable: list[tuple[Message, Unusable]]) -> Iterator[Parcel]:
    """By gateway, in the order they came; those that say nothing usable are added to `unusable`."""
    open_parcels: dict[str, Parcel] = {}
    for message in messages:
        try:
            device_id, readings = device_of(message.topic), readings_of(message)
            if len(readings) > MAX_READINGS:
                raise Unusable(Reason.TOO_LARGE, f"{len(readings)} > {MAX_READINGS}")
        except Unusable as reason:
            unusable.append((message, reason))
            continue
        parcel = open_parcels.setdefault(device_id, Parcel(device_id))
        if len(parcel.readings) + len(readings) > MAX_READINGS:
            yield open_parcels.pop(device_id)
            parcel = open_parcels[device_id] = Parcel(device_id)
        parcel.add(message, readings)
    yield from open_parcels.values()


def parcel_of(device_id: str, message: Message, readings: list[Any]) -> Parcel:
    parcel = Parcel(device_id)
    parcel.add(message, readings)
    return parcel


def named(parcels: Iterable[Parcel]) -> Iterable[DeviceKey]:
    return DeviceKey.objects.named({parcel.device_id for parcel in parcels})


def take_in(parcel: Parcel, key: DeviceKey) -> IngestResult:
    at = timezone.now()
    result = ingest(parcel.readings, at=at, allowed=key.allowed_equipment(), gateway=key.pk)
    key.note_use(at=at)
    return result


def letter(message: Message, reason: Unusable) -> DeadLetter:
    try:
        device_id = device_of(message.topic)
    except Unusable:
        device_id = ""
    return DeadLetter(
        received_at=message.arrived_at,
        topic=message.topic.replace("\0", "")[:200],
        device_id=device_id,
        reason=reason.reason,
        detail=reason.detail[:500],
        payload=message.payload[: DeadLetter.KEPT_BYTES],
        payload_bytes=len(message.payload),
    )
