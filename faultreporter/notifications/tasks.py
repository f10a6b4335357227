from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from faultreporter.notifications.digest import send_digests
from faultreporter.notifications.models import DeliveryAttempt, Notification
from faultreporter.notifications.planning import plan
from faultreporter.notifications.sending import send_emails, send_pushes

MOST_ROUNDS = 20
KEPT_FOR = timedelta(days=90)


@shared_task(name="faultreporter.notifications.tasks.deliver")
def deliver() -> int:
    """Plan and send whatever is due; says how many deliveries were tried.

    It asks the rows and not the message that woke it, so it is the sweep, too. What is left after twenty rounds waits
    for the next call.
    """
    tried = 0
    for _round in range(MOST_ROUNDS):
        planned = plan(at=timezone.now())
        sent = send_pushes(now=timezone.now) + send_emails(now=timezone.now)
        tried += sent
        if not (planned or sent):
            break
    return tried


@shared_task(name="faultreporter.notifications.tasks.digests")
def digests() -> int:
    return send_digests(at=timezone.now())


@shared_task(name="faultreporter.notifications.tasks.prune")
def prune() -> int:
    """Forget what was read more than 90 days ago, and the ledger of attempts after 90 days; says how many rows went."""
    before = timezone.now() - KEPT_FOR
    attempts, _ = DeliveryAttempt.objects.filter(at__lt=before).delete()
    notifications, _ = Notification.objects.filter(read_at__lt=before).delete()
    return attempts + notifications
