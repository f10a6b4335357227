"""The types of event that a webhook can ask for. The apps whose records they are about declare them."""

from collections.abc import Iterable

from django.utils.functional import Promise

PING = "ping"
EVERYTHING = "*"

_declared: dict[str, "str | Promise"] = {}


def declare(record: str, kinds: Iterable[tuple[str, "str | Promise"]]) -> None:
    """Every kind of line in the timelines of such a record is an event: `alert` and `RAISED` make `alert.raised`."""
    _declared.update({name_of(record, kind): label for kind, label in kinds})


def name_of(record: str, kind: str) -> str:
    return f"{record}.{kind.lower()}"


def event_types() -> dict[str, str]:
    """Every type with what it means in words, in the order of their names."""
    return {name: str(_declared[name]) for name in sorted(_declared)}


def unknown(names: Iterable[str]) -> list[str]:
    return [name for name in names if name != EVERYTHING and name not in _declared]
