from datetime import timedelta
from typing import Any
from uuid import UUID

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from faultreporter.api.renderers import to_json
from faultreporter.live import bus
from faultreporter.live.services import SEND
from faultreporter.outbox import publish_at

AGAIN_AFTER = timedelta(seconds=5)


@shared_task(name=SEND)
def send(*, kind: str, equipment_id: str, data: dict[str, Any]) -> bool:
    """Through the outbox; back into it while Redis doesn't take the news, so that none is lost."""
    if bus.send_news(bus.Kind(kind), equipment_id=UUID(equipment_id), data=to_json(data)):
        return True
    with transaction.atomic():
        publish_at(timezone.now() + AGAIN_AFTER, SEND, kind=kind, equipment_id=equipment_id, data=data)
    return False
