"""Versions of a record on the wire.

An ETag is `"<row version>-<digest>"`. The digest makes it a validator of the whole representation (a chiller's page
changes with its latest reading), the row version alone decides If-Match (a reading must not spoil an edit).
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.utils.translation import gettext as _
from rest_framework.request import Request

from faultreporter.api.renderers import to_json
from faultreporter.audit.models import AuditLog
from faultreporter.db import TimeStampedModel
from faultreporter.errors import ErrorDetail, PreconditionFailed


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
    if row_version(record) not in named_versions(header):
        raise PreconditionFailed(_("Somebody has changed this record since you read it; read it again and retry."))


def named_versions(header: str) -> set[str]:
    return {tag.split("-")[0] for tag in listed_tags(header)}


def moment_of(header: str) -> datetime | None:
    """When the version that If-Match names was written; None if it names no version of ours, or several."""
    try:
        (version,) = named_versions(header)
        return datetime.fromtimestamp(int(version, 16) / 1_000_000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def conflicts(request: Request, record: TimeStampedModel, sources: Mapping[str, str]) -> list[ErrorDetail]:
    """The fields that both this request and somebody else changed since the version that If-Match names.

    `sources` maps the names of the body's fields to the record's own. Nothing is said of fields that only one of the
    two touched: a phone that was offline may send those again with the current version.
    """
    since = moment_of(request.META.get("HTTP_IF_MATCH", ""))
    if since is None or not isinstance(request.data, Mapping):
        return []
    changed = changes_since(record, since)
    columns = {name: column_of(record, source) for name, source in sources.items() if name in request.data}
    people = names_of(entry.actor_id for entry in changed.values())
    return [
        ErrorDetail(name, "conflict", told(changed[column], people))
        for name, column in columns.items()
        if column in changed
    ]


def changes_since(record: TimeStampedModel, since: datetime) -> dict[str, AuditLog]:
    """Column -> the latest entry of the audit log that changed it after the version of that moment was written."""
    of_record = AuditLog.objects.filter(entity_id=str(record.pk), entity_type=record._meta.db_table)
    entries = of_record.filter(row_version__gt=since).order_by("id")
    return {column: entry for entry in entries for column in entry.changes}


def column_of(record: TimeStampedModel, source: str) -> str:
    """The column behind a field of the body; empty if it isn't one of the record's own."""
    try:
        return getattr(record._meta.get_field(source), "column", "")
    except FieldDoesNotExist:
        return ""


def names_of(actor_ids: Iterable[Any]) -> dict[Any, str]:
    people = get_user_model()._default_manager.in_bulk({pk for pk in actor_ids if pk})
    return {pk: str(person) for pk, person in people.items()}


def told(entry: AuditLog, people: Mapping[Any, str]) -> str:
    at = f"{entry.occurred_at:%Y-%m-%d %H:%M} UTC"
    who = people.get(entry.actor_id)
    if who is None:
        return _("It was changed on %(at)s.") % {"at": at}
    return _("%(who)s changed it on %(at)s.") % {"who": who, "at": at}
