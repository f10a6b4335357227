from faultreporter.webhooks.models.delivery import WebhookAttempt, WebhookDelivery
from faultreporter.webhooks.models.event import WebhookEvent
from faultreporter.webhooks.models.webhook import Webhook

__all__ = ["Webhook", "WebhookAttempt", "WebhookDelivery", "WebhookEvent"]
