from django.urls import path

from faultreporter.api.routers import Router
from locations.viewsets import ChildrenViewSet, LocationViewSet

router = Router()
router.register("locations", LocationViewSet, basename="location")
urlpatterns = [
    path("locations/<uuid:location_id>/children", ChildrenViewSet.as_view({"get": "list"}), name="location-children"),
    *router.urls,
]
