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


class ClaimLost(Exception):
    """Somebody else holds this analysis now, or it is finished: whatever was found out must not be written."""
