"""Which providers can be asked, how their last calls went, and what is to be said of their models."""

from dataclasses import dataclass
from datetime import datetime

from aiassist.breaker import State, breakers_of
from aiassist.models import ModelCheck
from aiassist.providers import registry


@dataclass(frozen=True, slots=True)
class ProviderState:
    name: str
    label: str
    model_name: str
    configured: bool
    healthy: bool
    looks_at_photos: bool
    warning: str
    breaker: State
    retry_at: datetime | None


def provider_states(*, at: datetime) -> list[ProviderState]:
    providers = list(registry.all_providers())
    warnings = {(check.provider, check.model_name): check.warning(on=at.date()) for check in ModelCheck.objects.all()}
    breakers = breakers_of([provider.name for provider in providers], at=at)
    return [
        ProviderState(
            name=provider.name,
            label=registry.label(provider.name),
            model_name=provider.model_name,
            configured=provider.is_configured(),
            healthy=provider.is_configured() and breakers[provider.name].state is State.CLOSED,
            looks_at_photos=provider.looks_at_photos,
            warning=warnings.get((provider.name, provider.model_name), "") if provider.is_configured() else "",
            breaker=breakers[provider.name].state,
            retry_at=breakers[provider.name].until,
        )
        for provider in providers
    ]
