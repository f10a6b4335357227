"""`kill -9` of a worker at each stage: every analysis ends once, and what was answered is not paid again."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from aiassist import pipeline
from aiassist.models import Analysis
from aiassist.tests import provider_server as script
from aiassist.tests.answers import text
from aiassist.tests.factories import make_analysis
from aiassist.tests.provider_server import ProviderServer
from aiassist.tests.workers import start_worker, wait_until, with_provider
from equipment.tests.factories import CategoryFactory, EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.notifications.models import Notification
from faultreporter.testing import somebody_waits_for_a_lock

pytestmark = [pytest.mark.stack, pytest.mark.django_db(transaction=True)]
GOOD = script.reply(script.openai_text(text()))
BAD = script.reply(script.openai_text("no idea"))


class Provider:
    """Answers by the list, one behaviour for each request, and holds the last one back until it may answer."""

    def __init__(self, server: ProviderServer) -> None:
        self.server, self.behaviours = server, [GOOD]
        self.may_answer = threading.Event()
        server.behaviour = self.behave

    def behave(self, handler: Any) -> None:
        number = self.asked - 1
        if number == len(self.behaviours) - 1:
            self.may_answer.wait(90)
        self.behaviours[min(number, len(self.behaviours) - 1)](handler)

    @property
    def asked(self) -> int:
        return len(self.server.requests)


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    server = ProviderServer()
    with_provider(settings, server)
    provider = Provider(server)
    yield provider
    provider.may_answer.set()
    server.stop()


@pytest.fixture
def analysis(tess: User) -> Analysis:
    machine = EquipmentFactory.create(category=CategoryFactory.create(code="FAN"))
    return make_analysis(provider="OPENAI", equipment=machine, by=tess)


def killed_when(analysis: Analysis, provider: Provider, reached: Callable[[], Any], what: str) -> None:
    worker = start_worker(analysis, provider.server)
    try:
        wait_until(reached, what)
    finally:
        worker.kill()
        worker.wait()


def stage_of(analysis: Analysis) -> str:
    return Analysis.objects.get(pk=analysis.pk).stage


def ledger(analysis: Analysis) -> list[tuple[str, str]]:
    return list(analysis.attempts.values_list("kind", "outcome"))


def taken_over(analysis: Analysis, provider: Provider) -> None:
    """By another worker, when the lease has run out; then by one whose wake-up came twice."""
    provider.may_answer.set()
    Analysis.objects.filter(pk=analysis.pk).update(claimed_until=timezone.now())
    pipeline.run(analysis.pk)
    pipeline.run(analysis.pk)
    analysis.refresh_from_db()
    assert (analysis.status, analysis.stage, analysis.claims) == ("SUCCEEDED", "DONE", 2)
    assert Notification.objects.count() == 1


def test_while_gathering(analysis: Analysis, provider: Provider) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE failure_modes IN ACCESS EXCLUSIVE MODE")
        killed_when(analysis, provider, somebody_waits_for_a_lock, "the reading of the failure modes")
        assert stage_of(analysis) == "GATHERING"

    taken_over(analysis, provider)
    assert ledger(analysis) == [("FIRST", "ANSWERED")]
    assert provider.asked == 1


def test_while_asking(analysis: Analysis, provider: Provider) -> None:
    killed_when(analysis, provider, lambda: provider.asked, "the call")
    assert stage_of(analysis) == "ASKING"

    taken_over(analysis, provider)
    assert ledger(analysis) == [("FIRST", "LOST"), ("FIRST", "ANSWERED")]
    assert provider.asked == 2


def test_after_the_reply_was_stored(analysis: Analysis, provider: Provider) -> None:
    def stored_and_stuck() -> bool:
        return analysis.attempts.filter(outcome="ANSWERED").exists() and somebody_waits_for_a_lock()

    worker = start_worker(analysis, provider.server)
    wait_until(lambda: provider.asked, "the call")
    with transaction.atomic():
        Analysis.objects.select_for_update().get(pk=analysis.pk)  # nobody comes further than the ledger
        provider.may_answer.set()
        wait_until(stored_and_stuck, "the stored reply")
        worker.kill()
        worker.wait()
    assert stage_of(analysis) == "ASKING"

    taken_over(analysis, provider)
    assert ledger(analysis) == [("FIRST", "ANSWERED")]
    assert provider.asked == 1


def test_while_checking(analysis: Analysis, provider: Provider) -> None:
    provider.may_answer.set()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE notifications IN ACCESS EXCLUSIVE MODE")  # the last thing before it is finished
        killed_when(
            analysis, provider, lambda: stage_of(analysis) == "CHECKING" and somebody_waits_for_a_lock(), "the check"
        )

    taken_over(analysis, provider)
    assert ledger(analysis) == [("FIRST", "ANSWERED")]
    assert provider.asked == 1


def test_while_repairing(analysis: Analysis, provider: Provider) -> None:
    provider.behaviours = [BAD, GOOD]
    killed_when(analysis, provider, lambda: provider.asked == 2, "the second call")
    assert stage_of(analysis) == "REPAIRING"

    provider.behaviours = [BAD, GOOD, GOOD]
    taken_over(analysis, provider)
    assert ledger(analysis) == [("FIRST", "INVALID"), ("REPAIR", "LOST"), ("REPAIR", "ANSWERED")]
    assert provider.asked == 3
    sent_back = provider.server.requests[2][2]
    assert "no idea" in str(sent_back)  # its own words; the first question was not asked again
