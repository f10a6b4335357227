from datetime import datetime

from faultreporter.errors import DomainError, ServiceUnavailable


class AiProviderUnavailable(ServiceUnavailable):
    """The provider that was asked for by name has no key here."""

    code = "AI_PROVIDER_UNAVAILABLE"


class AiProviderError(DomainError):
    """The analysis failed at its provider while the caller waited; `meta.analysis_id` names it."""

    code = "AI_PROVIDER_ERROR"
    http_status = 502


class AiProviderTimeout(DomainError):
    """The provider took too long; `meta.analysis_id` names the analysis."""

    code = "AI_PROVIDER_TIMEOUT"
    http_status = 504


class AiQuotaExceeded(DomainError):
    """This person has asked as often as one may in a day; `meta` says how often, and when the next day begins."""

    code = "AI_QUOTA_EXCEEDED"
    http_status = 429

    def __init__(self, message: str, *, limit: int, used: int, resets_at: datetime, retry_after: int) -> None:
        super().__init__(message, meta={"limit": limit, "used": used, "resets_at": resets_at})
        self.retry_after = retry_after


class ClaimLost(Exception):
    """Somebody else holds this analysis now, or it is finished: whatever was found out must not be written."""


class NotAsked(Exception):
    """Why a provider wasn't called. `may_pass`: it makes sense to try again, from `retry_at` on."""

    code = ""
    may_pass = False

    def __init__(self, message: str, *, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class NotConfigured(NotAsked):
    code = "AI_NOT_CONFIGURED"


class BudgetExhausted(NotAsked):
    code = "AI_BUDGET_EXHAUSTED"


class BreakerOpen(NotAsked):
    code = "AI_BREAKER_OPEN"
    may_pass = True


class NoTimeLeft(NotAsked):
    """The others took all of the deadline."""

    code = "AI_PROVIDER_TIMEOUT"
    may_pass = True
