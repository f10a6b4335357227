"""Loads the fixtures of `faultreporter.testing` once pytest-django has set Django up and coverage is measuring."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.import_plugin("faultreporter.testing")
