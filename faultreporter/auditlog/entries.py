"""Entries as people read them. The log itself keeps keys and columns only: it outlives people and code."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from django.apps import apps
from django.db.models import Model, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from faultreporter.accounts.models import User
from faultreporter.audit.models import AuditLog


class Change(NamedTuple):
    """One line of a difference, in words."""

    label: str
    old: str
    new: str


def with_actor_names(entries: QuerySet[AuditLog]) -> QuerySet[AuditLog]:
    """`actor_name` is empty for a device, the system, and whoever is no longer here."""
    name = User.objects.filter(pk=OuterRef("actor_id")).values("display_name")
    return entries.annotate(actor_name=Coalesce(Subquery(name), Value("")))


@cache
def models_by_table() -> dict[str, type[Model]]:
    return {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}


def table_name(table: str) -> str:
    """What a row of this table is called; the table's own name when the model is gone."""
    model = models_by_table().get(table)
    return str(model._meta.verbose_name) if model else table


def changes_in_words(entry: AuditLog) -> Iterator[Change]:
    model = models_by_table().get(entry.entity_type)
    labels = {field.column: str(field.verbose_name) for field in model._meta.fields} if model else {}
    for column, (old, new) in sorted(entry.changes.items()):
        yield Change(labels.get(column, column), in_words(old), in_words(new))


def in_words(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
