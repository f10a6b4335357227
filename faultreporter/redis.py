"""The one Redis connection pool of a process.

Redis makes things faster and carries wake-ups; the truth is in PostgreSQL. Whoever calls it says what happens
while it is down, so time-outs are short.
"""

from functools import cache

import redis
from django.conf import settings


@cache
def connection() -> "redis.Redis":
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=0.5,
        socket_connect_timeout=0.5,
        max_connections=32,
        health_check_interval=30,
    )
