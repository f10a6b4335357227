"""The public code on a machine's label: whoever scans it may report a fault on this machine, and nothing else.

It is signed with what the label's QR code says, so that replacing the QR code revokes it, and a change of the server's
own key spoils no label. It is good for reports only: the QR code itself can't be worked out from it.
"""

import base64
import hashlib
import hmac
import re
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext

from equipment.errors import QrRevoked
from equipment.models import Equipment
from faultreporter.errors import NotFound

TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
SIGNATURE_BYTES = 16


def report_token(machine: Equipment) -> str:
    """43 characters: which machine, and a signature of 128 bits."""
    raw = machine.pk.bytes + signature(machine.pk, machine.qr_token)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def report_url(machine: Equipment) -> str | None:
    """What the public QR code opens; None while public reports are off."""
    return f"{settings.PUBLIC_URL}/r/{report_token(machine)}" if settings.PUBLIC_REPORTS_ENABLED else None


def machine_of(token: str) -> Equipment:
    """The machine that the code is for. QrRevoked if its label was replaced, NotFound for anything we never signed."""
    raw = base64.urlsafe_b64decode(f"{token}=") if TOKEN.fullmatch(token) else b""
    machine = find(raw[:16])
    if machine is not None:
        given = raw[16:]
        if hmac.compare_digest(given, signature(machine.pk, machine.qr_token)):
            return machine
        replaced = machine.revoked_qr_tokens.values_list("token", flat=True)
        if any(hmac.compare_digest(given, signature(machine.pk, old)) for old in replaced):
            raise QrRevoked(gettext("This label was replaced. Please scan the new one on the machine."))
    raise NotFound(gettext("This code belongs to no machine."))


def find(key: bytes) -> Equipment | None:
    if not key:
        return None
    return Equipment.objects.living().select_related("location").filter(pk=UUID(bytes=key)).first()


def signature(key: UUID, qr_token: str) -> bytes:
    words = b"public fault report:" + key.bytes
    return hmac.new(qr_token.encode(), words, hashlib.sha256).digest()[:SIGNATURE_BYTES]
