"""PostgreSQL's advisory locks: what one transaction does at a time, in whatever process.

A lock ends with its transaction, however that ends. Of those for readings, ROLL_UPS is taken before TURN, and TURN
before INSIGHTS.
"""

from enum import IntEnum, unique

from django.db import connection


@unique
class Lock(IntEnum):
    """What one transaction at a time does. Numbers must differ, and other programs on the database may use low ones."""

    ADMINISTRATORS = 0x6672_0001
    """Decides whether an administrator is left."""
    FIRST_SIGN_IN = 0x6672_0002
    """Admits somebody who signs in for the first time."""
    SEAL_OF_AUDIT_LOG = 0x6672_0003
    """Seals the audit log."""
    PLACES = 0x6672_0004
    """Changes the tree of places."""
    PARTS = 0x6672_0005
    """Makes a machine part of another one."""
    MERGE = 0x6672_0006
    """Merges alerts."""
    QUARTER = 0x6672_0007
    """Rolls up the reliability of a quarter; one for each quarter."""
    AI_QUOTA = 0x6672_0008
    """Counts somebody's questions; one for each person."""
    AI_ADMISSION = 0x6672_0009
    """Lets a call of a provider through, for the few milliseconds of looking at the ledger."""
    PARTITIONS = 0x6672_000A
    """Makes the months of readings."""
    ROLL_UPS = 0x6672_000B
    """Writes roll-ups of readings."""
    TURN = 0x6672_000C
    """Works through readings that have come: see `telemetry.store.turns`."""
    INSIGHTS = 0x6672_000D
    """Stores insights, or who looks for them."""
    SILENT_GATEWAYS = 0x6672_000E
    """Settles which series speaks for a gateway that is silent."""
    LINKS_OF_ORDERS = 0x6672_000F
    """Links work orders to one another, or takes a link away."""


def hold(lock: Lock, of: str | None = None) -> None:
    """Waits for the lock and holds it to the end of the transaction; `of` is for those that there are several of."""
    with connection.cursor() as cursor:
        if of is None:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock])
        else:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [lock, of])


def hold_if_free(lock: Lock) -> bool:
    """Whether it is held now, to the end of the transaction. It isn't if somebody else holds it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock])
        return bool(cursor.fetchone()[0])
