"""A day of sensors that waver, fall silent and mistake the time, small; `python -m bench alarms` is the large one."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from alerts.models import Alert
from bench.alarms import Building
from bench.day import expected_alerts


@pytest.mark.django_db
def test_the_alerts_of_a_day_are_those_on_paper() -> None:
    building = Building(100, start=timezone.now().replace(second=0, microsecond=0) - timedelta(days=1))

    building.live(minutes=1440, every=10)

    alerts = Counter(Alert.objects.values_list("equipment__equipment_name", flat=True))
    assert alerts == {"Simulated real": 20, "Simulated silent": 2, "Simulated outage": 1}
    assert sum(alerts.values()) == expected_alerts(100)
    assert not Alert.objects.filter(cleared_at=None).exists()
    assert building.tally.readings["rejected"] == 0
    assert building.tally.crossings > 500 * expected_alerts(100)
