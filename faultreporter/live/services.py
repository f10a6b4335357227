"""For the apps whose records people watch."""

from typing import Any
from uuid import UUID

from faultreporter.live.bus import Kind
from faultreporter.outbox import publish

SEND = "faultreporter.live.tasks.send"


def announce(kind: str, *, equipment_id: UUID, data: dict[str, Any]) -> None:
    """Tell everybody who is listening to this machine, once the current transaction commits.

    `data` is small: what a screen shows at once, and where to read the rest. It may arrive twice, and two pieces of
    news of one record may change places; whoever keeps the one with the later `changed_at` is right.
    """
    publish(SEND, kind=Kind(kind).value, equipment_id=equipment_id, data=data)
