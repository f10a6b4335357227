from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection


@pytest.fixture
def other_connection(transactional_db: None) -> Iterator[psycopg.Connection[Any]]:
    """A second session on the same database, as another process would have."""
    with psycopg.connect(**connection.get_connection_params()) as session:
        yield session


@pytest.fixture
def tampering(transactional_db: None) -> Callable[[], Any]:
    """What only somebody with all rights on the database can do: work with triggers and constraints switched off."""

    @contextmanager
    def tamper() -> Iterator[Callable[..., Any]]:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            yield cursor.execute
            cursor.execute("SET session_replication_role = DEFAULT")

    return tamper
