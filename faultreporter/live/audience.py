"""Who hears what: the machine or series that something is about, and what a listener asked for and may see."""

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from faultreporter.api.renderers import to_json
from faultreporter.live.bus import EPOCH, TICK, Kind, Reading

Key = int | UUID | None
"""A series, a machine or a place; None is everything."""


@dataclass(slots=True)
class Topic:
    """A machine or one of its series. `keys`: None, the series, the machine, the places it stands in."""

    keys: tuple[Key, ...]
    about: bytes
    """Of a series, the JSON of what is the same in all its readings; of a machine, that of what it is called."""
    newest: int = 0
    """The moment (microseconds since 1970) of the newest reading that listeners were given."""

    def reading(self, reading: Reading) -> bytes:
        said = to_json({"value": reading.value, "recorded_at": EPOCH + reading.ticks * TICK})
        return self.about[:-1] + b"," + said[1:]

    def news(self, said: bytes) -> bytes:
        return said[:-1] + b',"equipment":' + self.about + b"}"


@dataclass(slots=True)
class Audience:
    """What one listener hears: of these kinds, in each of the groups that are named, and nothing of hidden sites."""

    kinds: frozenset[Kind] = frozenset(Kind)
    series: frozenset[int] = frozenset()
    machines: frozenset[UUID] = frozenset()
    places: frozenset[UUID] = frozenset()
    hidden: frozenset[UUID] = frozenset()
    groups: tuple[Set[Key], ...] = field(init=False)

    def __post_init__(self) -> None:
        self.groups = tuple(group for group in (self.machines, self.places) if group)

    @property
    def index(self) -> Set[Key]:
        """The keys under which its readings are found: those of the narrowest group."""
        return self.series or self.machines or self.places or frozenset({None})

    def hears(self, topic: Topic) -> bool:
        """For a series that was found by `index`, or a machine: `series` narrows readings only."""
        keys = topic.keys
        return self.hidden.isdisjoint(keys) and not any(group.isdisjoint(keys) for group in self.groups)


class Directory(Protocol):
    """What the database knows of series and machines. Called in a thread that may talk to it."""

    def series(self, ids: Collection[int]) -> Mapping[int, Topic]: ...

    def machines(self, ids: Collection[UUID]) -> Mapping[UUID, Topic]: ...

    def latest(self, audience: Audience) -> list[Reading]:
        """The latest readings of everything this audience hears."""

    def latest_of(self, series: Collection[int]) -> list[Reading]: ...
