from faultreporter.api.routers import Router
from faultreporter.attachments.viewsets import AttachmentViewSet

router = Router()
router.register("attachments", AttachmentViewSet, basename="attachment")
urlpatterns = router.urls
