"""Firebase Cloud Messaging through Google's SDK, with its many ways of saying no translated into ours.

Importing this takes a third of a second; `push.fcm` does it in the worker that sends.
"""

import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import firebase_admin
from firebase_admin import credentials, exceptions, messaging
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request
from requests.adapters import HTTPAdapter

from faultreporter.notifications.models import PushTarget
from faultreporter.notifications.push import Outcome, Push, Result

HTTP_TIMEOUT = 8  # seconds
AT_ONCE = 50
KEPT = timedelta(days=1)  # how long the service keeps a push for a phone that is off
LONGEST_RETRY_AFTER = timedelta(hours=1)
ADDRESS_FIELDS = {"message.token", "message.fid"}
PERMANENT = (
    exceptions.InvalidArgumentError,
    exceptions.NotFoundError,
    exceptions.PermissionDeniedError,
    exceptions.UnauthenticatedError,
    exceptions.FailedPreconditionError,
    ValueError,  # the SDK refuses the message itself
)


class FcmSdk:
    """One Firebase project's pushes."""

    def __init__(self, *, service_account_path: str, project_id: str, url: str) -> None:
        credential = credentials.Certificate(service_account_path)
        options = {"projectId": project_id or credential.project_id, "httpTimeout": HTTP_TIMEOUT}
        self.app = firebase_admin.initialize_app(credential, options, name=f"faultreporter-push-{id(self)}")
        service = messaging._get_messaging_service(self.app)
        # The SDK has no option for its address, and it sleeps through any Retry-After: a worker would hang for
        # minutes. When to try again is ours to decide.
        service._fcm_url = f"{url.rstrip('/')}/v1/projects/{self.app.project_id}/messages:send"
        service._client.session.mount(url.rstrip("/"), HTTPAdapter(max_retries=0, pool_maxsize=AT_ONCE))
        service._client.session.mount(f"{url.rstrip('/')}/v1", HTTPAdapter(max_retries=0, pool_maxsize=AT_ONCE))

    def send(self, pushes: Sequence[Push]) -> list[Outcome]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of tokens, in the face of old apps
            messages = [message(push) for push in pushes]
        self.prepare()
        with ThreadPoolExecutor(max_workers=max(1, min(len(messages), AT_ONCE))) as threads:
            return list(threads.map(self.send_one, messages))

    def prepare(self) -> None:
        """Have an access token before fifty threads each ask for one."""
        credential = self.app.credential.get_credential()
        if not credential.valid:
            with suppress(GoogleAuthError):  # each message will tell
                credential.refresh(Request())

    def send_one(self, message: messaging.Message) -> Outcome:
        started = time.monotonic()
        try:
            name = messaging.send(message, app=self.app)
        except (exceptions.FirebaseError, GoogleAuthError, ValueError, KeyError) as error:
            return failure(error, milliseconds=since(started))
        return Outcome(Result.SENT, provider_id=name, milliseconds=since(started))


def since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def message(push: Push) -> messaging.Message:
    urgency = "high" if push.is_urgent else "normal"
    return messaging.Message(
        **address(push),
        notification=messaging.Notification(title=push.title, body=push.body),
        data=push.data,
        android=messaging.AndroidConfig(
            collapse_key=push.collapse_id,
            priority=urgency,
            ttl=KEPT,
            notification=messaging.AndroidNotification(tag=push.collapse_id),
        ),
        apns=messaging.APNSConfig(
            headers={
                "apns-collapse-id": push.collapse_id,
                "apns-priority": "10" if push.is_urgent else "5",
                "apns-expiration": str(round(time.time() + KEPT.total_seconds())),
            },
            payload=messaging.APNSPayload(aps=messaging.Aps(sound="default", thread_id=push.collapse_id)),
        ),
    )


def address(push: Push) -> dict[str, Any]:
    """To an installation; registration tokens are deprecated, but phones with an old app still have one."""
    if push.provider == PushTarget.Provider.FCM_FID:
        return {"fid": push.value}
    return {"token": push.value}


def failure(error: Exception, *, milliseconds: int) -> Outcome:
    reason = fcm_code(error) or getattr(error, "code", "") or type(error).__name__.upper()
    if isinstance(error, messaging.UnregisteredError) or is_about_the_address(error):
        result = Result.TARGET_GONE
    elif isinstance(error, (messaging.SenderIdMismatchError, messaging.ThirdPartyAuthError, *PERMANENT)):
        result = Result.REFUSED
    else:
        result = Result.RETRY
    return Outcome(result, reason[:60], str(error)[:500], milliseconds=milliseconds, retry_after=retry_after(error))


def details(error: Exception) -> list[dict[str, Any]]:
    """What Google's error says in its `details`."""
    response = getattr(error, "http_response", None)
    found: Any = None
    if response is not None:
        with suppress(ValueError, AttributeError):
            found = response.json()["error"]["details"] if "details" in response.json().get("error", {}) else None
    return [detail for detail in found or [] if isinstance(detail, dict)]


def fcm_code(error: Exception) -> str:
    return next((str(detail["errorCode"]) for detail in details(error) if "errorCode" in detail), "")


def is_about_the_address(error: Exception) -> bool:
    """INVALID_ARGUMENT because of the installation id or token, and not because of what we wrote."""
    violations = [v for detail in details(error) for v in detail.get("fieldViolations", []) if isinstance(v, dict)]
    return isinstance(error, exceptions.InvalidArgumentError) and any(
        v.get("field") in ADDRESS_FIELDS for v in violations
    )


def retry_after(error: Exception) -> timedelta:
    """The Retry-After header, in seconds or as a date; at most an hour."""
    response = getattr(error, "http_response", None)
    said = response.headers.get("Retry-After", "") if response is not None else ""
    if said.isdigit():
        return min(timedelta(seconds=int(said)), LONGEST_RETRY_AFTER)
    with suppress(ValueError):
        return max(timedelta(), min(parsedate_to_datetime(said) - datetime.now(UTC), LONGEST_RETRY_AFTER))
    return timedelta()
