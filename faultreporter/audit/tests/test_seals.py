from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection

from faultreporter.accounts.models import User
from faultreporter.audit import seals
from faultreporter.audit.models import AuditLog, AuditSeal
from faultreporter.audit.tasks import seal
from faultreporter.locks import Lock

pytestmark = pytest.mark.django_db(transaction=True)

INSERT = """
INSERT INTO users (id, email, email_verified, display_name, phone, password, role, language, time_zone, is_active,
                   ended_sign_ins, created_at, updated_at)
VALUES (gen_random_uuid(), %s, true, '', '', '', 'REPORTER', 'en', 'UTC', true, '{}', now(), now())
"""

CUT_TO_TWO = "UPDATE audit_chain_end SET seal_id = 2, digest = (SELECT digest FROM audit_seals WHERE id = 2)"


def make_people(*names: str) -> None:
    User.objects.bulk_create(User(email=f"{name}@example.org", role=User.Role.REPORTER) for name in names)


@pytest.fixture
def three_seals() -> list[AuditSeal]:
    """Nine sealed entries, three under each of three seals."""
    make_people(*"abcdefghi")
    assert seals.seal_all(max_rows=3) == 9
    return list(AuditSeal.objects.order_by("id"))


def test_everything_that_is_committed_gets_sealed() -> None:
    make_people("a", "b")

    assert seal() == 2

    only = AuditSeal.objects.get()
    assert (only.id, only.row_count, bytes(only.previous_digest)) == (1, 2, b"")
    assert not AuditLog.objects.filter(seal=None).exists()
    assert seals.verify().intact


def test_sealing_again_without_news_does_nothing() -> None:
    make_people("a")
    seal()

    assert seal() == 0
    assert AuditSeal.objects.count() == 1


def test_each_seal_stands_on_the_one_before(three_seals: list[AuditSeal]) -> None:
    first, second, third = three_seals

    assert [each.id for each in three_seals] == [1, 2, 3]
    assert bytes(second.previous_digest) == bytes(first.digest)
    assert bytes(third.previous_digest) == bytes(second.digest)
    found = seals.verify()
    assert (found.intact, found.seals, found.rows, found.unsealed, found.last_seal) == (True, 3, 9, 0, str(third))


def test_a_late_commit_is_not_missed(other_connection: psycopg.Connection[Any]) -> None:
    other_connection.execute(INSERT, ["late@example.org"])
    make_people("early")

    assert seal() == 1  # the late one has the lower id

    other_connection.commit()
    assert seal() == 1
    late, early = AuditLog.objects.order_by("id")
    assert (late.changes["email"][1], late.seal_id) == ("late@example.org", 2)
    assert (early.changes["email"][1], early.seal_id) == ("early@example.org", 1)
    assert seals.verify().intact


def test_only_one_process_seals_at_a_time(other_connection: psycopg.Connection[Any]) -> None:
    make_people("a")
    other_connection.execute("SELECT pg_advisory_xact_lock(%s)", [Lock.SEAL_OF_AUDIT_LOG])

    assert seal() == 0


def test_a_seal_is_given_once(three_seals: list[AuditSeal]) -> None:
    with pytest.raises(ProgrammingError, match="append-only"):
        AuditLog.objects.filter(seal=three_seals[0]).update(seal=three_seals[1])
    with pytest.raises(ProgrammingError, match="append-only"):
        AuditSeal.objects.filter(id=1).update(row_count=2)
    with pytest.raises(ProgrammingError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_seals")


@pytest.mark.parametrize(
    ("statement", "broken_seal", "finding"),
    [
        ("UPDATE audit_logs SET changes = '{}' WHERE id = (SELECT max(id) - 3 FROM audit_logs)", 2, "were changed"),
        ("UPDATE audit_logs SET actor_id = gen_random_uuid() WHERE seal_id = 3", 3, "were changed"),
        ("DELETE FROM audit_logs WHERE id = (SELECT max(id) - 4 FROM audit_logs)", 2, "3 entries, but 2"),
        ("DELETE FROM audit_logs WHERE seal_id = 3", 3, "3 entries, but 0"),
        ("UPDATE audit_logs SET seal_id = NULL WHERE seal_id = 1", 1, "3 entries, but 0"),
        ("UPDATE audit_seals SET digest = sha256('forged') WHERE id = 2", 2, "were changed"),
        ("DELETE FROM audit_seals WHERE id = 1", 2, "missing"),
        ("DELETE FROM audit_seals WHERE id = 2", 3, "missing"),
        ("DELETE FROM audit_seals WHERE id = 3", 3, "missing"),
        ("DELETE FROM audit_logs WHERE seal_id = 3; DELETE FROM audit_seals WHERE id = 3", 3, "missing"),
        ("DELETE FROM audit_logs; DELETE FROM audit_seals", 3, "missing"),
        ("DELETE FROM audit_chain_end", 3, "after the end"),
        (CUT_TO_TWO, 3, "after the end"),
        (CUT_TO_TWO + "; DELETE FROM audit_seals WHERE id = 3", 3, "entries under it are there"),
    ],
)  # fmt: skip
def test_tampering_shows(
    three_seals: list[AuditSeal], tampering: Callable[[], Any], statement: str, broken_seal: int, finding: str
) -> None:
    with tampering() as execute:
        execute(statement)

    found = seals.verify()

    assert (found.intact, found.broken_seal) == (False, broken_seal)
    assert finding in found.finding


def test_a_check_can_stop_when_time_is_up_and_go_on_later(three_seals: list[AuditSeal]) -> None:
    begun = seals.verify(seconds=0)
    rest = seals.verify(after=begun.next_after or 0)

    assert (begun.intact, begun.seals, begun.next_after) == (True, 1, 1)
    assert (rest.intact, rest.seals, rest.next_after) == (True, 2, None)


def test_an_empty_log_is_intact() -> None:
    found = seals.verify()

    assert (found.intact, found.seals, found.last_seal) == (True, 0, "")


def test_verify_audit_says_that_all_is_well(three_seals: list[AuditSeal], capsys: pytest.CaptureFixture[str]) -> None:
    make_people("unsealed")

    call_command("verify_audit", anchor=str(three_seals[1]))

    said = capsys.readouterr().out
    assert "All 3 seals over 9 entries hold; 1 entries are not sealed yet." in said
    assert str(three_seals[2]) in said


def test_verify_audit_names_the_first_broken_seal(three_seals: list[AuditSeal], tampering: Callable[[], Any]) -> None:
    with tampering() as execute:
        execute("UPDATE audit_logs SET action = 'INSERT', entity_id = 'x' WHERE seal_id > 1")

    with pytest.raises(CommandError, match="Seal 2 is broken") as raised:
        call_command("verify_audit")
    assert raised.value.returncode == 1


def test_a_seal_kept_elsewhere_shows_that_the_chain_was_written_anew(
    three_seals: list[AuditSeal], tampering: Callable[[], Any]
) -> None:
    kept = str(three_seals[2])
    with tampering() as execute:
        execute("UPDATE audit_logs SET seal_id = NULL, entity_id = 'x'")
        execute("DELETE FROM audit_seals; DELETE FROM audit_chain_end")
    seals.seal_all(max_rows=3)
    assert seals.verify().intact

    with pytest.raises(CommandError, match="written anew"):
        call_command("verify_audit", anchor=kept)
