import django_filters

from faultreporter.api.filters import BooleanFilter, ChoicesFilter, FilterSet
from faultreporter.webhooks.models import Webhook, WebhookDelivery


class WebhookFilter(FilterSet):
    is_active = BooleanFilter()

    class Meta:
        model = Webhook
        fields: list[str] = []


class DeliveryFilter(FilterSet):
    state = ChoicesFilter(choices=WebhookDelivery.State.choices)
    event = django_filters.CharFilter(field_name="event__type")

    class Meta:
        model = WebhookDelivery
        fields: list[str] = []
