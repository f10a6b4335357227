"""Work on all readings that have come takes turns, a transaction each.

Roll-ups and detectors begin at the same moments, and after some seconds of many readings each of them keeps a processor
busy. Side by side they would take both processors of a small machine from the people and alarms that wait for them.
"""

from django.db import connection

# Any constant does; it only has to differ from the other advisory locks of the project.
TURN_LOCK = 7_105_004


def take_turn() -> None:
    """Waits until nobody else works on what has come; the turn ends with the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TURN_LOCK])
