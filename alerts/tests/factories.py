from datetime import datetime
from typing import Any

import factory
from django.utils import timezone

from alerts import services
from alerts.models import Alert
from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from telemetry.models import Metric, Rule, Series


class AlertFactory(factory.django.DjangoModelFactory[Alert]):
    """An open report, made the way a person makes it; `critical` takes the machine down."""

    class Meta:
        model = Alert

    class Params:
        critical = factory.Trait(severity=Alert.Severity.CRITICAL)

    equipment = factory.SubFactory(EquipmentFactory)
    title = factory.Sequence(lambda n: f"Fault {n}")

    @classmethod
    def _create(cls, model_class: type[Alert], *args: Any, **kwargs: Any) -> Alert:
        kwargs.setdefault("at", timezone.now())
        alert, _ = services.report_fault(by=kwargs.pop("reported_by", None), **kwargs)
        return alert


def make_rule(equipment: Equipment, **fields: Any) -> tuple[Rule, Series]:
    """A limit on a machine's vibration, and the series it watches."""
    metric, _ = Metric.objects.get_or_create(code="test_vibration", defaults={"name": "Vibration", "unit": "mm/s"})
    series, _ = Series.objects.get_or_create(equipment=equipment, metric=metric)
    given = {"title": "Vibration too high", "trigger_value": 7.1, "clear_value": 6.0, "severity": "HIGH"} | fields
    rule = Rule.objects.create(equipment=equipment, metric=metric, effective_from=timezone.now(), **given)
    return rule, series


def fire(rule: Rule, series: Series, *, at: datetime | None = None, value: float = 8.4) -> Alert:
    because = f"Vibration was {value:g} mm/s."
    moment = at or timezone.now()
    return services.raise_for_rule(rule=rule, series=series, value=value, at=moment, because=because, version=1)


def clear(rule: Rule, series: Series, *, at: datetime | None = None) -> None:
    services.clear_for_rule(rule=rule, series=series, at=at or timezone.now(), reason="RECOVERED")


def firing_alert(equipment: Equipment | None = None, **fields: Any) -> Alert:
    """An alert whose condition still holds."""
    return fire(*make_rule(equipment or EquipmentFactory.create(), **fields))
