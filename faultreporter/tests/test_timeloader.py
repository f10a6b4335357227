"""Times on their way from the database."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db import DataError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.pq import Format

from faultreporter.timeloader import TimeLoader

pytestmark = pytest.mark.django_db
TIMESTAMPTZ = psycopg.adapters.types["timestamptz"].oid


def answer(query: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()[0]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.datetimes(timezones=st.just(UTC)) | st.datetimes(timezones=st.timezones()))
def test_a_time_comes_back_in_utc_as_it_went(db: None, moment: datetime) -> None:
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError:  # the calendar's ends
        return

    found = answer("SELECT %s::timestamptz", in_utc)

    assert found == in_utc
    assert found.tzinfo is UTC


def test_every_connection_reads_times_quickly() -> None:
    connection.ensure_connection()

    assert connection.connection.adapters.get_loader(TIMESTAMPTZ, Format.TEXT) is TimeLoader


@pytest.mark.parametrize("text", ["infinity", "12026-01-01 00:00:00Z", "0044-03-15 00:00:00Z BC"])
def test_what_no_datetime_can_hold_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        answer("SELECT %s::timestamptz", text)
