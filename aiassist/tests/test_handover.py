"""A site's day in words: what is gathered, what the rule book writes of it, and what our code makes of others' words."""

from datetime import date
from typing import Any

import pytest
from django.utils import timezone

from aiassist import pipeline
from aiassist.models import Analysis
from alerts.tests.factories import AlertFactory
from equipment.tests.factories import EquipmentFactory
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db


def ask(site: Any, day: date | None = None, **fields: Any) -> Analysis:
    at = timezone.now()
    made: Analysis = Analysis.objects.ask(
        by=None, at=at, provider="RULEBOOK", purpose="HANDOVER", site=site, day=day or at.date(), **fields
    )
    return made


def test_it_works() -> None:
    site = LocationFactory.create(name="Northgate")
    machine = EquipmentFactory.create(location=site, equipment_code="PUMP-1", equipment_name="Pump 1")
    AlertFactory.create(equipment=machine, title="Leaks")
    analysis = ask(site)

    pipeline.run(analysis.pk)

    analysis.refresh_from_db()
    assert (analysis.status, analysis.provider, analysis.needs_review) == ("SUCCEEDED", "RULEBOOK", False)
    assert analysis.result is not None
    assert analysis.result["headline"].startswith("Northgate, ")
    assert [section["topic"] for section in analysis.result["sections"]] == ["ALERTS"]
