"""How the streams do. The stream process tells of its own listeners; what couldn't be sent, any process tells."""

from collections.abc import Iterator

import redis
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from faultreporter.api.metrics import further
from faultreporter.live import bus

OPEN = Gauge("streams_open", "Streams that are open", multiprocess_mode="livesum")
REFUSED = Counter("streams_refused_total", "Streams refused because there were too many")
ENDED = Counter("streams_ended_total", "Streams ended by the server", ["code"])
EVENTS = Counter("stream_events_total", "Events handed to listeners", ["event"])
READINGS = Counter("stream_readings_total", "Readings handed to listeners")
SUPERSEDED = Counter("stream_readings_superseded_total", "Readings replaced by newer ones before a listener took them")
DROPPED = Counter("stream_news_dropped_total", "News that didn't fit a slow listener's queue; it was reset")
LAG = Histogram(
    "stream_lag_seconds",
    "From a worker's sending until the listeners' queues",
    buckets=(0.005, 0.02, 0.1, 0.3, 1.0, 3.0, 10.0),
)


class Unsent(Collector):
    """Left out while Redis doesn't answer."""

    def collect(self) -> Iterator[Metric]:
        try:
            found = bus.failures()
        except redis.RedisError:
            return
        words = "Messages to the streams that Redis didn't take, by kind; readings are made good by the next"
        family = CounterMetricFamily("live_unsent", words, labels=["kind"])
        for kind in bus.Kind:
            family.add_metric([kind.value], found.get(kind.value, 0))
        yield family


further.append(Unsent())
