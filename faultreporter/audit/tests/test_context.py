from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from structlog.contextvars import bound_contextvars

from faultreporter.accounts.models import User
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog

pytestmark = pytest.mark.django_db
Source = AuditLog.Source


def rename(person: User, name: str) -> AuditLog:
    User.objects.filter(pk=person.pk).update(display_name=name)
    return AuditLog.objects.latest("id")


def test_a_change_carries_who_did_it_from_where(tess: User, mona: User) -> None:
    with acting(by=mona, source=Source.API, request_id="r-1", ip="192.0.2.7"):
        entry = rename(tess, "T.")

    assert (entry.actor_id, entry.source, entry.request_id, entry.ip) == (mona.pk, "API", "r-1", "192.0.2.7")


def test_a_change_past_the_application_says_so(tess: User) -> None:
    entry = rename(tess, "T.")

    assert (entry.actor_id, entry.source, entry.request_id, entry.ip) == (None, "DATABASE", "", None)


def test_after_the_block_nobody_is_acting(tess: User, mona: User) -> None:
    with acting(by=mona, source=Source.API, request_id="r-1"):
        pass

    assert rename(tess, "T.").source == "DATABASE"


def test_after_an_inner_block_the_outer_one_counts_again(tess: User, mona: User, adam: User) -> None:
    with acting(by=mona, source=Source.API, request_id="r-1", ip="192.0.2.7"):
        with acting(by=adam, source=Source.TASK):
            inner = rename(tess, "T.")
        outer = rename(tess, "Tess")

    assert (inner.actor_id, inner.source, inner.request_id, inner.ip) == (adam.pk, "TASK", "r-1", "192.0.2.7")
    assert (outer.actor_id, outer.source, outer.request_id, outer.ip) == (mona.pk, "API", "r-1", "192.0.2.7")


def test_after_a_failed_inner_block_the_outer_one_counts_again(tess: User, mona: User) -> None:
    with acting(by=mona, source=Source.API):
        with pytest.raises(ZeroDivisionError), acting(by=None, source=Source.TASK):
            raise ZeroDivisionError
        entry = rename(tess, "Tess T.")

    assert (entry.actor_id, entry.changes) == (mona.pk, {"display_name": ["Tess", "Tess T."]})


def test_a_block_that_is_rolled_back_from_inside_ends_quietly(tess: User, mona: User) -> None:
    with acting(by=mona, source=Source.API):
        rename(tess, "T.")
        transaction.set_rollback(True)

    tess.refresh_from_db()
    assert (tess.display_name, rename(tess, "T.").source) == ("Tess", "DATABASE")


@pytest.mark.django_db(transaction=True)
def test_the_next_transaction_of_the_connection_starts_without_an_actor(mona: User) -> None:
    with acting(by=mona, source=Source.API, request_id="r-1", ip="192.0.2.7"):
        rename(mona, "M.")

    entry = rename(mona, "Mona")

    assert (entry.actor_id, entry.source, entry.request_id, entry.ip) == (None, "DATABASE", "", None)


@pytest.mark.django_db(transaction=True)
def test_naming_the_actor_costs_one_query(mona: User, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(3), acting(by=mona, source=Source.API):  # begin, name, commit
        pass


def test_a_device_acts_by_its_key(tess: User) -> None:
    device = SimpleNamespace(pk=uuid4())

    with acting(by=device, source=Source.API):
        assert rename(tess, "T.").actor_id == device.pk


def test_a_stranger_is_nobody(tess: User) -> None:
    with acting(by=AnonymousUser(), source=Source.API):
        assert rename(tess, "T.").actor_id is None


def test_the_request_id_bound_for_logging_is_taken(tess: User) -> None:
    with bound_contextvars(request_id="r-2"), acting(by=None, source=Source.TASK):
        assert rename(tess, "T.").request_id == "r-2"


@pytest.mark.parametrize(
    ("given", "kept"), [("2001:db8::1", "2001:db8::1"), ("fe80::1%eth0", "fe80::1"), ("unknown", None), ("", None)]
)
def test_what_is_no_address_does_not_stop_the_write(tess: User, given: str, kept: str | None) -> None:
    with acting(by=None, source=Source.API, ip=given):
        assert rename(tess, "T.").ip == kept
