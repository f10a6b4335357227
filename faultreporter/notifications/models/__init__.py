from faultreporter.notifications.models.delivery import Delivery, DeliveryAttempt
from faultreporter.notifications.models.notification import Notification
from faultreporter.notifications.models.preferences import NotificationPreferences
from faultreporter.notifications.models.severity import Severity, weight
from faultreporter.notifications.models.targets import PushTarget

__all__ = [
    "Delivery",
    "DeliveryAttempt",
    "Notification",
    "NotificationPreferences",
    "PushTarget",
    "Severity",
    "weight",
]
