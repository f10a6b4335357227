"""Idempotency-Key (IETF draft-ietf-httpapi-idempotency-key-header-07): a retry never acts twice.

The answer is stored in the transaction of the effect, so there is no moment in which one exists without the other,
and nothing to release when a process dies. Two requests with one key at once meet at an advisory lock.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.api.models import IdempotencyRecord
from faultreporter.errors import DomainError

KEPT_HEADERS = ("Location", "ETag")
KEPT_FOR = timedelta(hours=24)


class IdempotencyKeyInvalid(DomainError):
    code = "IDEMPOTENCY_KEY_INVALID"


class IdempotencyKeyReused(DomainError):
    code = "IDEMPOTENCY_KEY_REUSED"
    http_status = 422


class IdempotencyInProgress(DomainError):
    code = "IDEMPOTENCY_IN_PROGRESS"
    http_status = 409


def key_of(request: Request) -> str | None:
    """The key, unquoted; None when the request carries none."""
    header = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if header is None:
        return None
    key = str(header).strip().strip('"')
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise IdempotencyKeyInvalid(
            _("Idempotency-Key must be 1 to 255 printable ASCII characters, such as a UUID."), field="Idempotency-Key"
        )
    return key


def fingerprint_of(request: Request) -> bytes:
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if (request.content_type or "").startswith("multipart/"):
        for name, upload in sorted(request.FILES.items()):
            digest.update(name.encode())
            for chunk in upload.chunks():
                digest.update(chunk)
            upload.seek(0)
        digest.update(repr(sorted(request.POST.items())).encode())
    else:
        digest.update(request._request.body)
    return digest.digest()


def once(request: Request, principal: str, key: str, act: Callable[[], Response]) -> HttpResponse:
    """Run `act` and keep its rendered answer, or give the kept one. Runs inside the request's transaction.

    `act` must answer with a rendered response below 500, its own effects rolled back when it refused.
    """
    lock_or_refuse(f"{principal}\n{key}")
    fingerprint = fingerprint_of(request)
    record = IdempotencyRecord.objects.filter(principal=principal, key=key).first()
    if record is not None and record.created_at < timezone.now() - KEPT_FOR:
        record.delete()
        record = None
    if record is not None:
        return replay(record, fingerprint)
    response = act()
    IdempotencyRecord.objects.create(
        principal=principal,
        key=key,
        fingerprint=fingerprint,
        status=response.status_code,
        headers={name: response[name] for name in KEPT_HEADERS if name in response},
        body=response.rendered_content if not response.is_rendered else response.content,
    )
    return response


def lock_or_refuse(name: str) -> None:
    """Hold the key until the transaction ends; whoever comes meanwhile is told to wait."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        if not cursor.fetchone()[0]:
            raise IdempotencyInProgress(_("A request with this Idempotency-Key is still running; retry in a moment."))


def replay(record: IdempotencyRecord, fingerprint: bytes) -> HttpResponse:
    if bytes(record.fingerprint) != fingerprint:
        raise IdempotencyKeyReused(
            _("This Idempotency-Key was used for another request; use a new key for a new request."),
            field="Idempotency-Key",
        )
    headers: dict[str, Any] = {**record.headers, "Idempotency-Replayed": "true"}
    return HttpResponse(bytes(record.body), status=record.status, content_type="application/json", headers=headers)


def forget_old(*, at: Any) -> int:
    """Drop the answers that nobody may ask for again; returns how many."""
    with transaction.atomic():
        return IdempotencyRecord.objects.filter(created_at__lt=at - KEPT_FOR).delete()[0]
