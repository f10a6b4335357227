from collections.abc import Iterator

import pytest

from faultreporter.tests.running import RunningStack


@pytest.fixture(scope="session")
def stack() -> Iterator[RunningStack]:
    """One running product for all tests that need the real thing."""
    running = RunningStack()
    yield running
    running.remove()
