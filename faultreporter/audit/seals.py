"""Sealing the audit log, and finding out whether anybody touched what is sealed."""

from dataclasses import dataclass
from time import monotonic

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from faultreporter.audit.models import AuditLog, AuditSeal, ChainEnd
from faultreporter.locks import Lock, hold_if_free

BATCH = 10_000


def seal_batch(max_rows: int = BATCH) -> int:
    """Seal up to `max_rows` entries in one transaction and say how many; 0 also when another process is sealing.

    A seal covers the entries that bear its number, not a range of ids: an entry whose transaction commits late, below
    the ids already sealed, comes under the next seal, and no open transaction holds up the others.
    """
    with transaction.atomic():
        if not hold_if_free(Lock.SEAL_OF_AUDIT_LOG):
            return 0
        end = ChainEnd.objects.first()
        seal_id = end.seal_id + 1 if end else 1
        batch = AuditLog.objects.filter(seal=None).order_by("id").values("id")[:max_rows]
        count = AuditLog.objects.filter(pk__in=batch).update(seal_id=seal_id)
        if count:
            _append(seal_id, previous=bytes(end.digest) if end else b"")
        return count


def seal_all(max_rows: int = BATCH) -> int:
    """Seal whatever can be sealed now, a transaction per batch."""
    sealed = 0
    while count := seal_batch(max_rows):
        sealed += count
    return sealed


def _append(seal_id: int, *, previous: bytes) -> None:
    digest, row_count = _digest(previous, seal_id)
    AuditSeal.objects.create(
        id=seal_id, sealed_at=timezone.now(), row_count=row_count, previous_digest=previous, digest=digest
    )
    ChainEnd.objects.update_or_create(id=1, defaults={"seal_id": seal_id, "digest": digest})


def _digest(previous: bytes, seal_id: int) -> tuple[bytes, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT digest, row_count FROM audit_digest(%s, %s)", [previous, seal_id])
        digest, row_count = cursor.fetchone()
        return bytes(digest), row_count


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check found. `broken_seal` is the first seal that doesn't hold and `finding` says why, empty if all do.

    `last_seal` is the last one that held, as `id:digest`; `next_after` is where to go on when time ran out, else None.
    Entries not sealed yet (`unsealed`) are protected by the append-only guard alone.
    """

    seals: int
    rows: int
    unsealed: int
    last_seal: str
    broken_seal: int | None
    finding: str
    next_after: int | None

    @property
    def intact(self) -> bool:
        return not self.finding


def verify(*, after: int = 0, seconds: float | None = None) -> Verification:
    """Recompute every seal after number `after`, for at most `seconds`, and stop at the first that doesn't hold."""
    started = monotonic()
    end = ChainEnd.objects.first()  # before the seals: sealing goes on while we look
    last = AuditSeal.objects.filter(id=after).first()
    seals, rows, finding = 0, 0, ""
    broken_seal = next_after = None
    for seal in AuditSeal.objects.filter(id__gt=after, id__lte=end.seal_id if end else 0).order_by("id").iterator():
        if finding := _finding(seal, last):
            broken_seal = seal.pk
            break
        seals, rows, last = seals + 1, rows + seal.row_count, seal
        if seconds is not None and monotonic() - started > seconds:
            next_after = seal.pk
            break
    else:
        broken_seal, finding = _finding_at_end(end, last)
    unsealed = AuditLog.objects.filter(seal=None).count()
    return Verification(seals, rows, unsealed, str(last or ""), broken_seal, finding, next_after)


def _finding(seal: AuditSeal, last: AuditSeal | None) -> str:
    """Why `seal`, which follows `last`, doesn't hold; empty when it does."""
    previous = bytes(last.digest) if last else b""
    if bytes(seal.previous_digest) != previous:
        return _("The seal before this one is missing or was changed.")
    digest, row_count = _digest(previous, seal.pk)
    if row_count != seal.row_count:
        facts = {"sealed": seal.row_count, "found": row_count}
        return _("This seal covers %(sealed)d entries, but %(found)d are there.") % facts
    if digest != bytes(seal.digest):
        return _("Entries under this seal, or the seal itself, were changed.")
    return ""


def _finding_at_end(end: ChainEnd | None, last: AuditSeal | None) -> tuple[int | None, str]:
    if end and str(end) != str(last or ""):
        return end.seal_id, _("This seal, the last, is missing or was changed.")
    newest = AuditSeal.objects.first()
    end = ChainEnd.objects.first()  # after the newest: both are written together
    if newest and (end is None or end.seal_id < newest.pk):
        return newest.pk, _("This seal stands after the end of the chain.")
    orphan = AuditLog.objects.exclude(seal=None).exclude(seal_id__in=AuditSeal.objects.values("id")).first()
    if orphan:
        return orphan.seal_id, _("This seal is missing, and entries under it are there.")
    return None, ""
