"""Versions of a record on the wire.

An ETag is `"<row version>-<digest>"`. The digest makes it a validator of the whole representation (a chiller's page
changes with its latest reading), the row version alone decides If-Match (a reading must not spoil an edit).
"""

import hashlib
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.request import Request

from faultreporter.api.renderers import to_json
from faultreporter.db import TimeStampedModel
from faultreporter.errors import PreconditionFailed


def row_version(record: TimeStampedModel) -> str:
    return f"{int(record.updated_at.timestamp() * 1_000_000):x}"


def etag(record: TimeStampedModel, data: Any) -> str:
    return f'"{row_version(record)}-{hashlib.blake2b(to_json(data), digest_size=8).hexdigest()}"'


def listed_tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]


def is_not_modified(request: Request, tag: str) -> bool:
    header = request.META.get("HTTP_IF_NONE_MATCH", "")
    return bool(header) and (header.strip() == "*" or tag.strip('"') in listed_tags(header))


def check_if_match(request: Request, record: TimeStampedModel) -> None:
    """Refuse with 412 if the caller has changed another version than the stored one. Call under the row's lock."""
    header = request.META.get("HTTP_IF_MATCH", "")
    if not header or header.strip() == "*":
        return
    if row_version(record) not in {tag.split("-")[0] for tag in listed_tags(header)}:
        raise PreconditionFailed(_("Somebody has changed this record since you read it; read it again and retry."))
