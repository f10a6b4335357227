from faultreporter.api.routers import Router
from faultreporter.auditlog.viewsets import AuditLogViewSet

router = Router()
router.register("audit-logs", AuditLogViewSet, basename="audit-log")

urlpatterns = router.urls
