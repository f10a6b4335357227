"""Who can be asked here: a name, its client, and the order in which AUTO asks."""

from django.conf import settings
from django.utils.translation import gettext as _

from aiassist.errors import AiProviderUnavailable
from aiassist.providers.base import Provider
from aiassist.providers.gemini import GeminiProvider
from aiassist.providers.openai import OpenAiProvider
from aiassist.providers.rulebook import RuleBook

AUTO = "AUTO"
RULEBOOK = "RULEBOOK"
NAMES = ("OPENAI", "GEMINI", "GROK", RULEBOOK)


def provider(name: str) -> Provider:
    """A fresh client of this provider, configured or not."""
    if name == RULEBOOK:
        return RuleBook()
    options = settings.AI_PROVIDERS[name]
    if name == "GEMINI":
        return GeminiProvider(**options)
    return OpenAiProvider(name=name, **options)


def to_ask(requested: str) -> list[Provider]:
    """In this order. AUTO is the configured ones and then the rule book, which never fails; a name is only itself."""
    if requested != AUTO:
        return [provider(requested)]
    order = [provider(name) for name in settings.AI_PROVIDER_ORDER if name in settings.AI_PROVIDERS]
    return [*(p for p in order if p.is_configured()), RuleBook()]


def require_available(requested: str) -> None:
    """Refuses a provider asked for by name that has no key here."""
    if requested != AUTO and not provider(requested).is_configured():
        message = _("%(provider)s is not configured on this server. Ask for AUTO, or see /api/v1/ai/providers.")
        raise AiProviderUnavailable(message % {"provider": requested}, retry_after=3600)
