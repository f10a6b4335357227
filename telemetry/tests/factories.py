from datetime import datetime, timedelta
from typing import Any

import factory
from django.utils import timezone

from equipment.tests.factories import EquipmentFactory
from telemetry.models import Detector, DeviceKey, Insight, Meter, Metric, Rule, Series
from telemetry.models.device_keys import digest_of


class MetricFactory(factory.django.DjangoModelFactory[Metric]):
    """Temperature in Cel unless said otherwise; the same code gives the same metric."""

    class Meta:
        model = Metric
        django_get_or_create = ("code",)

    class Params:
        vibration = factory.Trait(code="vibration", name="Vibration", unit="mm/s", physical_min=0.0, physical_max=500.0)
        pressure = factory.Trait(code="pressure", name="Pressure", unit="bar", physical_min=-1.1, physical_max=1000.0)

    code = "temperature"
    name = "Temperature"
    unit = "Cel"
    physical_min = -90.0
    physical_max = 1200.0


class SeriesFactory(factory.django.DjangoModelFactory[Series]):
    class Meta:
        model = Series

    equipment = factory.SubFactory(EquipmentFactory)
    metric = factory.SubFactory(MetricFactory)


class RuleFactory(factory.django.DjangoModelFactory[Rule]):
    """Too warm above 80 Cel, over at 75; for one machine unless `equipment=None, category=…`."""

    class Meta:
        model = Rule

    title = "Too warm"
    equipment = factory.SubFactory(EquipmentFactory)
    metric = factory.SubFactory(MetricFactory)
    trigger_value = 80.0
    clear_value = 75.0

    @classmethod
    def _create(cls, model_class: type[Rule], *args: Any, **kwargs: Any) -> Rule:
        return model_class.add(by=kwargs.pop("created_by", None), at=kwargs.pop("at", timezone.now()), **kwargs)


def issue_key(*, name: str = "Gateway 1", **reach: Any) -> tuple[DeviceKey, str]:
    return DeviceKey.issue(name=name, by=None, **(reach or {"all_equipment": True}))


class CounterFactory(SeriesFactory):
    """An electricity counter that is read every quarter of an hour."""

    metric = factory.SubFactory(
        MetricFactory, code="energy", name="Energy", unit="kW.h", kind="COUNTER", physical_min=0.0, physical_max=1e10
    )
    expected_interval_s = 900


class MeterFactory(factory.django.DjangoModelFactory[Meter]):
    """An electricity meter of a machine."""

    class Meta:
        model = Meter

    name = factory.Sequence(lambda number: f"Meter {number}")
    series = factory.SubFactory(CounterFactory)
    utility = "ELECTRICITY"
    equipment = factory.SelfAttribute("series.equipment")

    @classmethod
    def _create(cls, model_class: type[Meter], *args: Any, **kwargs: Any) -> Meter:
        return model_class.add(by=None, **kwargs)


class DetectorFactory(factory.django.DjangoModelFactory[Detector]):
    """A running z on the temperature of every machine, in shadow."""

    class Meta:
        model = Detector
        django_get_or_create = ("metric", "category", "kind")

    category = None
    kind = Detector.Kind.RUNNING_Z
    metric = factory.SubFactory(MetricFactory)


class InsightFactory(factory.django.DjangoModelFactory[Insight]):
    """Half an hour ago a machine was warmer than usual; shown, and over."""

    class Meta:
        model = Insight

    series = factory.SubFactory(SeriesFactory)
    equipment = factory.SelfAttribute("series.equipment")
    detector = factory.SubFactory(DetectorFactory, metric=factory.SelfAttribute("..series.metric"))
    state = Insight.State.SHOWN
    started_at = factory.LazyFunction(lambda: timezone.now() - timedelta(minutes=30))
    last_unusual_at = factory.LazyAttribute(lambda insight: insight.started_at + timedelta(minutes=10))
    ended_at = factory.SelfAttribute("last_unusual_at")
    site_date = factory.LazyAttribute(lambda insight: insight.started_at.date())
    value = 90.0
    peak_value = 95.0
    peak_score = 12.5
    expected_low = 20.0
    expected_high = 30.0


def holder(plain: str, *, at: datetime) -> DeviceKey | None:
    """Whom such a header makes a caller."""
    digest = digest_of(plain)
    return next((key for key in DeviceKey.objects.holding([digest]) if key.accepts(digest, at=at)), None)
