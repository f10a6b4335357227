"""Which providers can be asked, how their last calls went, and what is to be said of their models."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiassist.models import AnalysisAttempt, ModelCheck
from aiassist.providers import registry

RECENT: Final = timedelta(minutes=10)
FAILURES_IN_A_ROW: Final = 3
FAILED: Final = (AnalysisAttempt.Outcome.ERROR, AnalysisAttempt.Outcome.TIMEOUT)


@dataclass(frozen=True, slots=True)
class ProviderState:
    name: str
    label: str
    model_name: str
    configured: bool
    healthy: bool
    looks_at_photos: bool
    warning: str


def provider_states(*, at: datetime) -> list[ProviderState]:
    ended = AnalysisAttempt.objects.filter(finished_at__gte=at - RECENT).order_by("-finished_at")
    outcomes = list(ended.values_list("provider", "outcome")[:200])
    warnings = {(check.provider, check.model_name): check.warning(on=at.date()) for check in ModelCheck.objects.all()}
    states = []
    for provider in registry.all_providers():
        last = [outcome for name, outcome in outcomes if name == provider.name][:FAILURES_IN_A_ROW]
        is_failing = len(last) == FAILURES_IN_A_ROW and all(outcome in FAILED for outcome in last)
        configured = provider.is_configured()
        states.append(
            ProviderState(
                name=provider.name,
                label=registry.label(provider.name),
                model_name=provider.model_name,
                configured=configured,
                healthy=configured and not is_failing,
                looks_at_photos=provider.looks_at_photos,
                warning=warnings.get((provider.name, provider.model_name), "") if configured else "",
            )
        )
    return states
