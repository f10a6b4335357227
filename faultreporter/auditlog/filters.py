import django_filters

from faultreporter.api.filters import ChoicesFilter, FilterSet, InstantFilter
from faultreporter.audit.models import AuditLog


class AuditLogFilter(FilterSet):
    # An entry is written once, when it occurs.
    created_after = created_before = updated_since = None  # type: ignore[assignment]  # so django-filter drops it

    entity_type = django_filters.CharFilter(max_length=63)
    entity_id = django_filters.CharFilter(max_length=200)
    actor_id = django_filters.UUIDFilter()
    action = ChoicesFilter(choices=AuditLog.Action.choices)
    source = ChoicesFilter(choices=AuditLog.Source.choices)
    request_id = django_filters.CharFilter(max_length=200)
    occurred_after = InstantFilter(field_name="occurred_at", lookup_expr="gte")
    occurred_before = InstantFilter(field_name="occurred_at", lookup_expr="lt")

    class Meta:
        model = AuditLog
        fields: tuple[str, ...] = ()
