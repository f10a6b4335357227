"""The port every provider fits: plain facts in, raw text out. What the text is worth is decided elsewhere, once."""

from dataclasses import dataclass
from typing import Protocol

from aiassist.question import Question


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider wrote, not checked yet, and what it counted. Tokens are None where it doesn't say."""

    text: str
    input_tokens: int | None = None
    output_tokens: int | None = None


class ProviderFailed(Exception):
    """A call that brought no text. `code` is stable, `may_pass` says whether trying again makes sense."""

    code = "AI_PROVIDER_ERROR"
    may_pass = True


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


class Provider(Protocol):
    """One who can be asked. Every call makes its own attempt within `deadline_s` seconds; no retries of its own."""

    name: str
    model_name: str
    prompt_version: str
    looks_at_photos: bool

    def is_configured(self) -> bool: ...

    def ask(self, question: Question, *, deadline_s: float) -> Reply: ...

    def cancel(self) -> None:
        """Called from another thread when the deadline has passed: let go of the connection."""
        ...
