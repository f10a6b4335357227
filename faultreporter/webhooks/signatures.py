"""How a request proves that it comes from us: the scheme of standardwebhooks.com, with its header names."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.utils.crypto import salted_hmac

PREFIX = "whsec_"


class SecretUnreadable(Exception):
    """The stored secret was encrypted under another SECRET_KEY."""


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def headers(secrets_: Iterable[str], *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """One signature for each secret that is valid now, so that a receiver can be changed over without a gap."""
    signatures = [signature(secret, message_id=message_id, timestamp=timestamp, body=body) for secret in secrets_]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def sealed(secret: str) -> str:
    """The secret as it is stored: we need it to sign, a reader of a backup doesn't."""
    return _box().encrypt(secret.encode()).decode()


def opened(stored: str) -> str:
    """Raises SecretUnreadable after a change of SECRET_KEY; rotating gives the webhook a new secret."""
    try:
        return _box().decrypt(stored.encode()).decode()
    except InvalidToken as error:
        raise SecretUnreadable from error


def _box() -> Fernet:
    derived = salted_hmac("faultreporter.webhooks", "secrets", secret=settings.SECRET_KEY, algorithm="sha256").digest()
    return Fernet(base64.urlsafe_b64encode(derived))
