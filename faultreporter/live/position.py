"""Places in a Redis stream."""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import redis.asyncio

WRITTEN = re.compile(r"(\d{1,19})-(\d{1,19})", re.ASCII)


class Position(NamedTuple):
    """The id of an entry: milliseconds by the clock of Redis, and a number within them."""

    milliseconds: int
    number: int

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.number}"

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Raises ValueError for what Redis wouldn't take for an id."""
        found = WRITTEN.fullmatch(text)
        if not found or max(int(found[1]), int(found[2])) >= 2**63:
            raise ValueError(f"{text[:50]!r} isn't a position in a stream")
        return cls(int(found[1]), int(found[2]))


START = Position(0, 0)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a stream reaches from and to, and whether anything before that was ever thrown away."""

    first: Position
    last: Position
    is_whole: bool

    def has_lost(self, position: Position) -> bool:
        """Whether entries after `position` are gone, or it was never one of this stream's."""
        return position > self.last or (position < self.first and not self.is_whole)


async def standing(connection: "redis.asyncio.Redis", stream: str) -> Standing:
    """A stream that isn't there has just begun."""
    try:
        info: dict[str, Any] = await connection.xinfo_stream(stream)
    except redis.ResponseError:
        return Standing(START, START, is_whole=True)
    first, last = info["first-entry"], info["last-generated-id"]
    return Standing(
        Position.parse(first[0].decode()) if first else START,
        Position.parse(last.decode()),
        is_whole=info["entries-added"] == info["length"],
    )
