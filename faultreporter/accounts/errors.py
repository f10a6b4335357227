"""Why a credential, or a change to a person, is refused."""

from typing import ClassVar

from faultreporter.errors import DomainError


class LastAdmin(DomainError):
    """Without this person nobody could administer the system any more."""

    code = "LAST_ADMIN"
    http_status = 409


class CredentialRefused(DomainError):
    """The request carries no credential that counts. Scripts tell the reasons apart by the subclass's code."""

    code = "UNAUTHENTICATED"
    http_status = 401
    auth_header: ClassVar[str] = 'Bearer realm="faultreporter"'


class TokenInvalid(CredentialRefused):
    """No token of ours, or not a genuine one: sign out."""

    code = "TOKEN_INVALID"


class TokenExpired(CredentialRefused):
    """It was genuine and has run out: refresh once and repeat."""

    code = "TOKEN_EXPIRED"


class TokenRevoked(CredentialRefused):
    """Somebody ended it: sign out."""

    code = "TOKEN_REVOKED"


class UserDisabled(DomainError):
    code = "USER_DISABLED"
    http_status = 403


class EmailNotVerified(DomainError):
    code = "EMAIL_NOT_VERIFIED"
    http_status = 403
