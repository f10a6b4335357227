"""The port every provider fits: a prompt in, raw text out. What the text is worth is decided elsewhere, once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol

from aiassist.prompts import Prompt

MAY_PASS: Final = {408, 409, 425, 429}
"""Refusals of a request that may be answered later; every 5xx may too."""

LONGEST_RETRY_AFTER: Final = 3600.0
"""Seconds. Nobody waits longer for an analysis; who asks for more is asked again then."""

MOST_TOKENS: Final = 2_000_000_000
DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s?")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider wrote, not checked yet, and what it counted. Tokens are None where it doesn't say.

    `cached_tokens` are those of the input it had stored already, `output_tokens` include what it thought.
    """

    text: str
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None


class ProviderFailed(Exception):
    """A call that brought no usable text.

    `code` is stable, `may_pass` says whether trying again makes sense, `retry_after_s` when at the earliest, and
    `reply` carries what was counted all the same.
    """

    code = "AI_PROVIDER_ERROR"
    may_pass = True

    def __init__(self, message: str, *, retry_after_s: float | None = None, reply: Reply | None = None) -> None:
        super().__init__(message)
        self.retry_after_s, self.reply = retry_after_s, reply


class ProviderTimedOut(ProviderFailed):
    code = "AI_PROVIDER_TIMEOUT"


class ProviderRejected(ProviderFailed):
    """The provider says that our request is wrong (a 4xx): the key, the model, the size. Asking again won't help."""

    code = "AI_PROVIDER_REJECTED"
    may_pass = False


class ProviderRefused(ProviderFailed):
    """The model declines to answer: a person has to look."""

    code = "AI_REFUSED"
    may_pass = False


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model as its provider lists it. `warning`: what the list says of its end, beyond a date."""

    name: str
    retires_on: date | None = None
    warning: str = ""


class Provider(Protocol):
    """One who can be asked. Every call makes its own attempt within `deadline_s` seconds; no retries of its own."""

    name: str
    model_name: str
    looks_at_photos: bool
    follows_prompts: bool
    """False for the rule book, which answers from `prompt.question` whatever the instructions say."""

    def is_configured(self) -> bool: ...

    def ask(self, prompt: Prompt, *, deadline_s: float) -> Reply: ...

    def cancel(self) -> None:
        """Called from another thread when the deadline has passed: let go of the connection."""
        ...


def failure_of_status(status: int, *, retry_after_s: float | None = None) -> ProviderFailed:
    """What an HTTP error means. Only the number is told on: an error's text may repeat a key."""
    message = f"the provider answered {status}"
    if status in MAY_PASS or status >= 500:
        return ProviderFailed(message, retry_after_s=retry_after_s)
    return ProviderRejected(message)


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds a `Retry-After` asks for, be it a number or a date; None without a usable one."""
    value = headers.get("retry-after", "").strip()
    seconds = duration(value)
    if seconds is None:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError):
            return None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        seconds = max(0.0, (date - (now or datetime.now(UTC))).total_seconds())
    return min(seconds, LONGEST_RETRY_AFTER)


def duration(value: str) -> float | None:
    """Seconds of "30" or "30.5s"."""
    match = DURATION.fullmatch(value)
    return min(float(match[1]), LONGEST_RETRY_AFTER) if match else None


def counted(value: Any) -> int | None:
    """A number of tokens, if it is one: the SDKs hand on whatever came."""
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None
