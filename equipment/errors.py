"""Refusals that only machines know."""

from faultreporter.errors import DomainError


class QrRevoked(DomainError):
    """The label was replaced: somebody rotated the code, and this sticker should be peeled off."""

    code = "QR_REVOKED"
    http_status = 410
