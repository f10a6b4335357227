from django.urls import path

from faultreporter.accounts.viewsets import LogoutView, MeViewSet, UserViewSet, VerifyView
from faultreporter.api.routers import Router

router = Router()
router.register("users", UserViewSet, basename="user")

urlpatterns = [
    path("auth/verify", VerifyView.as_view(), name="auth-verify"),
    path("auth/logout", LogoutView.as_view(), name="auth-logout"),
    path(
        "me",
        MeViewSet.as_view({"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}),
        name="me",
    ),
    *router.urls,
]
