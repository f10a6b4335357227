"""Who is calling, according to Firebase: the signature, and how the account stands, each asked as seldom as is safe.

Both answers are kept per process and bounded. Whether the person is active and which sign-ins were ended here is never
kept: the database is asked on every request.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog
from django.conf import settings
from django.utils.translation import gettext as _
from pydantic import ValidationError

from faultreporter.accounts.errors import TokenExpired, TokenInvalid, TokenRevoked, UserDisabled
from faultreporter.accounts.sign_ins import SignIn
from faultreporter.errors import ServiceUnavailable

if TYPE_CHECKING:
    from faultreporter.accounts.firebase_sdk import Account, FirebaseSdk

log = structlog.get_logger(__name__)

KEPT_TOKENS = 10_000
KEPT_ACCOUNTS = 10_000
ACCOUNT_IS_FRESH = 300  # seconds
ASK_AGAIN = 30  # seconds, after the account couldn't be looked up
PAUSE = 5  # seconds in which nobody waits for certificates that just couldn't be had
CLOCK_SKEW = 10  # seconds

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The values stored last, at most `capacity`."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.values: OrderedDict[K, V] = OrderedDict()
        self.lock = Lock()

    def __len__(self) -> int:
        return len(self.values)

    def get(self, key: K) -> V | None:
        return self.values.get(key)

    def put(self, key: K, value: V) -> None:
        with self.lock:
            self.values[key] = value
            self.values.move_to_end(key)
            if len(self.values) > self.capacity:
                self.values.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stood when Firebase was last asked; None if it has never answered."""

    account: "Account | None"
    fresh_until: float


class IdentityProvider:
    """Firebase, as seen from one process. `now` is Unix seconds."""

    def __init__(self, sdk: "FirebaseSdk") -> None:
        self.sdk = sdk
        self.tokens: Recent[bytes, SignIn] = Recent(KEPT_TOKENS)
        self.standings: Recent[str, Standing] = Recent(KEPT_ACCOUNTS)
        self.unreachable_until = 0.0

    def identify(self, token: str, *, now: float) -> SignIn:
        """The sign-in a genuine, unexpired token speaks of."""
        sign_in = self.tokens.get(digest_of(token)) or self._verify(token, now)
        if now >= sign_in.expires_at:
            raise TokenExpired(_("This sign-in has expired; refresh the token and try again."))
        return sign_in

    def remember(self, token: str, sign_in: SignIn) -> None:
        """Spare the signature's check next time. Only for a token that was let in: a refused one is never kept."""
        self.tokens.put(digest_of(token), sign_in)

    def check_standing(self, sign_in: SignIn, *, now: float, ask: bool) -> None:
        """Refuse what was revoked or disabled at Firebase, as known since five minutes, or by asking now.

        If Firebase doesn't answer, `ask` makes that 503. Otherwise work goes on: the token is signed, at most an hour
        old, and its owner active in our own database.
        """
        if not self.sdk.knows_accounts:
            return
        standing = self.standings.get(sign_in.uid)
        if ask or standing is None or now >= standing.fresh_until:
            standing = self._look_up(sign_in.uid, known=standing, now=now, required=ask)
        if standing.account is not None and standing.account.disabled:
            raise UserDisabled(_("This account is disabled at the identity provider."))
        if standing.account is not None and sign_in.issued_at < standing.account.valid_since:
            raise TokenRevoked(_("This sign-in was revoked; sign in again."))

    def _verify(self, token: str, now: float) -> SignIn:
        if now < self.unreachable_until:
            raise ServiceUnavailable(_("The identity provider can't be reached. Try again shortly."), retry_after=PAUSE)
        try:
            sign_in = SignIn.model_validate(self.sdk.verified_claims(token))
        except ServiceUnavailable:
            self.unreachable_until = now + PAUSE
            raise
        except ValidationError as error:
            raise TokenInvalid(_("This sign-in token lacks what every token of Firebase has.")) from error
        if sign_in.auth_time > now + CLOCK_SKEW:
            raise TokenInvalid(_("This sign-in token speaks of a sign-in in the future."))
        return sign_in

    def _look_up(self, uid: str, *, known: Standing | None, now: float, required: bool) -> Standing:
        try:
            standing = Standing(self.sdk.account(uid), fresh_until=now + ACCOUNT_IS_FRESH)
        except ServiceUnavailable:
            if required:
                raise
            standing = Standing(known.account if known else None, fresh_until=now + ASK_AGAIN)
        self.standings.put(uid, standing)
        return standing


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


@cache
def identity_provider() -> IdentityProvider:
    """The configured Firebase project; 503 if there is none, so that nobody takes it for a wrong password."""
    if not (settings.FIREBASE_PROJECT_ID or settings.FIREBASE_SERVICE_ACCOUNT_PATH):
        raise ServiceUnavailable(
            _("Signing in through Firebase isn't configured on this server (FIREBASE_PROJECT_ID). API tokens work."),
            retry_after=300,
        )
    from faultreporter.accounts.firebase_sdk import FirebaseSdk  # noqa: PLC0415 - heavy, see there

    try:
        sdk = FirebaseSdk(
            project_id=settings.FIREBASE_PROJECT_ID, service_account_path=settings.FIREBASE_SERVICE_ACCOUNT_PATH
        )
    except (OSError, ValueError) as error:
        log.error("firebase_misconfigured", error=str(error))
        raise ServiceUnavailable(
            _("Signing in through Firebase is misconfigured on this server (FIREBASE_SERVICE_ACCOUNT_PATH)."),
            retry_after=300,
        ) from error
    return IdentityProvider(sdk)
