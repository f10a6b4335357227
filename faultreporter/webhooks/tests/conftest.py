from collections.abc import Iterator

import pytest

from alerts.tests.parallel import at_once
from faultreporter.webhooks.tests.receiver import Receiver, listening

__all__ = ["at_once"]


@pytest.fixture
def receiver(settings: object) -> Iterator[Receiver]:
    """Another system on this machine, which only tests may call."""
    settings.WEBHOOK_ALLOW_PRIVATE = True  # type: ignore[attr-defined]
    with listening() as server:
        yield server
