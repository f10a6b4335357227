from faultreporter.api.filters import BooleanFilter, ChoicesFilter, FilterSet
from faultreporter.notifications.models import Notification


class NotificationFilter(FilterSet):
    unread = BooleanFilter(field_name="read_at", lookup_expr="isnull")
    kind = ChoicesFilter(choices=Notification.Kind.choices)
    severity = ChoicesFilter(choices=Notification.Severity.choices)

    class Meta:
        model = Notification
        fields: list[str] = []
