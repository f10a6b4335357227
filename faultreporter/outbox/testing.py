"""For tests of other apps: doing what relay and worker would do, here and now."""

from importlib import import_module

from django.utils import timezone

from faultreporter.outbox.broker import producer
from faultreporter.outbox.models import OutboxMessage


def deliver() -> list[str]:
    """Run the task of every message that is due, also of those the tasks publish, and name them in order."""
    names: list[str] = []
    while message := OutboxMessage.objects.due(timezone.now()).order_by("id").first():
        OutboxMessage.objects.mark_published([message.pk], at=timezone.now())
        import_module(message.task.rpartition(".")[0])
        producer.tasks[message.task].apply(kwargs=message.payload, task_id=message.task_id, throw=True)
        names.append(message.task)
    return names
