"""What every stored record stands on: its key, its times, soft deletion."""

import os
import re
import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.utils import timezone

from faultreporter.timeloader import DRIVERS_OWN

if TYPE_CHECKING:
    from faultreporter.accounts.models import User


def uuid7() -> uuid.UUID:
    """A time-ordered UUID (RFC 9562, version 7): 48 bits of Unix milliseconds, then random bits.

    Ordered keys keep new rows at the right edge of the primary key's index.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    version_and_random = 0x7 << 12 | random >> 68
    variant_and_random = 0b10 << 62 | random & (1 << 62) - 1
    return uuid.UUID(int=milliseconds << 80 | version_and_random << 64 | variant_and_random)


CALENDAR = (datetime(100, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
"""Times that people may write. At the calendar's own ends there is no room for other time zones, or for a week more."""


def is_on_calendar(value: Any) -> bool:
    """Whether it is no time at all, or one that every page can show."""
    return not isinstance(value, datetime) or CALENDAR[0] <= value < CALENDAR[1]


def as_declared(field: str, values: Iterable[Any]) -> models.Case:
    """To order by an enumeration as it is declared: from low to critical, where letters would say critical first."""
    ranks = [models.When(models.Q((field, value)), then=models.Value(n)) for n, value in enumerate(values)]
    return models.Case(*ranks)


class IsAmong(models.Func):
    """A field's value is in an array. With IN and a subquery PostgreSQL can't answer an OR from two indexes."""

    arg_joiner = " = ANY("
    template = "%(expressions)s)"
    output_field = models.BooleanField()


def every_row(rows: models.QuerySet[Any, Any]) -> list[tuple[Any, ...]]:
    """The rows of a `values_list` in one fetch, as the driver reads them: for thousands of them at once.

    Django fetches a hundred at a time and can't let the driver read times itself, which takes a third longer.
    """
    try:
        text, parameters = rows.query.sql_with_params()
    except EmptyResultSet:
        return []
    with connections[rows.db].cursor() as cursor:
        cursor.cursor.adapters.register_loader("timestamptz", DRIVERS_OWN)
        cursor.execute(text, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def named_sql(rows: models.QuerySet[Any, Any]) -> tuple[str, dict[str, Any]]:
    """A query with named parameters and their values, to stand in a statement of ours beside other named ones."""
    text, positional = rows.query.sql_with_params()
    names = [f"query_{number}" for number in range(len(positional))]
    numbers = iter(names)
    return re.sub("%s", lambda _: f"%({next(numbers)})s", text), dict(zip(names, positional, strict=True))


Record = TypeVar("Record", bound=models.Model)


class TimeStampedQuerySet(models.QuerySet[Record]):
    def update(self, **kwargs: Any) -> int:
        """Like Django's, and moves `updated_at`, which is the row's version for ETag and delta sync."""
        kwargs.setdefault("updated_at", timezone.now())
        return super().update(**kwargs)


class LivingQuerySet(TimeStampedQuerySet[Record]):
    def living(self) -> Self:
        return self.filter(deleted_at=None)

    def deleted(self) -> Self:
        return self.exclude(deleted_at=None)


class TimeStampedModel(models.Model):
    """A record with a time-ordered key. `updated_at` changes with every write and is the row's version."""

    audited: ClassVar[bool] = False
    audit_masked: ClassVar[tuple[str, ...]] = ()
    audit_ignored: ClassVar[tuple[str, ...]] = ("updated_at",)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        abstract = True

    def save(self, *, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        # auto_now alone is left out of a partial save, and the version would stand still.
        if update_fields is not None:
            update_fields = {*update_fields, "updated_at"}
        super().save(update_fields=update_fields, **kwargs)


class SoftDeleteModel(TimeStampedModel):
    """A record that people delete: it leaves every list, its history stays, and it can be restored."""

    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+"
    )

    class Meta:
        abstract = True

    @property
    def is_deleted(self) -> bool:
        return self.deleted_at is not None

    def soft_delete(self, *, by: "User | None", at: datetime) -> None:
        """Take the record out of every list. Deleting twice changes nothing."""
        if self.deleted_at is None:
            self.deleted_at, self.deleted_by = at, by
            self.save(update_fields=["deleted_at", "deleted_by"])

    def restore(self, *, by: "User | None", at: datetime) -> None:
        """Bring a deleted record back; a living one with the same unique value makes this a DUPLICATE."""
        if self.deleted_at is not None:
            self.deleted_at = self.deleted_by = None
            self.save(update_fields=["deleted_at", "deleted_by"])
