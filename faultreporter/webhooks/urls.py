from django.urls import include, path

from faultreporter.api.routers import Router
from faultreporter.webhooks.viewsets import DeliveryViewSet, WebhookViewSet

router = Router()
router.register("webhooks", WebhookViewSet, basename="webhook")
deliveries = Router()
deliveries.register("deliveries", DeliveryViewSet, basename="webhook-delivery")
urlpatterns = [path("webhooks/<uuid:webhook_id>/", include(deliveries.urls)), *router.urls]
