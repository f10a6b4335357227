"""What every stored record stands on."""

from datetime import UTC, datetime

import pytest

from faultreporter.accounts.models import User
from faultreporter.accounts.tests.factories import UserFactory
from faultreporter.db import every_row

pytestmark = pytest.mark.django_db
NEW_YEAR = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)


def test_every_row_is_what_django_gives() -> None:
    UserFactory.create_batch(3, last_seen_at=NEW_YEAR)
    UserFactory.create(last_seen_at=None)
    rows = User.objects.order_by("pk").values_list("pk", "email", "last_seen_at")

    found = every_row(rows)

    assert found == list(rows)
    assert found[0][2].tzinfo is UTC


def test_nothing_is_asked_for_no_row(django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert every_row(User.objects.none().values_list("pk")) == []
