from typing import Any

from django.utils import timezone

from telemetry.store.partitions import ensure_partitions


def make_partitions(**_: Any) -> None:
    """After every migrate, so that a fresh database takes readings at once."""
    ensure_partitions(at=timezone.now())
