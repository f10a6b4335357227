"""Whether the models we ask are still there, and whether we know what they cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches

from django.conf import settings
from django.utils.translation import gettext as _

from aiassist.models import ModelCheck, ModelPrice
from aiassist.providers import registry
from aiassist.providers.base import ProviderFailed
from aiassist.providers.client import Client


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be said of one configured provider and its model. Nothing, if all is well."""

    provider: str
    model_name: str
    warnings: tuple[str, ...] = ()
    is_retired: bool = False


def check_models(*, at: datetime, timeout_s: float) -> Iterator[Finding]:
    """Ask every configured provider for its list, one after the other, and keep what it said."""
    for client in configured_clients():
        try:
            check = look_up(client, at=at, timeout_s=timeout_s)
        except ProviderFailed as failure:
            words = _("Its list of models could not be read: %(reason)s.") % {"reason": failure}
            yield Finding(client.name, client.model_name, (words, *price_warnings(client, on=at.date())))
        else:
            warnings = filter(None, (check.warning(on=at.date()), *price_warnings(client, on=at.date())))
            yield Finding(client.name, client.model_name, tuple(warnings), check.is_retired(on=at.date()))


def configured_clients() -> list[Client]:
    return [client for client in map(registry.client, registry.declared()) if client.is_configured()]


def look_up(client: Client, *, at: datetime, timeout_s: float) -> ModelCheck:
    found, listed = client.find_model(deadline_s=timeout_s)
    note = found.warning if found else alike(client.model_name, listed)
    check, _created = ModelCheck.objects.update_or_create(
        provider=client.name,
        model_name=client.model_name,
        defaults={
            "checked_at": at,
            "is_offered": found is not None,
            "retires_on": found.retires_on if found else None,
            "note": note[:300],
        },
    )
    return check


def alike(model_name: str, listed: list[str]) -> str:
    names = get_close_matches(model_name, listed, n=3)
    return _("Similar names in its list: %(names)s.") % {"names": ", ".join(names)} if names else ""


def price_warnings(client: Client, *, on: date) -> list[str]:
    price = ModelPrice.objects.of(client.name, client.model_name).valid_on(on).first()
    if price is None:
        return [_("There is no price for %(model)s, so what it costs stays unknown.") % {"model": client.model_name}]
    if price.is_to_be_checked:
        words = _("The price of %(model)s came with the product; nobody has compared it with the provider's.")
        return [words % {"model": client.model_name}]
    return []


def unknown_names() -> list[str]:
    """What AI_PROVIDER_ORDER names and no provider is called."""
    return [name for name in settings.AI_PROVIDER_ORDER if name not in registry.declared()]
