"""What an order takes: hours, parts, other cost. Rows are the truth, the order's columns their sums."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn

from django.conf import settings
from django.db import models, transaction
from django.db.models import Sum
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.models import User
from faultreporter.db import SoftDeleteModel
from faultreporter.errors import ValidationFailed

if TYPE_CHECKING:
    from workorders.models.order import WorkOrder

STATED: Final = ("labour_minutes", "labour_cost", "parts_cost", "other_cost")
CENT: Final = Decimal("0.01")


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT)


class EffortRow(SoftDeleteModel):
    """One row of an order's effort. A lump sum stands for what somebody said as one figure."""

    audited: ClassVar[bool] = True

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        db_index=False, verbose_name=_("entered by"),
    )  # fmt: skip
    lump_sum = models.BooleanField(
        _("lump sum"), default=False, editable=False, help_text=_("Stands for what was said as one figure.")
    )

    class Meta:
        abstract = True

    if TYPE_CHECKING:
        work_order: models.ForeignKey[WorkOrder, WorkOrder]

    def concerns(self, user: User) -> bool:
        """What one has entered oneself is one's own."""
        return user.pk == self.created_by_id

    def keep(self, wanted: bool, *, by: User, at: datetime) -> None:
        """Stores a lump sum, or drops it if nothing is left for it to say. The order is locked."""
        if wanted:
            self.save()
        elif not self._state.adding:
            SoftDeleteModel.soft_delete(self, by=by, at=at)

    def soft_delete(self, *, by: User | None, at: datetime) -> None:
        with self.work_order.booking(by=by, at=at):
            super().soft_delete(by=by, at=at)

    def restore(self, *, by: User | None, at: datetime) -> None:
        with self.work_order.booking(by=by, at=at):
            super().restore(by=by, at=at)


class KeepsEffort(models.Model):
    """An order whose totals follow from its rows, by construction: whatever changes rows does it while `booking`."""

    class Meta:
        abstract = True

    if TYPE_CHECKING:
        EDITABLE_TO_THE_END: ClassVar[Any]
        status: Any
        labour: Any
        part_uses: Any
        costs: Any
        lock: Any
        record: Any
        _refuse: Any

    @contextmanager
    def booking(self, *, by: User | None, at: datetime, note: str = "") -> Iterator[None]:
        """A transaction in which rows may change. Refused once the order is closed or cancelled."""
        with transaction.atomic():
            self.lock()
            if self.status not in self.EDITABLE_TO_THE_END:
                self._refuse(
                    gettext("Hours and costs of a closed or cancelled order can't change."), target=self.status
                )
            yield
            self.recount()
            self.record("BOOKED", by=by, at=at, note=note)

    def recount(self) -> None:
        """Sets the totals to what the rows sum to; None as long as there is none. The row is locked."""
        labour = self.labour.living().aggregate(minutes=Sum("minutes"), cost=Sum("cost"))
        totals = {
            "labour_minutes": labour["minutes"],
            "labour_cost": labour["cost"],
            "parts_cost": self.part_uses.living().aggregate(cost=Sum("cost"))["cost"],
            "other_cost": self.costs.living().aggregate(cost=Sum("amount"))["cost"],
        }
        for name, total in totals.items():
            setattr(self, name, total)
        self.save(update_fields=list(totals))

    def stop_timers(self, *, at: datetime) -> None:
        """Nobody works on it any longer. The row is locked."""
        running = list(self.labour.running())
        for entry in running:
            entry.work_order = self
            entry.end(at=at)
        if running:
            self.recount()

    def state_totals(self, *, by: User, at: datetime, said: dict[str, Any], may_lower: bool = False) -> None:
        """Somebody says what the whole order took. What the rows don't explain becomes a lump sum. The row is locked.

        A figure below what the entries sum to is refused: those are corrected one by one. So is one below the total,
        unless `may_lower`; nothing said before gets lost, and nothing counts twice.
        """
        said = {name: value for name, value in said.items() if name in STATED}
        if not may_lower:
            self._refuse_lower(said)
        if {"labour_minutes", "labour_cost"} & set(said):
            self.labour.model.state(self, by=by, at=at, said=said)
        if "parts_cost" in said:
            self.part_uses.model.state(self, by=by, at=at, total=said["parts_cost"])
        if "other_cost" in said:
            self.costs.model.state(self, by=by, at=at, total=said["other_cost"])
        if said:
            self.recount()

    def _refuse_lower(self, said: dict[str, Any]) -> None:
        for name in list(said):
            total = getattr(self, name)
            if said[name] is None:
                del said[name]
            elif total is not None and Decimal(said[name]) < total:
                refuse_less(field=name)


def remainder(total: Any, others: Any, *, field: str) -> Any:
    """What a lump sum must be for all to come to `total`; None if nothing is left to explain."""
    if total is None:
        return None
    if others is None:
        return total
    if total < others:
        refuse_less(field=field)
    return total - others or None


def refuse_less(*, field: str) -> NoReturn:
    """Without the figure: costs aren't for everybody's eyes."""
    message = gettext("The order's entries come to more already. Say the total of the whole order, or correct them.")
    raise ValidationFailed(message, field=field)
