"""News from telemetry and equipment. It arrives inside the transaction of what it tells."""

from typing import Any

from django.db.models import Count, Q
from django.dispatch import receiver
from django.utils.translation import gettext

from alerts import services
from alerts.models import Alert
from equipment.models import Equipment
from equipment.signals import leaving_service
from faultreporter.errors import HasOpenWork
from telemetry.models import Cleared, Rule, Series
from telemetry.signals import counting_alerts, rule_cleared, rule_fired


@receiver(rule_fired)
def raise_alert(rule: Rule, series: Series, reading: Any, at: Any, because: str, version: int, **_: Any) -> None:
    services.raise_for_rule(rule=rule, series=series, value=reading.value, at=at, because=because, version=version)


@receiver(rule_cleared)
def clear_alert(rule: Rule, series: Series, reading: Any, at: Any, because: str, reason: Cleared, **_: Any) -> None:
    value = {} if reading is None else {"value": reading.value}
    services.clear_for_rule(rule=rule, series=series, at=at, reason=str(reason), because=because, **value)


@receiver(counting_alerts)
def count_alerts(series: Any, since: Any, until: Any, **_: Any) -> dict[str, int]:
    raised = Alert.objects.living().filter(series__in=series, occurred_at__gte=since, occurred_at__lt=until)
    is_closed = Q(status=Alert.Status.RESOLVED)
    return raised.aggregate(open=Count("pk", filter=~is_closed), closed=Count("pk", filter=is_closed))


@receiver(leaving_service)
def keep_machine_with_open_alerts(equipment: Equipment, **_: Any) -> None:
    alert = Alert.objects.living().unresolved().filter(equipment=equipment).first()
    if alert is not None:
        message = gettext("The alert “%(title)s” is open; resolve it first.") % {"title": alert.title}
        raise HasOpenWork(message, meta={"alert_id": str(alert.pk)})
