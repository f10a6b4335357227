from django.urls import path

from faultreporter.api.routers import Router
from faultreporter.notifications.viewsets import DeviceViewSet, NotificationViewSet, PreferencesViewSet

router = Router()
router.register("me/notifications", NotificationViewSet, basename="notification")
router.register("me/devices", DeviceViewSet, basename="device")
urlpatterns = [
    path(
        "me/notification-preferences",
        PreferencesViewSet.as_view({"get": "retrieve", "put": "update", "patch": "partial_update"}),
        name="notification-preferences",
    ),
    *router.urls,
]
