"""How often one caller may call: the generic cell rate algorithm (GCRA), atomic in Redis.

One key holds the theoretical arrival time of the next request; a burst of a whole minute's allowance is fine, after it
requests drip. While Redis is down nobody is limited: being slowed by an outage of the limiter would be an outage.
"""

import math
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import redis
import structlog

from faultreporter.redis import connection

log = structlog.get_logger(__name__)

PERIOD = 60
SCRIPT = """
local now = tonumber(redis.call('TIME')[1]) + tonumber(redis.call('TIME')[2]) / 1000000
local limit, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local interval = period / limit
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local room = now + period - tat
if room < interval then
  return {0, 0, tostring(interval - room), tostring(tat - now)}
end
tat = tat + interval
redis.call('SET', KEYS[1], tostring(tat), 'EX', math.ceil(period) + 1)
return {1, math.floor((now + period - tat) / interval), '0', tostring(tat - now)}
"""
PAUSE_AFTER_FAILURE = 5.0
_paused_until = 0.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left to a caller: requests now, seconds until the full allowance is back, seconds to wait if none."""

    allowed: bool
    limit: int
    remaining: int
    reset_after: int
    retry_after: int

    @property
    def headers(self) -> dict[str, str]:
        """draft-ietf-httpapi-ratelimit-headers."""
        return {
            "RateLimit": f'"default";r={self.remaining};t={self.reset_after}',
            "RateLimit-Policy": f'"default";q={self.limit};w={PERIOD}',
        }


@cache
def script() -> Any:
    return connection().register_script(SCRIPT)


def take(caller: str, limit: int, *, period: int = PERIOD, when_down: bool = True) -> Allowance:
    """Count one request of `caller`, at most `limit` in `period` seconds; `when_down` is the answer without Redis."""
    global _paused_until  # noqa: PLW0603 - one breaker per process
    if time.monotonic() < _paused_until:
        return uncounted(limit, allowed=when_down)
    try:
        allowed, remaining, wait, reset = script()(keys=[f"rate:{caller}"], args=[limit, period])
    except redis.RedisError as error:
        _paused_until = time.monotonic() + PAUSE_AFTER_FAILURE
        log.warning("rate_limit_unavailable", error=type(error).__name__)
        return uncounted(limit, allowed=when_down)
    return Allowance(
        allowed=bool(allowed),
        limit=limit,
        remaining=int(remaining),
        reset_after=math.ceil(float(reset)),
        retry_after=math.ceil(float(wait)),
    )


def uncounted(limit: int, *, allowed: bool) -> Allowance:
    return Allowance(allowed=allowed, limit=limit, remaining=limit if allowed else 0, reset_after=0, retry_after=0)
