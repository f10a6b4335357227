"""Entries with the names of the people in them. The log itself keeps keys only: it outlives people."""

from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from faultreporter.accounts.models import User
from faultreporter.audit.models import AuditLog


def with_actor_names(entries: QuerySet[AuditLog]) -> QuerySet[AuditLog]:
    """`actor_name` is empty for a device, the system, and whoever is no longer here."""
    name = User.objects.filter(pk=OuterRef("actor_id")).values("display_name")
    return entries.annotate(actor_name=Coalesce(Subquery(name), Value("")))
