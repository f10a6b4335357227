"""Loads the fixtures of `faultreporter.testing` once pytest-django has set Django up and coverage is measuring.

And has Hypothesis wait for a busy machine.
"""

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is slow, not wrong.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("patient")
    config.pluginmanager.import_plugin("faultreporter.testing")
