from celery import shared_task
from django.utils import timezone

from faultreporter.attachments.errors import AttachmentInUse
from faultreporter.attachments.models import Attachment
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog

BATCH = 1000


@shared_task(name="faultreporter.attachments.tasks.delete_abandoned")
def delete_abandoned() -> int:
    """Throw away uploads that nothing has used for a week; returns how many. What is left over goes next time."""
    deleted = 0
    for attachment in Attachment.objects.abandoned(timezone.now()).order_by("created_at")[:BATCH]:
        try:
            with acting(by=None, source=AuditLog.Source.TASK):
                attachment.delete_unused()
            deleted += 1
        except (AttachmentInUse, Attachment.DoesNotExist):
            continue  # somebody was quicker: used it, or deleted it
    return deleted
