"""Proves that escalations which were due have moved, and says so when they haven't.

It runs where the trouble isn't: in a worker (which notices a failing step), in the relay (which notices that the worker
or beat is gone), and, counting only, in /health/ready and /metrics of the web (which notice even if both are).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import DatabaseError, transaction
from django.db.models import Count, Min
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from alerts.models import AlertEscalation, EscalationOutage
from faultreporter.accounts.models import User
from faultreporter.notifications.models import Notification
from faultreporter.notifications.services import notify

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Standstill:
    """How many escalations should have moved, and since when the first of them."""

    count: int
    since: datetime | None

    def words(self, *, at: datetime) -> str:
        if not self.count or self.since is None:
            return "ok"
        late = int(max(at - self.since, timedelta()).total_seconds())
        sentence = ngettext(
            "%(count)d escalation should have moved; the first has been due for %(late)d s",
            "%(count)d escalations should have moved; the first has been due for %(late)d s",
            self.count,
        )
        return sentence % {"count": self.count, "late": late}


def look(*, at: datetime) -> Standstill:
    grace = timedelta(seconds=settings.ESCALATION_GRACE_SECONDS)
    found = AlertEscalation.objects.stuck(at, grace=grace).aggregate(count=Count("pk"), since=Min("next_at"))
    return Standstill(found["count"], found["since"])


def check(*, at: datetime) -> Standstill:
    """Look, write down when a standstill begins and ends, and tell the administrators once. Safe to run anywhere."""
    found = look(at=at)
    if found.count and found.since:
        note_standstill(found, since=found.since, at=at)
        mail_once(found, at=at)
    else:
        note_recovery(at=at)
    return found


def watch() -> None:
    check(at=timezone.now())


def note_standstill(found: Standstill, *, since: datetime, at: datetime) -> None:
    with transaction.atomic():
        outage = EscalationOutage(started_at=at, overdue=found.count, oldest_due_at=since)
        EscalationOutage.objects.bulk_create([outage], ignore_conflicts=True)
        standing = EscalationOutage.objects.select_for_update().get(is_open=True)
        if standing.pk != outage.pk:
            standing.overdue = max(standing.overdue, found.count)
            standing.save(update_fields=["overdue"])
            return
        log.error("escalations stand still", overdue=found.count, oldest_due_at=since)
        notify(
            people=User.objects.admins(), kind=Notification.Kind.SYSTEM, title=gettext("Escalations stand still"),
            body=advice(found, at=at), subject=standing, severity=Notification.Severity.HIGH,
            key=f"escalation-outage:{standing.pk}", at=at,
        )  # fmt: skip


def note_recovery(*, at: datetime) -> None:
    if EscalationOutage.objects.filter(is_open=True).update(is_open=False, ended_at=at):
        log.info("escalations move again")


def mail_once(found: Standstill, *, at: datetime) -> None:
    """Straight to the mail server: what carries notifications may be just what stands still. Tried until it works."""
    with transaction.atomic():
        untold = EscalationOutage.objects.filter(is_open=True, told_at=None)
        outage = untold.select_for_update(skip_locked=True).first()
        if outage is None:
            return
        readers = list(User.objects.admins().values_list("email", flat=True))
        try:
            EmailMessage(gettext("Escalations stand still"), advice(found, at=at), bcc=readers).send()
        except OSError as error:
            log.warning("the administrators can't be written to", error=type(error).__name__)
            return
        outage.told_at = at
        outage.save(update_fields=["told_at"])


def advice(found: Standstill, *, at: datetime) -> str:
    words = found.words(at=at)
    return gettext(
        "%(words)s. Nobody is told about alerts that nobody takes care of. Look at %(url)s/health/ready: are worker, "
        "beat and relay alive? If they are, the worker's log names the step that fails."
    ) % {"words": words, "url": settings.PUBLIC_URL}


def health() -> str:
    """For /health/ready: it says so, and the web stays ready."""
    now = timezone.now()
    words = look(at=now).words(at=now)
    return words if words == "ok" else f"degraded: {words}"


class OverdueEscalations(Collector):
    """Asked of the database at every scrape, left out while that doesn't answer."""

    def collect(self) -> Iterator[Metric]:
        try:
            found = look(at=timezone.now())
        except DatabaseError:
            return
        yield GaugeMetricFamily(
            "faultreporter_escalations_overdue", "Escalations that should have moved and didn't", found.count
        )
