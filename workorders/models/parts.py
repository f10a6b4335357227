"""Spare parts: what lies in the store, how it came and went, and what an order used."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Upper
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from equipment.models import Equipment
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel, TimeStampedModel
from faultreporter.errors import DomainError, ValidationFailed, VersionConflict
from faultreporter.notifications.models import Notification
from faultreporter.notifications.services import notify
from workorders.models.effort import EffortRow, cents, remainder
from workorders.models.rates import default_currency

if TYPE_CHECKING:
    from workorders.models.order import WorkOrder

MONEY: Any = {"max_digits": 12, "decimal_places": 2, "validators": [MinValueValidator(0)]}
QUANTITY: Any = {"max_digits": 12, "decimal_places": 3}


class OutOfStock(DomainError):
    """There are fewer in the store than wanted; `meta` says how many. Nothing was taken."""

    code = "OUT_OF_STOCK"
    http_status = 409


class PartInStock(DomainError):
    """A part of which some lie in the store can't be deleted."""

    code = "PART_IN_STOCK"
    http_status = 409


class PartQuerySet(LivingQuerySet["Part"]):
    def low(self) -> Self:
        return self.filter(stock__lt=F("minimum_stock"))

    def suggested_for(self, equipment: Equipment) -> Self:
        """What this machine and its kind used before, the most often used here first."""
        used = Q(uses__deleted_at=None)
        here, alike = Q(uses__work_order__equipment=equipment), Q(uses__work_order__equipment__category__isnull=False)
        alike &= Q(uses__work_order__equipment__category=equipment.category_id)
        counted = self.living().annotate(
            times_here=Count("uses", filter=used & here), times=Count("uses", filter=used & (here | alike))
        )
        return counted.filter(times__gt=0).order_by("-times_here", "-times", "number")


class Part(SoftDeleteModel):
    """A spare part. Its stock is the sum of its movements and never below nothing."""

    audited: ClassVar[bool] = True

    number = models.CharField(_("part number"), max_length=50)
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    unit = models.CharField(_("unit"), max_length=20, default="pcs", help_text=_("What is counted: pcs, m, l, kg."))
    manufacturer = models.CharField(_("manufacturer"), max_length=200, blank=True)
    unit_cost = models.DecimalField(_("unit cost"), null=True, blank=True, **MONEY)
    currency = models.CharField(_("currency"), max_length=3, default=default_currency, editable=False)
    minimum_stock = models.DecimalField(
        _("minimum stock"), default=Decimal(0), validators=[MinValueValidator(0)],
        help_text=_("Managers are told when the stock falls below it."), **QUANTITY,
    )  # fmt: skip
    stock = models.DecimalField(_("in stock"), default=Decimal(0), editable=False, **QUANTITY)
    store = models.CharField(_("where it lies"), max_length=200, blank=True)

    objects = PartQuerySet.as_manager()

    class Meta:
        db_table = "parts"
        verbose_name = _("part")
        verbose_name_plural = _("parts")
        constraints = [
            models.UniqueConstraint(
                fields=["number"],
                condition=Q(deleted_at=None),
                name="uniq_parts_number_living",
                violation_error_message=_("Another part has this number."),
            ),
            models.CheckConstraint(condition=Q(stock__gte=0), name="check_parts_stock"),
            models.CheckConstraint(
                condition=Q(minimum_stock__gte=0) & (Q(unit_cost=None) | Q(unit_cost__gte=0)),
                name="check_parts_positive",
            ),
        ]
        indexes = [
            # GET /parts?low_stock=true: few among many
            models.Index(
                fields=["number"],
                condition=Q(deleted_at=None, stock__lt=F("minimum_stock")),
                name="idx_parts_low",
            ),
            # ?search= (icontains is UPPER(…) LIKE UPPER(…))
            GinIndex(
                OpClass(Upper("number"), name="gin_trgm_ops"),
                OpClass(Upper("name"), name="gin_trgm_ops"),
                OpClass(Upper("manufacturer"), name="gin_trgm_ops"),
                name="idx_parts_search",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"

    @property
    def is_low(self) -> bool:
        return self.stock < self.minimum_stock

    def lock(self) -> None:
        # NO KEY: rows that only point at the part needn't wait.
        self.refresh_from_db(from_queryset=Part.objects.select_for_update(no_key=True))

    def receive(
        self, *, quantity: Decimal, by: User, at: datetime, reason: str = "", unit_cost: Decimal | None = None
    ) -> "StockMovement":
        """A delivery comes into the store. The price, if given, is the part's from now on."""
        with transaction.atomic():
            self.lock()
            self._require_living()
            require_positive(quantity)
            if unit_cost is not None:
                self.unit_cost = unit_cost
            return self.move(quantity, kind=StockMovement.Kind.RECEIPT, by=by, at=at, reason=reason)

    def correct(
        self, *, stock: Decimal, by: User, at: datetime, reason: str, expected_stock: Decimal | None = None
    ) -> "StockMovement | None":
        """Somebody has counted. None if the count was right.

        `expected_stock` is what whoever counted saw on the screen: VERSION_CONFLICT if it moved since.
        """
        with transaction.atomic():
            self.lock()
            self._require_living()
            if not reason.strip():
                raise ValidationFailed(gettext("Say something here."), field="reason")
            if expected_stock is not None and expected_stock != self.stock:
                message = gettext("The stock is %(stock)s now; count again.") % {"stock": self.stock}
                raise VersionConflict(message, meta={"stock": str(self.stock)}, field="expected_stock")
            difference = stock - self.stock
            if not difference:
                return None
            return self.move(difference, kind=StockMovement.Kind.CORRECTION, by=by, at=at, reason=reason)

    def move(
        self, quantity: Decimal, *, kind: str, by: User | None, at: datetime, reason: str = "",
        order: "WorkOrder | None" = None,
    ) -> "StockMovement":  # fmt: skip
        """Writes one line of the ledger and the stock that follows. The row is locked."""
        if self.stock + quantity < 0:
            message = gettext("Only %(stock)s %(unit)s of %(part)s are in stock.")
            facts = {"stock": plain(self.stock), "unit": self.unit, "part": self.number}
            meta = {"in_stock": str(self.stock), "wanted": str(-quantity), "part_id": str(self.pk)}
            raise OutOfStock(message % facts, field="quantity", meta=meta)
        was_low = self.is_low
        self.stock += quantity
        self.save(update_fields=["stock", "unit_cost"])
        movement = StockMovement.objects.create(
            part=self, kind=kind, quantity=quantity, stock_after=self.stock, unit_cost=self.unit_cost, reason=reason,
            work_order=order, by=by, at=at,
        )  # fmt: skip
        if self.is_low and not was_low:
            self._tell_that_it_is_low(movement)
        return movement

    def _tell_that_it_is_low(self, movement: "StockMovement") -> None:
        """Managers learn of it once for each time the stock falls below its minimum."""
        facts = {"part": str(self), "stock": plain(self.stock), "minimum": plain(self.minimum_stock), "unit": self.unit}
        notify(
            people=User.objects.active().filter(role=User.Role.MANAGER),
            kind=Notification.Kind.PART_LOW,
            title=gettext("Running low: %(part)s") % facts,
            body=gettext("%(stock)s %(unit)s are left, the minimum is %(minimum)s.") % facts,
            subject=self,
            key=f"part-low:{movement.pk}",
            at=movement.at,
        )

    def change(self, *, by: User | None, at: datetime | None = None, **fields: Any) -> None:
        with transaction.atomic():
            self.lock()
            for name, value in fields.items():
                setattr(self, name, value)
            if fields:
                self.save(update_fields=list(fields))

    def register(self, *, by: User | None) -> None:
        self.save(force_insert=True)

    def soft_delete(self, *, by: User | None, at: datetime) -> None:
        with transaction.atomic():
            self.lock()
            if self.stock:
                message = gettext("%(stock)s %(unit)s are in stock; correct the stock to 0 first.")
                raise PartInStock(message % {"stock": plain(self.stock), "unit": self.unit})
            super().soft_delete(by=by, at=at)

    def _require_living(self) -> None:
        if self.deleted_at:
            raise ValidationFailed(gettext("This part is deleted."), field="part_id")


class StockMovement(TimeStampedModel):
    """One line of a part's ledger: how many came or went, why, and what was there afterwards. Only ever added to."""

    class Kind(models.TextChoices):
        RECEIPT = "RECEIPT", _("Received")
        USE = "USE", _("Used")
        RETURN = "RETURN", _("Returned")
        CORRECTION = "CORRECTION", _("Corrected")

    part = models.ForeignKey(Part, models.PROTECT, related_name="movements", db_index=False, verbose_name=_("part"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    quantity = models.DecimalField(_("quantity"), **QUANTITY)
    stock_after = models.DecimalField(_("in stock afterwards"), **QUANTITY)
    unit_cost = models.DecimalField(_("unit cost"), max_digits=12, decimal_places=2, null=True, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    work_order = models.ForeignKey(
        "workorders.WorkOrder", models.PROTECT, null=True, blank=True, related_name="stock_movements",
        verbose_name=_("work order"),
    )  # fmt: skip
    at = models.DateTimeField(_("at"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", db_index=False,
        verbose_name=_("by"),
    )  # fmt: skip

    class Meta:
        db_table = "stock_movements"
        verbose_name = _("stock movement")
        verbose_name_plural = _("stock movements")
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=("RECEIPT", "RETURN"), quantity__gt=0)
                | Q(kind="USE", quantity__lt=0)
                | Q(kind="CORRECTION") & ~Q(quantity=0),
                name="check_stock_movements_sign",
            ),
            models.CheckConstraint(condition=Q(stock_after__gte=0), name="check_stock_movements_stock"),
        ]
        indexes = [
            # GET /parts/{id}/movements, newest first
            models.Index(fields=["part", "-created_at", "-id"], name="idx_stock_movements_part"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.quantity.normalize():+f}"

    def save(self, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A stock movement is never changed; write another one.")
        super().save(**kwargs)


class PartUse(EffortRow):
    """Parts that went into an order: from the store, or bought for it and never in stock."""

    work_order = models.ForeignKey(
        "workorders.WorkOrder", models.PROTECT, related_name="part_uses", verbose_name=_("work order")
    )
    part = models.ForeignKey(
        Part, models.PROTECT, null=True, blank=True, related_name="uses", verbose_name=_("part"),
        help_text=_("Empty: something that isn't in the catalogue."),
    )  # fmt: skip
    description = models.CharField(_("description"), max_length=200, blank=True)
    quantity = models.DecimalField(_("quantity"), **QUANTITY)
    from_stock = models.BooleanField(_("from stock"), default=True)
    unit_cost = models.DecimalField(_("unit cost"), null=True, blank=True, **MONEY)
    cost = models.DecimalField(_("cost"), max_digits=12, decimal_places=2, null=True, blank=True, editable=False)

    objects = LivingQuerySet["PartUse"].as_manager()

    class Meta:
        db_table = "part_uses"
        verbose_name = _("used part")
        verbose_name_plural = _("parts")
        constraints = [
            models.UniqueConstraint(
                fields=["work_order"],
                condition=Q(deleted_at=None, lump_sum=True),
                name="uniq_part_uses_lump_sum",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="check_part_uses_quantity"),
            models.CheckConstraint(
                condition=Q(part__isnull=False) | Q(from_stock=False) & ~Q(description=""),
                name="check_part_uses_what",
                violation_error_message=_("Choose a part, or say what it was and that it isn't from stock."),
            ),
            models.CheckConstraint(condition=Q(cost=None) | Q(cost__gte=0), name="check_part_uses_cost"),
        ]

    def __str__(self) -> str:
        return f"{plain(self.quantity)} × {self.part or self.description}"

    @classmethod
    def take(
        cls, *, order: "WorkOrder", by: User, at: datetime, quantity: Decimal, part: Part | None = None,
        from_stock: bool | None = None, description: str = "", unit_cost: Decimal | None = None,
    ) -> "PartUse":  # fmt: skip
        """Uses so many for the order; from the store unless said otherwise, OUT_OF_STOCK if there aren't enough."""
        require_positive(quantity)
        if part is None and (from_stock or not description.strip()):
            message = gettext("Choose a part, or say what it was and that it isn't from stock.")
            raise ValidationFailed(message, field="part_id")
        with order.booking(by=by, at=at, note=gettext("Parts used.")):
            use = cls(
                work_order=order, part=part, description=description, quantity=quantity, unit_cost=unit_cost,
                from_stock=part is not None if from_stock is None else from_stock, created_by=by, created_at=at,
            )  # fmt: skip
            use._draw(quantity, by=by, at=at)
            if unit_cost is None and part is not None and part.currency == order.currency:
                use.unit_cost = part.unit_cost
            use._count()
            use.save(force_insert=True)
        return use

    def change(
        self, *, by: User | None, at: datetime, quantity: Decimal | None = None, **fields: Any
    ) -> None:  # fmt: skip
        """Another quantity draws or returns the difference; the price and the words can be corrected."""
        with self.work_order.booking(by=by, at=at, note=gettext("Parts corrected.")):
            if quantity is not None:
                require_positive(quantity)
                self._draw(quantity - self.quantity, by=by, at=at)
                self.quantity = quantity
            for name, value in fields.items():
                setattr(self, name, value)
            self._count()
            self.save()

    def soft_delete(self, *, by: User | None, at: datetime) -> None:
        """What came from the store goes back there."""
        with transaction.atomic():
            self.work_order.lock()
            self.refresh_from_db(fields=["deleted_at"])
            if self.deleted_at is None:
                self._draw(-self.quantity, by=by, at=at)
                super().soft_delete(by=by, at=at)

    def restore(self, *, by: User | None, at: datetime) -> None:
        with transaction.atomic():
            self.work_order.lock()
            self.refresh_from_db(fields=["deleted_at"])
            if self.deleted_at is not None:
                self._draw(self.quantity, by=by, at=at)
                super().restore(by=by, at=at)

    def _draw(self, quantity: Decimal, *, by: User | None, at: datetime) -> None:
        """Takes so many from the store, or puts a negative number back. The order is locked."""
        if not self.from_stock or self.part is None or not quantity:
            return
        self.part.lock()
        if quantity > 0:
            self.part._require_living()
        kind = StockMovement.Kind.USE if quantity > 0 else StockMovement.Kind.RETURN
        self.part.move(-quantity, kind=kind, by=by, at=at, order=self.work_order)

    def _count(self) -> None:
        self.cost = None if self.unit_cost is None else cents(self.quantity * self.unit_cost)

    @classmethod
    def state(cls, order: "WorkOrder", *, by: User, at: datetime, total: Any) -> None:
        uses = order.part_uses.living()
        others = uses.filter(lump_sum=False).aggregate(cost=Sum("cost"))["cost"]
        rest = remainder(None if total is None else Decimal(total), others, field="parts_cost")
        lump = uses.filter(lump_sum=True).first() or cls(
            work_order=order, description=gettext("Parts"), quantity=Decimal(1), from_stock=False, created_by=by,
            created_at=at, lump_sum=True,
        )  # fmt: skip
        lump.unit_cost = lump.cost = rest
        lump.keep(rest is not None, by=by, at=at)


def plain(quantity: Decimal) -> str:
    """Without trailing zeros, and never as 1E+1."""
    return f"{quantity.normalize():f}"


def require_positive(quantity: Decimal) -> None:
    if quantity <= 0:
        raise ValidationFailed(gettext("The quantity is more than 0."), field="quantity")
