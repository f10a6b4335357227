"""What all clients of remote providers share, and how a provider makes itself known.

A new provider is one module in this package: a subclass of `Client` and a `PROVIDER` that declares it. Its SDK is
imported where it is used: a web process that never asks shouldn't pay for it.
"""

import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from django.utils.functional import Promise

from aiassist.prompts import Prompt
from aiassist.providers.base import ListedModel, ProviderFailed, ProviderRejected, ProviderTimedOut, Reply

MAX_OUTPUT_TOKENS: Final = 16_000
"""What a model thinks counts too, and takes several times what it writes."""

LONGEST_LIST: Final = 5_000
NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{1,29}")


class Client(ABC):
    """One provider, reached through its SDK. Nothing here retries, and every call ends at its deadline."""

    looks_at_photos = True
    follows_prompts = True

    def __init__(self, *, name: str, api_key: str, model: str, base_url: str) -> None:
        self.name, self.model_name = name, model
        self.api_key, self.base_url = api_key, base_url
        self._sdk: Any = None
        self._is_cancelled = False

    def is_configured(self) -> bool:
        return bool(self.api_key)

    def ask(self, prompt: Prompt, *, deadline_s: float) -> Reply:
        with self.connected(deadline_s) as sdk:
            return self.send(sdk, prompt)

    def find_model(self, *, deadline_s: float) -> tuple[ListedModel | None, list[str]]:
        """The configured model as the provider lists it, and the names of all; None if it has no such model.

        Some lists leave aliases out, so one that isn't listed is asked for by its name.
        """
        with self.connected(deadline_s) as sdk:
            listed = {model.name: model for model in islice(self.listed(sdk), LONGEST_LIST)}
            found = listed.get(self.model_name)
            try:
                return found or self.named(sdk), sorted(listed)
            except Exception as error:
                if isinstance(self.failure(error), ProviderRejected):
                    return None, sorted(listed)
                raise

    def cancel(self) -> None:
        self._is_cancelled = True
        if self._sdk is not None:
            self._sdk.close()

    @contextmanager
    def connected(self, deadline_s: float) -> Iterator[Any]:
        """The SDK's client until the deadline: then the connection is closed, however steadily it may drip."""
        ends, self._is_cancelled = time.monotonic() + deadline_s, False
        self._sdk = self.connect(deadline_s)
        guard = threading.Timer(max(0.0, ends - time.monotonic()), self.cancel)
        guard.daemon = True
        guard.start()
        try:
            yield self._sdk
        except ProviderFailed:
            raise
        except Exception as error:
            if self._is_cancelled:
                raise ProviderTimedOut("no answer within the deadline") from error
            failure = self.failure(error)
            if failure is None:
                raise
            raise failure from error
        finally:
            guard.cancel()
            self._sdk.close()

    @abstractmethod
    def connect(self, timeout_s: float) -> Any:
        """The SDK's client, which must not retry and has a `close()`. A single read may take `timeout_s` seconds."""

    @abstractmethod
    def send(self, sdk: Any, prompt: Prompt) -> Reply:
        """One request. The raw text: SDKs that parse hide what was wrong with it."""

    @abstractmethod
    def failure(self, error: Exception) -> ProviderFailed | None:
        """What an exception of the SDK means; None if it is none of those it may raise."""

    @abstractmethod
    def listed(self, sdk: Any) -> Iterable[ListedModel]: ...

    @abstractmethod
    def named(self, sdk: Any) -> ListedModel:
        """The configured model, asked for by its name."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """A provider that can be asked here once it has a key.

    `<name>_API_KEY`, `<name>_MODEL` and `<name>_BASE_URL` of the environment configure it; `model` and `base_url` are
    what holds without the latter two.
    """

    name: str
    label: str | Promise
    client: Callable[..., Client]
    model: str
    base_url: str

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} can't be a provider's name: {NAME.pattern}")
