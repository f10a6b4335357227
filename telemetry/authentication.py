"""The credential of a gateway: `X-Device-Key`."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication
from rest_framework.request import Request

from faultreporter.accounts.errors import TokenInvalid
from faultreporter.api.permissions import DEVICE
from telemetry.models import DeviceKey

HEADER = "X-Device-Key"
MAX_HEADER = 200


@dataclass(frozen=True, slots=True)
class Device:
    """Who `request.user` is when a gateway calls: no person, only a key and the machines it may speak for."""

    key: DeviceKey
    role: str = DEVICE
    is_authenticated: bool = True
    is_active: bool = True

    @property
    def pk(self) -> uuid.UUID:
        return self.key.pk


class DeviceKeyAuthentication(authentication.BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Device, DeviceKey] | None:
        plain = request.headers.get(HEADER)
        if plain is None:
            return None
        at = timezone.now()
        key = DeviceKey.objects.valid(plain, at=at).first() if len(plain) <= MAX_HEADER else None
        if key is None:
            request.user = AnonymousUser()  # nobody asks for the user again while the refusal is answered
            raise TokenInvalid(_("This device key isn't known here, or is no longer valid."))
        key.note_use(at=at)
        return Device(key), key


class DeviceKeyScheme(OpenApiAuthenticationExtension):
    target_class = DeviceKeyAuthentication
    name = "deviceKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "header", "name": HEADER, "description": "The key of a gateway (frd_…)."}
