"""The credential of a gateway: `X-Device-Key`."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication
from rest_framework.request import Request

from faultreporter.accounts.errors import TokenInvalid
from faultreporter.api.permissions import DEVICE
from telemetry.intake.memory import Remembered, current_version
from telemetry.models import DeviceKey
from telemetry.models.device_keys import digest_of

HEADER = "X-Device-Key"
MAX_HEADER = 200


@dataclass(frozen=True, slots=True)
class Device:
    """Who `request.user` is when a gateway calls: no person, only a key and the machines it may speak for."""

    key: DeviceKey
    allowed: frozenset[uuid.UUID] | None
    version: uuid.UUID | None = None
    """The directory's, when it was let in."""
    role: str = DEVICE
    is_authenticated: bool = True
    is_active: bool = True

    @property
    def pk(self) -> uuid.UUID:
        return self.key.pk


def devices(digests: Collection[str]) -> dict[str, Device]:
    """Whoever holds such a key, now or until the previous one expires."""
    found: dict[str, Device] = {}
    for key in DeviceKey.objects.holding(digests):
        device = Device(key, key.allowed_equipment())
        found |= {digest: device for digest in (key.digest, key.previous_digest) if digest and digest in digests}
    return found


remembered = Remembered(devices)


class DeviceKeyAuthentication(authentication.BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Device, DeviceKey] | None:
        plain = request.headers.get(HEADER)
        if plain is None:
            return None
        at, digest, version = timezone.now(), digest_of(plain[:MAX_HEADER]), current_version()
        device = remembered.find([digest], version=version).get(digest)
        if device is None or not device.key.accepts(digest, at=at):
            request.user = AnonymousUser()  # nobody asks for the user again while the refusal is answered
            raise TokenInvalid(
                _("This device key isn't known here, or is no longer valid; a manager issues or rotates one.")
            )
        device.key.note_use(at=at)
        return replace(device, version=version), device.key


class DeviceKeyScheme(OpenApiAuthenticationExtension):
    target_class = DeviceKeyAuthentication
    name = "deviceKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "header", "name": HEADER, "description": "The key of a gateway (frd_…)."}
