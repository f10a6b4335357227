"""Firebase's SDK, with its many ways of saying no translated into ours.

Importing this takes a third of a second and 40 MB; `firebase.identity_provider` does it when the first token comes.
"""

import json
from dataclasses import dataclass
from typing import Any

import firebase_admin
import structlog
from django.utils.translation import gettext as _
from firebase_admin import auth, credentials
from firebase_admin.exceptions import FirebaseError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError

from faultreporter.accounts.errors import TokenExpired, TokenInvalid
from faultreporter.errors import ServiceUnavailable

log = structlog.get_logger(__name__)

HTTP_TIMEOUT = 5  # seconds
CLOCK_SKEW = 10  # seconds
# The SDK reads fields of the token before it knows the signature, and trusts their shape.
MISSHAPEN = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class Account:
    """How an account stands at Firebase: tokens issued before `valid_since` (Unix seconds) are revoked."""

    valid_since: float
    disabled: bool


GONE = Account(valid_since=float("inf"), disabled=False)


class NoCredential(credentials.Base):
    """Signatures are checked with public certificates; only looking up accounts needs a service account."""

    def get_credential(self) -> AnonymousCredentials:
        return AnonymousCredentials()  # type: ignore[no-untyped-call]


class FirebaseSdk:
    """One Firebase project."""

    def __init__(self, *, project_id: str, service_account_path: str) -> None:
        credential = credentials.Certificate(service_account_path) if service_account_path else NoCredential()
        options = {"projectId": project_id or credential.project_id, "httpTimeout": HTTP_TIMEOUT}
        self.app = firebase_admin.initialize_app(credential, options, name=f"faultreporter-{id(self)}")
        self.knows_accounts = bool(service_account_path)

    def verified_claims(self, token: str) -> dict[str, Any]:
        """What a genuine token of this project says, if it hasn't expired."""
        try:
            return dict(auth.verify_id_token(token, app=self.app, clock_skew_seconds=CLOCK_SKEW))
        except auth.ExpiredIdTokenError as error:
            raise TokenExpired(_("This sign-in has expired; refresh the token and try again.")) from error
        except auth.CertificateFetchError as error:
            raise unreachable(error) from error
        except auth.InvalidIdTokenError as error:
            if type(error.cause) in (json.JSONDecodeError, UnicodeDecodeError):
                raise unreachable(error) from error  # not the token: the address of the certificates gave no JSON
            raise not_genuine() from error
        except MISSHAPEN as error:
            raise not_genuine() from error

    def account(self, uid: str) -> Account:
        try:
            record = auth.get_user(uid, app=self.app)
        except auth.UserNotFoundError:
            return GONE
        except (FirebaseError, GoogleAuthError) as error:
            raise unreachable(error) from error
        return Account(valid_since=(record.tokens_valid_after_timestamp or 0) / 1000, disabled=record.disabled)


def not_genuine() -> TokenInvalid:
    return TokenInvalid(_("This isn't a genuine sign-in token of this product."))


def unreachable(error: Exception) -> ServiceUnavailable:
    log.warning("identity_provider_unreachable", error=type(error).__name__, reason=str(error)[:200])
    return ServiceUnavailable(
        _("The identity provider can't be reached, so sign-ins can't be checked. Try again shortly.")
    )
