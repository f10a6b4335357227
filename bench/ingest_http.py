"""Batches over HTTP: each connection is a gateway with its own sensors and sends its next batch after the answer."""

import asyncio
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench import cpu, load, peer, serving
from bench.batches import METRICS, UNITS, Figures, Fleet, Shape
from bench.cases import Request

ROUNDS = 7
SECONDS = 4.0
CONNECTIONS = 4
READINGS_AHEAD = 150_000


@dataclass(frozen=True)
class Side:
    """A server under load: where, with which credential, whose processor time counts, and a fleet a connection."""

    port: int
    path: str
    credential: str
    pid: int
    fleets: list[Fleet]

    def requests(self, fleet: Fleet, shape: Shape) -> Iterator[Request]:
        """The bodies are made ahead, so that the client costs little while it is measured."""
        batches = [fleet.batch(shape) for _ in range(READINGS_AHEAD // shape.readings)]
        bodies = [
            orjson.dumps({"readings": [{**one, "unit": UNITS[one["metric"]]} for one in rows]}) for rows in batches
        ]
        return (Request("POST", self.path, body) for body in bodies)

    async def load(self, shape: Shape) -> load.Result:
        supplies = [self.requests(fleet, shape) for fleet in self.fleets]
        result, began = load.Result(), time.perf_counter()
        until = began + SECONDS
        await asyncio.gather(
            *(load.client("127.0.0.1", self.port, supply, self.credential, until, result) for supply in supplies)
        )
        result.seconds = time.perf_counter() - began
        return result


def fleets_of(machines: list[str], shape: Shape) -> list[Fleet]:
    each = shape.series // len(METRICS)
    return [Fleet(machines[each * number : each * (number + 1)]) for number in range(CONNECTIONS)]


def measure(side: Side, shape: Shape, figures: Figures, postmaster: int) -> None:
    before = cpu.spent(side.pid), cpu.spent(postmaster)
    result = asyncio.run(side.load(shape))
    after = cpu.spent(side.pid), cpu.spent(postmaster)
    if wrong := {status: count for status, count in result.statuses.items() if status not in {200, 201}}:
        raise SystemExit(f"{side.path}: {wrong}")
    batches = len(result.milliseconds)
    figures.seconds.append(result.seconds / batches)
    figures.client.append((after[0] - before[0]) / batches)
    figures.database.append((after[1] - before[1]) / batches)


def compare(machines: list[str], key: str, folder: Path, shapes: list[Shape]) -> Iterator[str]:
    """Lines of the report: ours and the peer's figures, and the ratios."""
    os.environ["INGEST_BATCHES_PER_PROCESS"] = str(CONNECTIONS)  # none is to be refused here
    with ExitStack() as stack:
        port = serving.free_port()
        server = serving.start_server(port)
        stack.callback(server.wait, 20)
        stack.callback(server.terminate)
        fleets = fleets_of(machines, shapes[0])
        sides = {"ours": Side(port, "/api/v1/iot-data", f"X-Device-Key: {key}", server.pid, fleets)}
        if folder.is_dir():
            rival = stack.enter_context(peer.running(folder, port=serving.free_port()))
            fleets = fleets_of(rival.equipment_ids, shapes[0])
            sides["peer"] = Side(rival.port, "/api/v1/iot-data/batch", "Accept: */*", rival.pid, fleets)
        found = {(name, shape): Figures(shape.readings) for shape in shapes for name in sides}
        postmaster = serving.postmaster()
        for (name, shape), figures in itertools.chain.from_iterable([found.items()] * ROUNDS):
            measure(sides[name], shape, figures, postmaster)
    yield from (f"{f'{name}, {shape}':46} {figures}" for (name, shape), figures in found.items())
    if "peer" not in sides:
        yield f"The peer was not measured: there is no {folder}."
        return
    for shape in shapes:
        yield f"{shape}: {found['ours', shape].rate / found['peer', shape].rate:.1f} times the peer"
