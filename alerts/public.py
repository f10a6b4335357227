"""Reports by people without an account, who scanned the code on a machine."""

import math
from collections.abc import Collection
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext

from alerts.models import Alert
from alerts.models.timeline import PRIVATE
from alerts.services import report_fault
from equipment import labels
from equipment.models import Equipment
from faultreporter.api import ratelimit
from faultreporter.attachments.files import read_upload
from faultreporter.attachments.models import Attachment
from faultreporter.errors import NotFound, RateLimited

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

HOUR = 3600


def demand_enabled() -> None:
    if not settings.PUBLIC_REPORTS_ENABLED:
        raise NotFound(gettext("There is nothing at this address."))


def report_publicly(
    *, token: str, address: str, at: datetime, description: str, title: str = "", name: str = "", contact: str = "",
    photo: "UploadedFile[bytes] | None" = None,
) -> Equipment:  # fmt: skip
    """What a stranger saw, as an alert of medium severity; returns the machine.

    Who they are stays with the line of the timeline, for managers. Without a title all of a machine's reports are one
    fault while it is open, and each counts on it.
    """
    demand_enabled()
    limit(f"address:{network_of(address)}", settings.PUBLIC_REPORTS_PER_ADDRESS_PER_HOUR)
    machine = labels.machine_of(token)
    limit(f"machine:{machine.pk}", settings.PUBLIC_REPORTS_PER_MACHINE_PER_HOUR)
    person = {key: value for key, value in (("name", name), ("contact", contact)) if value}
    with transaction.atomic():
        report_fault(
            equipment=machine, title=title or gettext("Reported by a passer-by"), description=description,
            severity=Alert.Severity.MEDIUM, source=Alert.Source.PUBLIC, by=None, at=at,
            attachments=handed_in(photo, at=at), data={PRIVATE: person} if person else None,
        )  # fmt: skip
    return machine


def handed_in(photo: "UploadedFile[bytes] | None", *, at: datetime) -> Collection[Attachment]:
    """The photograph, decoded and written anew like every upload. It belongs to nobody but the alert."""
    if photo is None:
        return ()
    return [Attachment.objects.hand_in(content=read_upload(photo), name=photo.name or "", by=None, at=at)]


def limit(caller: str, per_hour: int) -> None:
    """Refuses above the limit, and while nobody can count: strangers may wait, floods may not pass."""
    allowance = ratelimit.take(f"public-report:{caller}", per_hour, period=HOUR, when_down=False)
    if not allowance.allowed:
        minutes = max(1, math.ceil(allowance.retry_after / 60))
        message = gettext("Too many reports came from here or about this machine. Please try again in %(n)d minutes.")
        raise RateLimited(message % {"n": minutes}, retry_after=max(1, allowance.retry_after))


def network_of(address: str) -> str:
    """Whom an address belongs to: one IPv6 customer has a whole /64 of them."""
    try:
        found: Any = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found)


def place_in_words(machine: Equipment) -> str:
    """Where the machine stands, from the site down to the room."""
    return " · ".join(place.name for place in machine.location.line()) if machine.location else ""
