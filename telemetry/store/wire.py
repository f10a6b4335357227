"""Columns of numbers on their way to PostgreSQL in its binary format, without a step of Python for each.

A statement takes `array` as a parameter: "i" arrives as int[], "d" as float8[], and "q" as timestamptz[], for there it
holds moments in ticks, which is how PostgreSQL keeps a time.
"""

from array import array
from datetime import datetime
from struct import Struct
from sys import byteorder
from typing import Any, NamedTuple

from psycopg import Cursor, pq
from psycopg.abc import DumperKey, PyFormat
from psycopg.adapt import Dumper, Loader


class Type(NamedTuple):
    """What an element stands for, and PostgreSQL's numbers for the types of an element and of the whole."""

    python: type
    element: int
    array: int


TYPES = {"i": Type(int, 23, 1007), "d": Type(float, 701, 1022), "q": Type(datetime, 1184, 1185)}
# Dimensions, whether there are nulls, the element's type, how many, and the first one's index.
pack_header = Struct("!iiIii").pack
pack_length = Struct("!i").pack
unpack_ticks = Struct("!q").unpack


class ColumnDumper(Dumper):
    format = pq.Format.BINARY

    def get_key(self, obj: "array[Any]", format: PyFormat) -> DumperKey:  # noqa: A002 - psycopg's name
        return self.cls, TYPES[obj.typecode].python

    def upgrade(self, obj: "array[Any]", format: PyFormat) -> "ColumnDumper":  # noqa: A002
        dumper = ColumnDumper(self.cls)
        dumper.oid = TYPES[obj.typecode].array
        return dumper

    def dump(self, obj: "array[Any]") -> bytes:
        """Each byte of all elements goes to its place in one step."""
        width = obj.itemsize
        elements = bytearray((pack_length(width) + bytes(width)) * len(obj))
        if byteorder == "little":
            obj = obj[:]
            obj.byteswap()
        octets = obj.tobytes()
        for place in range(width):
            elements[4 + place :: 4 + width] = octets[place::width]
        return pack_header(1, 0, TYPES[obj.typecode].element, len(obj), 1) + elements


class TicksLoader(Loader):
    format = pq.Format.BINARY

    def load(self, data: Any) -> int:
        ticks: int = unpack_ticks(data)[0]
        return ticks


def use_columns(cursor: Cursor[Any]) -> None:
    """This cursor takes columns, and times it returns in binary come in ticks."""
    cursor.adapters.register_dumper(array, ColumnDumper)
    cursor.adapters.register_loader("timestamptz", TicksLoader)
