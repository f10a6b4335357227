"""Who is calling: API tokens and Firebase ID tokens in `Authorization: Bearer`, and the back office's session."""

import re
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from faultreporter.accounts.errors import CredentialRefused, TokenInvalid
from faultreporter.accounts.firebase import identity_provider
from faultreporter.accounts.models import TOKEN_PREFIX, ApiToken, User
from faultreporter.accounts.sign_ins import SignIn
from faultreporter.errors import DomainError

MAX_HEADER = 8192
"""Firebase's tokens are about 1 KB; a parser given much more is being attacked."""
ID_TOKEN = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]*", re.ASCII)
"""Two JSON objects and a signature, in URL-safe base64."""

Caller = tuple[User | AnonymousUser, ApiToken | SignIn]


class BearerAuthentication(authentication.BaseAuthentication):
    """The caller and the credential: `request.user`, and in `request.auth` an ApiToken or a SignIn.

    With `signs_in`, for POST /auth/verify, Firebase is always asked how the account stands, and a genuine sign-in of
    somebody who isn't known yet is let in, as nobody.
    """

    def __init__(self, *, signs_in: bool = False) -> None:
        self.signs_in = signs_in

    def authenticate(self, request: Request) -> Caller | None:
        header = str(request.META.get("HTTP_AUTHORIZATION", ""))
        scheme, _space, credential = header.partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            if len(header) > MAX_HEADER:
                raise TokenInvalid(_("The Authorization header is longer than any genuine token."))
            return self.identify(request, credential.strip(), at=timezone.now())
        except DomainError:
            request.user = AnonymousUser()  # nobody asks for the user again while the refusal is answered
            raise

    def authenticate_header(self, request: Request) -> str:
        return CredentialRefused.auth_header

    def identify(self, request: Request, credential: str, *, at: datetime) -> Caller:
        if credential.startswith(TOKEN_PREFIX):
            return self.by_api_token(credential, at=at)
        if not ID_TOKEN.fullmatch(credential):
            raise TokenInvalid(_("This is neither an API token nor a sign-in token."))
        return self.by_sign_in(request, credential, at=at)

    def by_api_token(self, plain: str, *, at: datetime) -> Caller:
        token = ApiToken.objects.by_plain(plain)
        if token is None:
            raise TokenInvalid(_("This API token isn't known here."))
        token.user.require_active()
        token.require_usable(at)
        token.note_use(at)
        return token.user, token

    def by_sign_in(self, request: Request, credential: str, *, at: datetime) -> Caller:
        provider, now = identity_provider(), at.timestamp()
        sign_in = provider.identify(credential, now=now)
        user = User.objects.filter(firebase_uid=sign_in.uid).first()
        if user is not None:
            user.require_active()
            user.require_current(sign_in.auth_time)
        elif not self.signs_in:
            raise CredentialRefused(_("Nobody is known by this sign-in yet; call POST /api/v1/auth/verify first."))
        provider.check_standing(sign_in, now=now, ask=self.signs_in or is_administrative(request, user))
        provider.remember(credential, sign_in)
        if user is None:
            return AnonymousUser(), sign_in
        user.note_seen(at)
        return user, sign_in


class SessionAuthentication(authentication.SessionAuthentication):
    """The back office's session, for trying things out in /docs; writes need the CSRF token."""


def caller(request: Request | HttpRequest) -> User:
    """The person behind a request that permissions have let through."""
    if not isinstance(request.user, User):
        raise TypeError(f"{type(request.user).__name__} isn't a person")
    return request.user


def is_administrative(request: Request, user: User | None) -> bool:
    return user is not None and user.role == User.Role.ADMIN and request.method not in SAFE_METHODS


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        description = f"A Firebase ID token, or an API token ({TOKEN_PREFIX}…)."
        return {"type": "http", "scheme": "bearer", "description": description}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = SessionAuthentication
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        description = "The back office's session; writes also need the X-CSRFToken header."
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME, "description": description}
