"""Columns of numbers on their way to PostgreSQL in its binary format, without a step of Python for each.

A statement takes an array as a parameter: int32 arrives as int[], float64 as float8[], and int64 as timestamptz[], for
there it holds moments in ticks, which is how PostgreSQL keeps a time.
"""

from datetime import datetime
from struct import Struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Cursor, pq
from psycopg.abc import DumperKey, PyFormat
from psycopg.adapt import Dumper
from psycopg.types.numeric import Int8BinaryLoader


class Type(NamedTuple):
    """What an element stands for, PostgreSQL's numbers for its type and the array's, and how elements are laid out."""

    python: type
    element: int
    array: int
    layout: "np.dtype[np.void]"


def layout(element: str) -> "np.dtype[np.void]":
    """Each with its length before it."""
    return np.dtype([("length", ">i4"), ("element", element)])


TYPES = {
    np.dtype(np.int32): Type(int, 23, 1007, layout(">i4")),
    np.dtype(np.int64): Type(datetime, 1184, 1185, layout(">i8")),
    np.dtype(np.float64): Type(float, 701, 1022, layout(">f8")),
}
# Dimensions, whether there are nulls, the element's type, how many, and the first one's index.
pack_header = Struct("!iiIii").pack


class ColumnDumper(Dumper):
    format = pq.Format.BINARY

    def get_key(self, obj: "NDArray[Any]", format: PyFormat) -> DumperKey:  # noqa: A002 - psycopg's name
        return self.cls, TYPES[obj.dtype].python

    def upgrade(self, obj: "NDArray[Any]", format: PyFormat) -> "ColumnDumper":  # noqa: A002
        dumper = ColumnDumper(self.cls)
        dumper.oid = TYPES[obj.dtype].array
        return dumper

    def dump(self, obj: "NDArray[Any]") -> bytes:
        kind = TYPES[obj.dtype]
        elements = np.empty(len(obj), kind.layout)
        elements["length"], elements["element"] = obj.itemsize, obj
        return pack_header(1, 0, kind.element, len(obj), 1) + elements.tobytes()


def use_columns(cursor: Cursor[Any]) -> None:
    """This cursor takes columns, and times it returns in binary come in ticks."""
    cursor.adapters.register_dumper(np.ndarray, ColumnDumper)
    cursor.adapters.register_loader("timestamptz", Int8BinaryLoader)
