"""Who can be asked here: every provider a module of this package declares, and the order in which AUTO asks."""

import pkgutil
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from aiassist import providers
from aiassist.errors import AiProviderUnavailable
from aiassist.providers.base import Provider
from aiassist.providers.client import Client, Declaration
from aiassist.providers.rulebook import RuleBook

AUTO: Final = "AUTO"
RULEBOOK: Final = "RULEBOOK"


@cache
def declared() -> dict[str, Declaration]:
    modules = (
        import_module(f"{providers.__name__}.{found.name}") for found in pkgutil.iter_modules(providers.__path__)
    )
    declarations = [module.PROVIDER for module in modules if hasattr(module, "PROVIDER")]
    return {declaration.name: declaration for declaration in declarations}


def choices() -> list[tuple[str, Any]]:
    """What a question's `provider` may be, with its name for people."""
    return [
        *((name, declaration.label) for name, declaration in declared().items()),
        (AUTO, gettext_lazy("Automatic")),
        (RULEBOOK, gettext_lazy("Rule book (offline)")),
    ]


def label(name: str) -> str:
    """Its name for people; one that nobody declares any more keeps the one it was stored under."""
    return str(dict(choices()).get(name, name))


def client(name: str) -> Client:
    """A fresh client of this declared provider, configured or not; what the settings leave open is its default."""
    declaration, options = declared()[name], settings.AI_PROVIDERS.get(name, {})
    return declaration.client(
        name=name,
        api_key=options.get("api_key", ""),
        model=options.get("model") or declaration.model,
        base_url=options.get("base_url") or declaration.base_url,
    )


def provider(name: str) -> Provider:
    return RuleBook() if name == RULEBOOK else client(name)


def all_providers() -> Iterable[Provider]:
    return map(provider, (*declared(), RULEBOOK))


def to_ask(requested: str, *, allow_fallback: bool = True) -> list[Provider]:
    """In this order. AUTO is the configured ones and then the rule book, which never fails.

    A name is itself, and then whoever AUTO would ask, if the one who asks allows that.
    """
    if requested == RULEBOOK or (requested != AUTO and not allow_fallback):
        return [provider(requested)]
    order = [name for name in settings.AI_PROVIDER_ORDER if name in declared() and name != requested]
    others = [p for p in map(provider, order) if p.is_configured()]
    named = [] if requested == AUTO else [provider(requested)]
    return [*named, *others, RuleBook()]


def require_available(requested: str) -> None:
    """Refuses a provider asked for by name that has no key here."""
    if requested != AUTO and not provider(requested).is_configured():
        message = _("%(provider)s is not configured on this server. Ask for AUTO, or see /api/v1/ai/providers.")
        raise AiProviderUnavailable(message % {"provider": requested}, retry_after=3600)
