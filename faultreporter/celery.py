"""The Celery app of worker and beat: `celery -A faultreporter.celery worker`. Its settings are CELERY_* in settings.py.

Requests never talk to the broker: they publish through the outbox, and the relay sends.
"""

import os
from typing import Any

import structlog
from celery import Celery, signals

from faultreporter.garbage import collect_less

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faultreporter.settings")

app = Celery("faultreporter")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def keep_our_logging(**_kwargs: Any) -> None:
    """Being connected is enough: Celery then leaves logging as Django's settings made it."""


@signals.celeryd_after_setup.connect
def tune_the_collector(**_kwargs: Any) -> None:
    """As the web process does."""
    collect_less()


@signals.task_prerun.connect
def name_the_work(task_id: str, task: Any, **_kwargs: Any) -> None:
    """Every line a task logs, and what it changes, carries the id of the request that asked for it."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        task=task.name, task_id=task_id, request_id=task.request.get("request_id") or task_id
    )


@signals.task_postrun.connect
def forget_the_work(**_kwargs: Any) -> None:
    structlog.contextvars.clear_contextvars()
