from datetime import timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from faultreporter.accounts.models import ApiToken, User
from faultreporter.audit import triggers
from faultreporter.audit.models import AuditLog

pytestmark = pytest.mark.django_db


def entries_of(record: Any) -> list[AuditLog]:
    return list(AuditLog.objects.filter(entity_type=record._meta.db_table, entity_id=str(record.pk)).order_by("id"))


def test_a_change_is_written_with_old_and_new_value(tess: User) -> None:
    tess.display_name = "Tess Turner"
    tess.save()

    created, changed = entries_of(tess)

    assert (created.action, created.changes["display_name"]) == ("INSERT", [None, "Tess"])
    assert (changed.action, changed.changes) == ("UPDATE", {"display_name": ["Tess", "Tess Turner"]})


def test_removing_a_row_keeps_what_it_was(tess: User) -> None:
    User.objects.filter(pk=tess.pk).delete()

    removed = entries_of(tess)[-1]

    assert (removed.action, removed.changes["email"]) == ("DELETE", ["tess@example.org", None])


def test_bulk_and_raw_writes_are_written_too() -> None:
    people = [User(email=f"p{n}@example.org", role=User.Role.REPORTER) for n in range(5_000)]

    User.objects.bulk_create(people)
    for person in people:
        person.phone = "112"
    User.objects.bulk_update(people, ["phone"], batch_size=1_000)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE users SET language = 'de'")

    found = AuditLog.objects.filter(entity_type="users")
    assert found.filter(action="INSERT").count() == 5_000
    assert found.filter(action="UPDATE", changes__phone=["", "112"]).count() == 5_000
    assert found.filter(action="UPDATE", changes__language=["en", "de"]).count() == 5_000


def test_a_secret_shows_that_it_changed_but_not_what_it_is(tess: User) -> None:
    for password in ("a first and long one", "another, no shorter"):
        tess.set_password(password)
        tess.save()

    changed = entries_of(tess)[-1]

    assert changed.changes == {"password": ["***", "***"]}


def test_a_change_of_ignored_columns_alone_writes_nothing(tess: User) -> None:
    User.objects.filter(pk=tess.pk).update(last_seen_at=timezone.now())

    assert [entry.action for entry in entries_of(tess)] == ["INSERT"]


def test_a_save_that_changes_nothing_writes_nothing(tess: User) -> None:
    tess.save()

    assert [entry.action for entry in entries_of(tess)] == ["INSERT"]


def test_what_is_rolled_back_is_not_in_the_log(tess: User) -> None:
    with transaction.atomic():
        User.objects.filter(pk=tess.pk).update(display_name="Nobody")
        transaction.set_rollback(True)

    assert [entry.action for entry in entries_of(tess)] == ["INSERT"]


def test_digests_of_tokens_are_masked(tess: User) -> None:
    token, _plain = ApiToken.issue(user=tess, name="Script", expires_at=timezone.now() + timedelta(days=1))

    (created,) = entries_of(token)

    assert created.changes["digest"] == [None, "***"]


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_logs SET actor_id = NULL, action = 'DELETE'", "DELETE FROM audit_logs"]
)
def test_the_log_is_append_only(tess: User, statement: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="audit_logs is append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize("table", ["audit_logs", "audit_seals"])
def test_log_and_seals_cannot_be_emptied(table: str) -> None:
    with connection.cursor() as cursor:
        # the test suite itself has to empty tables
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER audit_no_truncate")
        with pytest.raises(ProgrammingError, match="is append-only"), transaction.atomic():
            cursor.execute(f"TRUNCATE {table} CASCADE")


def test_every_audited_table_has_exactly_its_trigger() -> None:
    assert triggers.installed() == triggers.declared()


def test_the_key_and_the_columns_come_from_the_model() -> None:
    masked, ignored, key = triggers.declared()["users"]

    assert (masked, key) == ("password", "id")
    assert set(ignored.split(",")) == {"updated_at", "last_seen_at", "last_login"}


def test_a_trigger_follows_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(User, "audit_masked", ("password", "phone"))
    triggers.sync()
    assert triggers.installed()["users"][0] == "password,phone"

    monkeypatch.setattr(User, "audited", False)
    triggers.sync()
    assert "users" not in triggers.installed()


def test_nothing_is_done_when_nothing_changed(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        triggers.sync()
