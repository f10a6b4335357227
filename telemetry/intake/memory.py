"""What a process remembers of rows that rarely change, exactly as long as it is true.

The database itself changes the version in `iot_directory` (DirectoryVersion) with whatever could make untrue what is
remembered, in the same transaction. So one look at the version tells whether all of it still holds.
"""

import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Generic, NamedTuple, TypeVar

from telemetry.store.storage import binary_cursor

K = TypeVar("K")
V = TypeVar("V")

MOST_REMEMBERED = 200_000

# A transaction that has written something may see what is rolled back later: nothing is remembered of it.
VERSION_SQL = "SELECT version FROM iot_directory WHERE pg_current_xact_id_if_assigned() IS NULL"


class Memory(NamedTuple, Generic[K, V]):
    """What keys came to under one version. Threads share it: entries are only ever added."""

    version: uuid.UUID | None
    entries: dict[K, V]


class Remembered(Generic[K, V]):
    """One a process for each kind of question. `look_up` answers it; what is not `lasting` is asked again."""

    def __init__(
        self, look_up: Callable[[Collection[K]], Mapping[K, V]], *, lasting: Callable[[V], bool] = lambda _: True
    ) -> None:
        self.look_up, self.lasting = look_up, lasting
        self.forget()

    def forget(self) -> None:
        self.memory: Memory[K, V] = Memory(None, {})

    def find(self, keys: Collection[K], *, version: uuid.UUID | None) -> dict[K, V]:
        """What each of the keys comes to at the `version` just read; those that come to nothing are left out."""
        memory = self.memory
        known = memory.entries if version is not None and version == memory.version else {}
        found = {key: value for key in keys if (value := known.get(key)) is not None}
        if len(found) < len(keys):
            fresh = self.look_up([key for key in keys if key not in found])
            # What was looked up between two looks at one version is what holds under it.
            if version is not None and version == current_version():
                self.keep(version, {key: value for key, value in fresh.items() if self.lasting(value)})
            found.update(fresh)
        return found

    def keep(self, version: uuid.UUID, fresh: dict[K, V]) -> None:
        memory = self.memory
        if memory.version == version and len(memory.entries) + len(fresh) <= MOST_REMEMBERED:
            memory.entries.update(fresh)
        else:
            self.memory = Memory(version, fresh)


def current_version() -> uuid.UUID | None:
    """None in a transaction that has written."""
    with binary_cursor() as cursor:
        row = cursor.execute(VERSION_SQL, binary=True, prepare=True).fetchone()
        return row[0] if row else None
