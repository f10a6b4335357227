"""What the relay looks after beside its messages."""

import threading
from datetime import timedelta

from faultreporter.outbox.duties import Duties, Duty
from faultreporter.outbox.tests.conftest import wait_for

SOON, LATER = timedelta(), timedelta(hours=1)


def test_it_works() -> None:
    done: list[str] = []
    duties = Duties([Duty("one", LATER, lambda: done.append("one")), Duty("two", SOON, lambda: done.append("two"))])

    for _turn in range(3):
        duties.run_due()
        wait_for(lambda: not any(thread.is_alive() for thread in duties._running.values()))

    assert sorted(done) == ["one", "two", "two", "two"]


def test_one_that_hangs_holds_up_nothing_and_is_not_begun_twice() -> None:
    goes_on, begun = threading.Event(), []

    def hang() -> None:
        begun.append(1)
        goes_on.wait(10)

    duties = Duties([Duty("hangs", SOON, hang)])

    duties.run_due()
    duties.run_due()
    goes_on.set()

    assert len(begun) == 1


def test_one_that_fails_is_tried_again() -> None:
    tried: list[int] = []

    def fail() -> None:
        tried.append(1)
        raise RuntimeError

    duties = Duties([Duty("fails", SOON, fail)])
    for _turn in range(2):
        duties.run_due()
        wait_for(lambda: not any(thread.is_alive() for thread in duties._running.values()))

    assert len(tried) == 2
