"""One call of a provider, in a thread of its own that never touches the database."""

import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

from aiassist.errors import ClaimLost
from aiassist.prompts import Prompt
from aiassist.providers.base import Provider, ProviderFailed, ProviderTimedOut, Reply

SIGN_OF_LIFE: Final = 4.0
"""Seconds between two signs of life of whoever waits for the reply."""

log = structlog.get_logger(__name__)


class Call:
    """Begun when it is made; it ends by a reply, a failure, or at its deadline."""

    def __init__(self, provider: Provider, prompt: Prompt, *, deadline_s: float) -> None:
        self.provider = provider
        self.done = threading.Event()
        self.ends = time.monotonic() + deadline_s
        self.reply: Reply | None = None
        self.failure: ProviderFailed | None = None
        threading.Thread(target=self.ask, args=(prompt, deadline_s), daemon=True).start()

    def ask(self, prompt: Prompt, deadline_s: float) -> None:
        try:
            self.reply = self.provider.ask(prompt, deadline_s=deadline_s)
        except ProviderFailed as failure:
            self.failure = failure
        except Exception:
            # A stranger's answer found a hole in our client; the next provider may still do.
            log.exception("provider_client_broke", provider=self.provider.name)
        finally:
            self.done.set()

    def wait(self, sign_of_life: Callable[[], None]) -> Reply:
        """The reply. Whoever can't wait any longer lets go of the connection."""
        try:
            while not self.done.wait(min(SIGN_OF_LIFE, max(0.01, self.seconds_left()))):
                if self.seconds_left() <= 0:
                    raise ProviderTimedOut("no answer within the deadline")
                sign_of_life()
        except (ProviderTimedOut, ClaimLost):
            self.provider.cancel()
            raise
        if self.failure is not None:
            raise self.failure
        if self.reply is None:
            raise ProviderFailed("the provider's answer could not be read")
        return self.reply

    def seconds_left(self) -> float:
        return self.ends - time.monotonic()
