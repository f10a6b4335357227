"""How the deliveries of the last day stand, asked of the database at every scrape."""

from collections.abc import Iterator
from datetime import timedelta

from django.db import DatabaseError
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from faultreporter.api.metrics import further
from faultreporter.notifications.models import Delivery


class Deliveries(Collector):
    """By channel and state; a provider that is down shows as FAILED rising and as a wait that grows."""

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        recent = Delivery.objects.filter(created_at__gt=now - timedelta(days=1)).order_by()
        due = Delivery.objects.filter(state=Delivery.State.PENDING, due_at__lte=now).exclude(channel="DIGEST")
        try:
            counted = list(recent.values_list("channel", "state").annotate(count=Count("pk")))
            oldest = due.aggregate(oldest=Min("due_at"))["oldest"]
        except DatabaseError:
            return
        words = "Pushes and e-mails of the last 24 hours"
        family = GaugeMetricFamily("notification_deliveries", words, labels=["channel", "state"])
        for channel, state, count in counted:
            family.add_metric([channel, state], count)
        yield family
        seconds = (now - oldest).total_seconds() if oldest else 0
        yield GaugeMetricFamily("notification_oldest_due_seconds", "How long the oldest due delivery waits", seconds)


further.append(Deliveries())
