"""What listens to Redis once for a whole process and hands everything to those who are to hear it.

It lives in the event loop of the stream process. The database is only talked to in threads, a few at a time, and no
connection stays with a stream.
"""

import asyncio
import contextlib
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import redis.asyncio
import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections
from django.utils.translation import gettext as _
from psycopg_pool import PoolTimeout

from faultreporter.errors import DomainError, ServiceUnavailable
from faultreporter.live import bus, metrics
from faultreporter.live.audience import Directory, Key, Topic
from faultreporter.live.errors import TooManyStreams
from faultreporter.live.listener import Listener, event
from faultreporter.live.position import Position, standing

log = structlog.get_logger(__name__)

T = TypeVar("T")
BLOCK_MS = 5_000
LONGEST_PAUSE = 2.0
TOPICS_FRESH_FOR = 60.0
RETRY_AFTER = 30
DATABASE_DOWN = (DatabaseError, PoolTimeout)

_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="database")


async def in_database(call: Callable[..., T], *arguments: Any) -> T:
    """In a thread, whose connection goes back to the pool afterwards."""

    def work() -> T:
        close_old_connections()
        try:
            return call(*arguments)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_threads, work)


class Hub:
    """All listeners of this process."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.listeners: set[Listener] = set()
        self.by_key: defaultdict[Key, set[Listener]] = defaultdict(set)
        self.by_user: Counter[UUID] = Counter()
        self.series: dict[int, Topic] = {}
        self.machines: dict[UUID, Topic] = {}
        self.position: Position | None = None
        self.readings_position = "$"
        self.located = asyncio.Event()
        self.stopping = False
        self.redis = redis.asyncio.Redis.from_url(
            settings.REDIS_URL, socket_timeout=BLOCK_MS / 1000 + 5, socket_connect_timeout=1
        )
        self.tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self.tasks = [asyncio.create_task(self.follow()), asyncio.create_task(self.look_after())]
        loop = asyncio.get_running_loop()
        # Beside the server's own handler, not instead of it: the loop hears of every signal that Python handles.
        with contextlib.suppress(ValueError):  # not the main thread: somebody else stops us
            signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(self.stop))

    def stop(self) -> None:
        """Every stream says good-bye; those who come from now on are sent away."""
        self.stopping = True
        for listener in self.listeners:
            listener.end(
                ServiceUnavailable(_("This server is stopping; the stream goes on at the next one."), retry_after=1)
            )

    # --- listeners ---

    def require_room(self, user_id: UUID) -> None:
        """Refuses one stream more than this person or this process may have."""
        if self.stopping:
            raise ServiceUnavailable(_("This server is stopping."), retry_after=1)
        for count, most in (
            (self.by_user[user_id], settings.STREAMS_PER_USER),
            (len(self.listeners), settings.STREAMS_PER_PROCESS),
        ):
            if count >= most:
                metrics.REFUSED.inc()
                message = _("Too many streams are open; close one, or try again later.")
                raise TooManyStreams(message, retry_after=RETRY_AFTER, meta={"most": most})

    def join(self, listener: Listener) -> None:
        self.require_room(listener.user_id)
        listener.checked_at = time.monotonic()
        self.listeners.add(listener)
        self.by_user[listener.user_id] += 1
        for key in listener.audience.index:
            self.by_key[key].add(listener)
        metrics.OPEN.set(len(self.listeners))

    def leave(self, listener: Listener) -> None:
        if listener not in self.listeners:
            return
        self.listeners.remove(listener)
        self.by_user[listener.user_id] -= 1
        self.by_user += Counter()  # forgets those who have none left
        for key in listener.audience.index:
            self.by_key[key].discard(listener)
            if not self.by_key[key]:
                del self.by_key[key]
        metrics.OPEN.set(len(self.listeners))

    # --- from Redis ---

    async def follow(self) -> None:
        """For ever: what Redis has, and after an outage what happened meanwhile."""
        failures = 0
        while True:
            try:
                await self.locate()
                failures = 0
                while True:
                    await self.read()
            except (redis.RedisError, OSError, *DATABASE_DOWN) as error:
                log.warning("live_outage", error=type(error).__name__)
            except Exception:  # a task that dies would leave every screen standing still
                log.exception("live_reader_failed")
            failures += 1
            await asyncio.sleep(min(LONGEST_PAUSE, 0.1 * 2 ** min(failures, 10)))

    async def locate(self) -> None:
        """Where to read on. After an outage readings are brought up to date, and lost news are owned up to."""
        found = await standing(self.redis, bus.NEWS)
        self.readings_position = str((await standing(self.redis, bus.READINGS)).last)
        if self.position is None:
            self.position = found.last
        else:
            if found.has_lost(self.position):
                self.position = found.last
                for listener in self.listeners:
                    listener.reset("LOST", position=str(self.position))
            await self.refresh()
        self.located.set()

    async def read(self) -> None:
        streams: dict[Any, Any] = {bus.READINGS: self.readings_position, bus.NEWS: str(self.position)}
        answer: Any = await self.redis.xread(streams, count=50, block=BLOCK_MS)
        for name, entries in answer or ():
            for entry_id, fields in entries:
                if name == bus.READINGS.encode():
                    await self.spread_readings(bus.unpack(fields[b"packed"]))
                    self.readings_position = entry_id.decode()
                else:
                    await self.spread_news(Position.parse(entry_id.decode()), fields)
                metrics.LAG.observe(max(0.0, time.time() - int(entry_id.partition(b"-")[0]) / 1000))
                await asyncio.sleep(0)  # a large batch is no reason to let everybody wait

    async def spread_readings(self, readings: list[bus.Reading]) -> None:
        if not self.by_key:
            return
        await self.learn_series({reading.series for reading in readings})
        for reading in readings:
            topic = self.series.get(reading.series)
            if topic is None or reading.ticks <= topic.newest:
                continue
            topic.newest = reading.ticks
            fragment = b""
            for key in topic.keys:
                for listener in self.by_key.get(key, ()):
                    if listener.audience.hears(topic):
                        fragment = fragment or topic.reading(reading)
                        listener.offer(reading.series, fragment)

    async def spread_news(self, position: Position, fields: dict[bytes, bytes]) -> None:
        if self.listeners and (told := await self.news_event(str(position), fields)):
            kind, topic, said = told
            for listener in self.listeners:
                if not (kind in listener.audience.kinds and listener.audience.hears(topic)) or listener.tell(said):
                    continue
                metrics.DROPPED.inc(len(listener.news) + 1)
                listener.reset("SLOW", position=str(position))
        self.position = position

    async def news_event(self, position: str, fields: dict[bytes, bytes]) -> tuple[bus.Kind, Topic, bytes] | None:
        """None if it can't be said any more whose machine it was about."""
        kind, machine = bus.Kind(fields[b"kind"].decode()), UUID(fields[b"equipment_id"].decode())
        await self.learn_machines({machine})
        topic = self.machines.get(machine)
        return (kind, topic, event(kind, topic.news(fields[b"data"]), position=position)) if topic else None

    async def missed(self, listener: Listener, *, since: Position, until: Position | None) -> list[bytes] | None:
        """The news between two positions for this listener; None if some of them are gone."""
        try:
            if until is None or (await standing(self.redis, bus.NEWS)).has_lost(since):
                return None
            entries: Any = await self.redis.xrange(bus.NEWS, f"({since}", str(until))
        except (redis.RedisError, OSError):
            return None
        missed = []
        for entry_id, fields in entries:
            told = await self.news_event(entry_id.decode(), fields)
            if told and told[0] in listener.audience.kinds and listener.audience.hears(told[1]):
                missed.append(told[2])
        return missed

    # --- from the database ---

    async def learn_series(self, ids: Collection[int]) -> None:
        if unknown := [pk for pk in ids if pk not in self.series]:
            await self.patiently(self.load_series(unknown))

    async def learn_machines(self, ids: Collection[UUID]) -> None:
        if unknown := [pk for pk in ids if pk not in self.machines]:
            self.machines.update(await in_database(self.directory.machines, unknown))

    async def load_series(self, ids: Iterable[int]) -> None:
        for pk, topic in (await in_database(self.directory.series, list(ids))).items():
            topic.newest = self.series[pk].newest if pk in self.series else 0
            self.series[pk] = topic

    async def latest(self, listener: Listener) -> list[bytes]:
        readings = await in_database(self.directory.latest, listener.audience)
        await self.learn_series({reading.series for reading in readings})
        known = ((reading, self.series.get(reading.series)) for reading in readings)
        return [topic.reading(reading) for reading, topic in known if topic and listener.audience.hears(topic)]

    async def refresh(self) -> None:
        """Machines move and are renamed; and what was missed of their readings is made good."""
        await self.patiently(self.reload())

    async def reload(self) -> None:
        self.machines.clear()
        if self.series:
            await self.load_series(self.series)
            await self.spread_readings(await in_database(self.directory.latest_of, list(self.series)))

    async def patiently(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except DATABASE_DOWN as error:
            log.warning("live_database_away", error=type(error).__name__)

    async def look_after(self) -> None:
        """For ever: whether those who listen still may, and what the topics are called by now."""
        fresh_until = time.monotonic() + TOPICS_FRESH_FOR
        while True:
            await asyncio.sleep(min(1.0, settings.STREAM_RECHECK_SECONDS / 2))
            now = time.monotonic()
            for listener in list(self.listeners):
                if now - listener.checked_at >= settings.STREAM_RECHECK_SECONDS:
                    listener.checked_at = now
                    await self.patiently(self.check(listener))
            if now >= fresh_until:
                fresh_until = now + TOPICS_FRESH_FOR
                await self.refresh()

    async def check(self, listener: Listener) -> None:
        try:
            listener.audience.hidden = (await in_database(listener.recheck)).hidden
        except DomainError as error:
            if error.http_status < 500:
                listener.end(error)


_directories: list[Directory] = []


def register(directory: Directory) -> None:
    """Said once by the app that knows the machines, in AppConfig.ready()."""
    _directories[:] = [directory]


@cache
def hub() -> Hub:
    """The one of this process. Its first listener starts it, in the loop it then lives in."""
    return Hub(_directories[0])
