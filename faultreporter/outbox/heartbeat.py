"""A sign of life of the relays, for /health. It lies in Redis: a relay that can't reach the broker is no use anyway."""

from datetime import UTC, datetime

from redis.exceptions import RedisError

from faultreporter import redis

KEY = "faultreporter:relay:seen_at"


def beat(*, at: datetime) -> None:
    redis.connection().set(KEY, at.timestamp())


def last_seen() -> datetime | None:
    """When a relay last reached database and broker; None when never, or when Redis is down."""
    try:
        stamp = redis.connection().get(KEY)
    except RedisError:
        return None
    return datetime.fromtimestamp(float(stamp), UTC) if stamp else None
