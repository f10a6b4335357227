"""`python -m bench streams`: one stream process with 500 clients, 50 of which don't read, while readings arrive.

The whole product runs: web, stream, worker, relay and beat. Readings come in through POST /iot-data, stamped with the
moment before they are sent, so a client's clock shows how old each one is when it is received. Everything shares one
machine with the clients and whatever else runs on it; the load is printed beside the figures.
"""

import argparse
import asyncio
import multiprocessing
import os
import random
import re
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from bench import cpu
from bench.load import read_answer

METRICS = 10
MACHINES_IN_A_ROOM = 10
STREAMS_OF_ONE_PERSON = 5
SAMPLE_EVERY = 30.0
SLEEPS_FOR = 90.0
OPEN_WITHIN = 120.0
STAMP = re.compile(rb'"recorded_at":"(\d{4}-\d\d-\d\dT[\d:.]+Z)"')  # not one that the framing of a chunk cuts in two
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Estate:
    """Who listens to what, and who sends."""

    machines: list[str]
    metrics: list[str]
    rooms: list[str]
    site: str
    tokens: list[str]
    device_key: str


def build(machines: int, people: int) -> Estate:
    """A site of its own, in whatever database this is; made anew each time."""
    from django.core.management import call_command  # noqa: PLC0415 - Django must be set up first
    from django.utils import timezone  # noqa: PLC0415

    from equipment.models import Equipment  # noqa: PLC0415
    from faultreporter.accounts.models import ApiToken, User  # noqa: PLC0415
    from locations.models import Location  # noqa: PLC0415
    from telemetry.intake.ingest import ingest  # noqa: PLC0415
    from telemetry.models import DeviceKey, Metric  # noqa: PLC0415

    call_command("migrate", verbosity=0, interactive=False)
    mark = f"{int(time.time()):X}"
    codes = [f"stream_{number}" for number in range(METRICS)]
    for code in codes:
        Metric.objects.get_or_create(code=code, defaults={"name": code, "unit": "Cel"})
    site = Location.objects.create(kind="SITE", code=f"S-{mark}", name="Streams", time_zone="UTC")
    rooms = [
        Location.objects.create(
            kind="BUILDING", code=f"B-{mark}-{number}", name=f"Hall {number}", parent=site, site=site
        )
        for number in range(machines // MACHINES_IN_A_ROOM)
    ]
    made = [
        Equipment.objects.create(
            equipment_code=f"ST-{mark}-{number}",
            equipment_name=f"Machine {number}",
            location=rooms[number % len(rooms)],
        )
        for number in range(machines)
    ]
    tokens = []
    for number in range(people):
        user = User.objects.create(
            email=f"{mark}-{number}@example.org".lower(), role="TECHNICIAN", display_name=f"P {number}"
        )
        tokens.append(ApiToken.issue(user=user, name="Benchmark")[1])
    _, key = DeviceKey.issue(name=f"Benchmark {mark}", by=None, all_equipment=True)
    ids = [str(machine.pk) for machine in made]
    for start in range(0, machines, 100):  # every series has begun before anybody listens
        first = [
            {"equipment_id": pk, "metric": code, "value": 0.0} for pk in ids[start : start + 100] for code in codes
        ]
        ingest(first, at=timezone.now())
    return Estate(ids, codes, [str(room.pk) for room in rooms], str(site.pk), tokens, key)


class Product:
    """The processes of the local stack, at ports of their own, over this environment's servers."""

    def __init__(self, logs: Path) -> None:
        from faultreporter.localstack.application import (  # noqa: PLC0415
            Addresses,
            background,
            child_environment,
            front,
        )
        from faultreporter.localstack.environment import first_free_port  # noqa: PLC0415

        web = first_free_port(8700)
        self.addresses = Addresses(web, first_free_port(web + 1), None)
        servers = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")}
        quiet = {"LOG_LEVEL": "WARNING", "RATE_LIMIT_PER_MINUTE": "1000000", "STATE_DIR": os.environ["STATE_DIR"]}
        environment = {**child_environment({}, servers, self.addresses, Path(os.environ["STATE_DIR"])), **quiet}
        logs.mkdir(parents=True, exist_ok=True)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for program in [*front(environment, self.addresses, logs), *background(environment, logs)]:
            with (logs / f"{program.name}.log").open("wb") as log:
                self.processes[program.name] = subprocess.Popen(
                    program.command, env={**environment, **program.environment}, stdout=log, stderr=log
                )
        for address in (self.addresses.web, self.addresses.stream):
            self.wait_for(f"{address}/health/live")

    @staticmethod
    def wait_for(url: str) -> None:
        for _ in range(300):
            try:
                urllib.request.urlopen(url, timeout=2).close()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"{url} does not answer.")

    @property
    def stream(self) -> "subprocess.Popen[bytes]":
        return self.processes["stream"]

    def resident(self) -> float:
        """MB of the stream process: its server and the worker that has the streams."""
        pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in cpu.tree(self.stream.pid))
        return sum(pages) * PAGE / 1e6

    def metric(self, name: str) -> float:
        try:
            with urllib.request.urlopen(f"{self.addresses.stream}/metrics", timeout=10) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return float("nan")  # told as it is: the process had no time for this question
        return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(rf"{name}[ {{]", line))

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            process.wait(60)


@dataclass
class Heard:
    """What the clients that read have received since the last sample, and in all."""

    window: list[float] = field(default_factory=list)
    all: list[float] = field(default_factory=list)
    goodbyes: int = 0
    longest_silence: float = 0.0
    failures: int = 0

    def sample(self) -> str:
        ages, self.window = sorted(self.window), []
        self.all += ages
        return percentiles(ages)


def percentiles(ages: list[float]) -> str:
    if not ages:
        return "nothing received"
    p50, p99 = (ages[min(int(len(ages) * share), len(ages) - 1)] for share in (0.5, 0.99))
    late = sum(age > 1.0 for age in ages)
    return f"p50 {p50 * 1000:5.0f} ms  p99 {p99 * 1000:5.0f} ms  max {ages[-1] * 1000:5.0f} ms  over 1 s {late}"


class Reader(asyncio.Protocol):
    """A client that reads. It looks for the stamps only: parsing all of it would measure the client."""

    def __init__(self, request: bytes, heard: Heard) -> None:
        self.request, self.heard, self.rest = request, heard, b""
        self.opened_at = self.last = time.time()
        self.heard_something = False
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        now, self.heard_something = time.time(), True
        whole, _, self.rest = (self.rest + data).rpartition(b"}")
        if b"event: end" in whole:
            self.heard.goodbyes += 1
        ages = [now - datetime.fromisoformat(stamp.decode()).timestamp() for stamp in STAMP.findall(whole)]
        fresh = [age for age in ages if now - age > self.opened_at]  # not where everything stood at the start
        if fresh:
            self.heard.longest_silence = max(self.heard.longest_silence, now - self.last)
            self.last = now
            self.heard.window += fresh

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.gone.done():
            self.gone.set_result(None)


def request_for(estate: Estate, number: int, parameters: str, port: int) -> bytes:
    token = estate.tokens[number % len(estate.tokens)]
    return (
        f"GET /api/v1/iot-data/stream?{parameters} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Authorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n"
    ).encode()


async def sleep_on_it(request: bytes, port: int) -> None:
    """A client that reads nothing, with a small buffer; after a while it comes back, and sleeps again."""
    loop = asyncio.get_running_loop()
    while True:
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            connection.setblocking(False)
            await loop.sock_connect(connection, ("127.0.0.1", port))
            await loop.sock_sendall(connection, request)
            await asyncio.sleep(SLEEPS_FOR + random.random() * 10)


async def send_batches(port: int, key: str, batches: list[list[tuple[str, str]]], count: Any) -> None:
    """Each of these batches once a second, whatever the answers take, over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    beginning, number = time.time() + random.random(), 0
    while True:
        batch = batches[number % len(batches)]
        await asyncio.sleep(beginning + number / len(batches) - time.time())
        stamp = datetime.now(UTC).isoformat()
        body = orjson.dumps(
            {
                "readings": [
                    {"equipment_id": machine, "metric": metric, "value": float(number), "recorded_at": stamp}
                    for machine, metric in batch
                ]
            }
        )
        head = f"POST /api/v1/iot-data HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Device-Key: {key}\r\n"
        sent = f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        while (status := await posted(reader, writer, sent)) == 429:  # too many batches at once: it says, in a second
            await asyncio.sleep(1.0)
        if status != 200:
            raise SystemExit(f"POST /iot-data answered {status}")
        with count.get_lock():
            count.value += len(batch)
        number += 1


async def posted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    writer.write(request)
    return await read_answer(reader)


def send(port: int, estate: Estate, rate: int, size: int, count: Any) -> None:
    """The gateways, in a process of their own."""
    series = [(machine, metric) for machine in estate.machines for metric in estate.metrics][:rate]
    batches = [series[start : start + size] for start in range(0, len(series), size)]

    async def all_of_them() -> None:
        await asyncio.gather(*(send_batches(port, estate.device_key, [batch], count) for batch in batches))

    asyncio.run(all_of_them())


def watched(estate: Estate, number: int, *, silent: bool) -> str:
    """One in a hundred watches the whole site (of the silent one in ten), one in twenty a hall (all other silent)."""
    if number % (10 if silent else 100) == 7:
        return f"location_id={estate.site}"
    if silent or number % 20 == 3:
        return f"location_id={estate.rooms[number % len(estate.rooms)]}"
    return f"equipment_id={estate.machines[number % len(estate.machines)]}"


async def listen(product: Product, estate: Estate, options: argparse.Namespace, count: Any) -> Heard:
    heard, port = Heard(), product.addresses.stream_port
    loop = asyncio.get_running_loop()
    sleepers = []
    readers: list[Reader] = []
    for number in range(options.clients):
        silent = number < options.silent
        request = request_for(estate, number, watched(estate, number, silent=silent), port)
        if silent:
            sleepers.append(asyncio.create_task(sleep_on_it(request, port)))
        else:
            _, reader = await loop.create_connection(lambda request=request: Reader(request, heard), "127.0.0.1", port)
            readers.append(reader)
        await asyncio.sleep(0.02)
    opening = time.monotonic()
    while not all(reader.heard_something for reader in readers) and time.monotonic() - opening < OPEN_WITHIN:
        await asyncio.sleep(1)
    answered = sum(reader.heard_something for reader in readers)
    print(f"{answered} of {len(readers)} readers had been answered {time.monotonic() - opening:.0f} s later.")
    await asyncio.sleep(5)
    heard.window.clear()
    heard.longest_silence = 0.0
    print(
        f"{'s':>5} {'load':>5} {'in/s':>6} {'got/s':>6}  {'age of what is received':63} {'RSS MB':>7} {'cpu':>5} open",
        flush=True,
    )
    began = before = time.monotonic()
    spent, sent = cpu.spent(product.stream.pid), count.value
    for _ in range(int(options.minutes * 60 / options.every)):
        await asyncio.sleep(options.every)
        now, received = time.monotonic(), len(heard.window)
        took, spent_now, sent_now = now - before, cpu.spent(product.stream.pid), count.value
        is_open = await loop.run_in_executor(None, product.metric, "streams_open")
        print(
            f"{now - began:5.0f} {os.getloadavg()[0]:5.1f} {(sent_now - sent) / took:6.0f} {received / took:6.0f}  "
            f"{heard.sample():63} {product.resident():7.1f} {(spent_now - spent) / took * 100:5.0f} {is_open:.0f}",
            flush=True,
        )
        before, spent, sent = now, spent_now, sent_now
    lost = sum(reader.gone.done() for reader in readers)
    stopped = time.monotonic()
    product.stream.terminate()
    code = await loop.run_in_executor(None, product.stream.wait)
    print(f"SIGTERM: exit code {code} after {time.monotonic() - stopped:.1f} s, ", end="")
    await asyncio.sleep(1)
    print(f"{heard.goodbyes} of {len(readers)} readers were told; {lost} had lost their stream before.")
    for task in sleepers:
        task.cancel()
    return heard


def run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench streams")
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--silent", type=int, default=50, help="how many of them don't read")
    parser.add_argument("--rate", type=int, default=5000, help="readings a second, each of another series")
    parser.add_argument("--batch", type=int, default=1000, help="readings in one request")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--every", type=float, default=SAMPLE_EVERY, help="seconds between two samples")
    options = parser.parse_args(arguments)
    estate = build(max(options.rate // METRICS, MACHINES_IN_A_ROOM), options.clients // STREAMS_OF_ONE_PERSON)
    product = Product(Path(os.environ["STATE_DIR"]) / "bench-logs")
    spawning = multiprocessing.get_context("spawn")
    count = spawning.Value("q", 0)
    sender = spawning.Process(
        target=send, args=(product.addresses.web_port, estate, options.rate, options.batch, count), daemon=True
    )
    try:
        sender.start()
        heard = asyncio.run(listen(product, estate, options, count))
        print(f"All: {percentiles(sorted(heard.all))}, of {len(heard.all)} readings received.")
        print(f"The longest a reader heard nothing: {heard.longest_silence:.2f} s.")
    finally:
        if sender.pid:
            sender.kill()
        product.stop()
