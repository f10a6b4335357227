"""A closed loop of clients: each sends its next request when it has the answer to the last."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.cases import Request


@dataclass
class Result:
    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        return len(self.milliseconds) / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def encoded(request: Request, host: str, credential: str) -> bytes:
    body = request.body if isinstance(request.body, bytes) else json.dumps(request.body).encode()
    head = (
        f"{request.method} {request.path} HTTP/1.1\r\nHost: {host}\r\n{credential}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def read_answer(reader: asyncio.StreamReader) -> int:
    """The status; the body is read and thrown away."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), 0)
    await reader.readexactly(length)
    return int(lines[0].split(b" ")[1])


async def client(
    host: str, port: int, requests: Iterator[Request], credential: str, until: float, result: Result
) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    for request in requests:
        started = time.perf_counter()
        if started >= until:
            break
        writer.write(encoded(request, host, credential))
        result.statuses[await read_answer(reader)] += 1
        result.milliseconds.append((time.perf_counter() - started) * 1000)
    writer.close()


async def run(port: int, requests: Iterator[Request], *, credential: str, connections: int, seconds: float) -> Result:
    result = Result()
    began = time.perf_counter()
    await asyncio.gather(
        *(client("127.0.0.1", port, requests, credential, began + seconds, result) for _ in range(connections))
    )
    result.seconds = time.perf_counter() - began
    return result
