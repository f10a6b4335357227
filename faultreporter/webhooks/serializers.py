from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from faultreporter.api.serializers import CleanCharField, ModelSerializer, UpperChoiceField
from faultreporter.webhooks.models import Webhook, WebhookAttempt, WebhookDelivery

MOST_EVENTS = 100


class WebhookSerializer(ModelSerializer):
    """`events` are names of events, or `*` for every one. The address is checked: nothing in private networks."""

    events = serializers.ListField(child=CleanCharField(max_length=60), allow_empty=False, max_length=MOST_EVENTS)

    class Meta:
        model = Webhook
        fields = (
            "id", "url", "description", "events", "is_active", "disabled_at", "disabled_reason", "failing_since",
            "previous_expires_at", "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields = (
            "id", "disabled_at", "disabled_reason", "failing_since", "previous_expires_at", "created_at", "updated_at",
            "deleted_at",
        )  # fmt: skip


class IssuedWebhookSerializer(WebhookSerializer):
    """The one answer that shows the secret itself."""

    secret = serializers.CharField(read_only=True, help_text=_("Signs what is sent. Shown once; rotate it if lost."))

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")  # type: ignore[assignment]  # one longer


class AttemptSerializer(ModelSerializer):
    """One try. `status` is null where no answer came; `answer` is its first kilobyte."""

    class Meta:
        model = WebhookAttempt
        fields = ("at", "reason", "status", "milliseconds", "answer")
        read_only_fields = fields


class DeliverySerializer(ModelSerializer):
    """One event on its way to the webhook. `event_id` is the header webhook-id."""

    event = serializers.CharField(source="event.type", read_only=True)
    event_id = serializers.UUIDField(source="event.uid", read_only=True)
    sequence = serializers.IntegerField(source="event.pk", read_only=True)
    occurred_at = serializers.DateTimeField(source="event.occurred_at", read_only=True)
    next_attempt_at = serializers.SerializerMethodField()
    last_reason = UpperChoiceField(
        choices=WebhookDelivery.Reason.choices,
        read_only=True,
        allow_blank=True,
        help_text="Empty before the first try.",
    )

    class Meta:
        model = WebhookDelivery
        fields = (
            "id", "event", "event_id", "sequence", "occurred_at", "state", "attempts", "next_attempt_at",
            "finished_at", "last_status", "last_reason", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_next_attempt_at(self, delivery: WebhookDelivery) -> Any:
        waiting = delivery.state == WebhookDelivery.State.PENDING
        return serializers.DateTimeField().to_representation(delivery.next_attempt_at) if waiting else None


class DeliveryDetailSerializer(DeliverySerializer):
    """With what is sent, and every try, newest first."""

    payload = serializers.DictField(source="event.payload", read_only=True)
    ledger = AttemptSerializer(many=True, read_only=True)

    class Meta(DeliverySerializer.Meta):
        fields = (*DeliverySerializer.Meta.fields, "payload", "ledger")  # type: ignore[assignment]  # longer
