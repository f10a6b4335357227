"""Work on all readings that have come takes turns, a transaction each.

Roll-ups and detectors begin at the same moments, and after some seconds of many readings each of them keeps a processor
busy. Side by side they would take both processors of a small machine from the people and alarms that wait for them.
"""

from faultreporter.locks import Lock, hold


def take_turn() -> None:
    """Waits until nobody else works on what has come; the turn ends with the caller's transaction."""
    hold(Lock.TURN)
