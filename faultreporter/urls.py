"""Every address of the product. Each app brings its own; here they meet."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from alerts.public_page import report_page
from faultreporter.api import docs, health, meta, metrics

api_v1: list[URLPattern | URLResolver] = [
    path("", include("telemetry.urls")),  # first because gateways call far more often than people
    path("openapi.json", docs.openapi, name="openapi"),
    path("meta/config", meta.ConfigView.as_view(), name="config"),
    path("", include("faultreporter.accounts.urls")),
    path("", include("faultreporter.attachments.urls")),
    path("", include("faultreporter.auditlog.urls")),
    path("", include("faultreporter.notifications.urls")),
    path("", include("faultreporter.webhooks.urls")),
    path("", include("locations.urls")),
    path("", include("equipment.urls")),
    path("", include("alerts.urls")),
    path("", include("workorders.urls")),
    path("", include("analytics.urls")),
    path("", include("aiassist.urls")),
]

urlpatterns = [
    path("health", health.health),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", metrics.metrics),
    path("docs", docs.swagger, name="docs"),
    path("redoc", docs.redoc, name="redoc"),
    path("api/v1/", include(api_v1)),
    path("r/<str:token>", report_page, name="public-report"),
    path("admin/", admin.site.urls),
]
