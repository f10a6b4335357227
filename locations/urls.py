from django.urls import path

from faultreporter.api.routers import Router
from locations.calendar_viewsets import BusinessCalendarViewSet
from locations.viewsets import ChildrenViewSet, LocationViewSet

router = Router()
router.register("locations", LocationViewSet, basename="location")
router.register("business-calendars", BusinessCalendarViewSet, basename="business-calendar")
urlpatterns = [
    path("locations/<uuid:location_id>/children", ChildrenViewSet.as_view({"get": "list"}), name="location-children"),
    *router.urls,
]
