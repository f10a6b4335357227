from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q, Sum
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet
from workorders.models.effort import EffortRow, remainder

if TYPE_CHECKING:
    from workorders.models.order import WorkOrder


class CostEntry(EffortRow):
    """What an order cost beside hours and parts: a contractor, a crane, a skip. In the order's currency."""

    class Kind(models.TextChoices):
        EXTERNAL_SERVICE = "EXTERNAL_SERVICE", _("External service")
        RENTAL = "RENTAL", _("Rental")
        TRAVEL = "TRAVEL", _("Travel")
        DISPOSAL = "DISPOSAL", _("Disposal")
        OTHER = "OTHER", _("Other")

    work_order = models.ForeignKey(
        "workorders.WorkOrder", models.PROTECT, related_name="costs", verbose_name=_("work order")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind, default=Kind.OTHER)
    description = models.CharField(_("description"), max_length=200)
    amount = models.DecimalField(_("amount"), max_digits=12, decimal_places=2, validators=[MinValueValidator(0)])
    supplier = models.CharField(_("supplier"), max_length=200, blank=True)
    invoice_number = models.CharField(_("invoice number"), max_length=100, blank=True)

    objects = LivingQuerySet["CostEntry"].as_manager()

    class Meta:
        db_table = "work_order_costs"
        verbose_name = _("cost")
        verbose_name_plural = _("other costs")
        constraints = [
            models.UniqueConstraint(
                fields=["work_order"],
                condition=Q(deleted_at=None, lump_sum=True),
                name="uniq_work_order_costs_lump_sum",
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="check_work_order_costs_amount"),
        ]

    def __str__(self) -> str:
        return self.description

    @classmethod
    def add(cls, *, order: "WorkOrder", by: User, at: datetime, **fields: Any) -> "CostEntry":
        with order.booking(by=by, at=at, note=gettext("Cost entered.")):
            entry = cls(work_order=order, created_by=by, created_at=at, **fields)
            entry.save(force_insert=True)
        return entry

    def change(self, *, by: User | None, at: datetime, **fields: Any) -> None:
        with self.work_order.booking(by=by, at=at, note=gettext("Cost corrected.")):
            for name, value in fields.items():
                setattr(self, name, value)
            self.save(update_fields=list(fields))

    @classmethod
    def state(cls, order: "WorkOrder", *, by: User, at: datetime, total: Any) -> None:
        entries = order.costs.living()
        others = entries.filter(lump_sum=False).aggregate(amount=Sum("amount"))["amount"]
        rest = remainder(None if total is None else Decimal(total), others, field="other_cost")
        lump = entries.filter(lump_sum=True).first() or cls(
            work_order=order, description=gettext("Other cost"), created_by=by, created_at=at, lump_sum=True
        )
        lump.amount = lump.amount if rest is None else rest
        lump.keep(rest is not None, by=by, at=at)
