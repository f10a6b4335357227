"""The machine: what it is, where it stands, and what state it is in."""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from equipment.models.catalogue import Category, validate_code
from equipment.models.downtime import StatusInterval
from equipment.models.moves import Move
from equipment.models.queryset import EquipmentQuerySet
from equipment.signals import leaving_service
from faultreporter.accounts.models import User
from faultreporter.db import SoftDeleteModel, TimeStampedModel
from faultreporter.errors import HasChildren, HasOpenWork, ValidationFailed
from faultreporter.locks import Lock, hold
from locations.models import Location


def new_qr_token() -> str:
    """What the label's QR code says: 128 random bits, so that nobody guesses the label of a machine they never saw."""
    return secrets.token_urlsafe(16)


class Equipment(SoftDeleteModel):
    """A machine somebody has to keep running: a chiller, a lift, a pump. Its label shows its code and a QR code."""

    class Status(models.TextChoices):
        ONLINE = "ONLINE", _("Online")
        OFFLINE = "OFFLINE", _("Offline")
        MAINTENANCE = "MAINTENANCE", _("Maintenance")
        ERROR = "ERROR", _("Error")

    class Criticality(models.TextChoices):
        LOW = "LOW", _("Low")
        MEDIUM = "MEDIUM", _("Medium")
        HIGH = "HIGH", _("High")
        CRITICAL = "CRITICAL", _("Critical")

    # With several intervals open at once the machine shows the first of these.
    WORST_FIRST: ClassVar[tuple[str, ...]] = (Status.ERROR, Status.MAINTENANCE, Status.OFFLINE)

    audited: ClassVar[bool] = True
    audit_masked: ClassVar[tuple[str, ...]] = ("qr_token",)

    equipment_code = models.CharField(
        _("code"), max_length=50, validators=[validate_code], help_text=_("On the label; never changes.")
    )
    equipment_name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    status = models.CharField(_("status"), max_length=11, choices=Status.choices, default=Status.ONLINE, editable=False)
    location = models.ForeignKey(
        Location, models.PROTECT, null=True, blank=True, related_name="equipment", verbose_name=_("location")
    )
    asset_number = models.CharField(_("asset number"), max_length=100, blank=True)
    manufacturer = models.CharField(_("manufacturer"), max_length=200, blank=True)
    model = models.CharField(_("model"), max_length=200, blank=True)
    serial_number = models.CharField(_("serial number"), max_length=200, blank=True)
    metadata = models.JSONField(_("further data"), default=dict, blank=True)
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="components",
        verbose_name=_("part of"),
        help_text=_("The larger machine this one is a part of."),
    )
    category = models.ForeignKey(
        Category, models.PROTECT, null=True, blank=True, related_name="equipment", verbose_name=_("category")
    )
    criticality = models.CharField(
        _("criticality"), max_length=8, choices=Criticality.choices, default=Criticality.MEDIUM
    )
    installed_date = models.DateField(_("installed"), null=True, blank=True)
    warranty_end_date = models.DateField(_("warranty ends"), null=True, blank=True)
    retired_date = models.DateField(_("retired"), null=True, blank=True)
    plan_x = models.FloatField(
        _("pin x"), null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(1)]
    )
    plan_y = models.FloatField(
        _("pin y"), null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(1)]
    )
    qr_token = models.CharField(_("QR token"), max_length=64, unique=True, default=new_qr_token, editable=False)
    qr_rotated_at = models.DateTimeField(_("QR code rotated at"), null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("created by"),
    )

    objects = EquipmentQuerySet.as_manager()

    class Meta:
        db_table = "equipment"
        verbose_name = _("machine")
        verbose_name_plural = _("equipment")
        constraints = [
            models.UniqueConstraint(
                fields=["equipment_code"],
                condition=Q(deleted_at=None),
                name="uniq_equipment_equipment_code_living",
                violation_error_message=_("Another machine has this code."),
            ),
            models.CheckConstraint(
                condition=Q(equipment_code__regex=r"^[A-Z0-9-]+$"),
                name="check_equipment_code",
                violation_error_message=_("A code has capital letters, digits and hyphens only."),
            ),
            models.CheckConstraint(
                condition=Q(parent=None) | ~Q(parent=F("id")),
                name="check_equipment_parent_not_self",
                violation_error_message=_("A machine cannot be a part of itself."),
            ),
            models.CheckConstraint(
                condition=Q(plan_x=None, plan_y=None) | Q(plan_x__gte=0, plan_x__lte=1, plan_y__gte=0, plan_y__lte=1),
                name="check_equipment_pin",
                violation_error_message=_("Give both pin coordinates, from 0 to 1, or none."),
            ),
            models.CheckConstraint(
                condition=Q(retired_date=None) | Q(installed_date=None) | Q(retired_date__gte=F("installed_date")),
                name="check_equipment_dates",
                violation_error_message=_("It cannot be retired before it was installed."),
            ),
        ]
        indexes = [
            # GET /equipment, newest first
            models.Index(fields=["-created_at", "-id"], condition=Q(deleted_at=None), name="idx_equipment_list"),
            # ?status=, the dashboard's counts
            models.Index(fields=["status", "-created_at"], condition=Q(deleted_at=None), name="idx_equipment_status"),
            # ?search= (icontains is UPPER(…) LIKE UPPER(…)); one index over all four, joined by a bitmap OR
            GinIndex(
                OpClass(Upper("equipment_code"), name="gin_trgm_ops"),
                OpClass(Upper("equipment_name"), name="gin_trgm_ops"),
                OpClass(Upper("serial_number"), name="gin_trgm_ops"),
                OpClass(Upper("asset_number"), name="gin_trgm_ops"),
                name="idx_equipment_search",
            ),
            # GET /equipment/lookup?serial= and ?asset_number=
            models.Index(fields=["serial_number"], condition=~Q(serial_number=""), name="idx_equipment_serial"),
            models.Index(fields=["asset_number"], condition=~Q(asset_number=""), name="idx_equipment_asset_number"),
            # ?manufacturer= matches the whole name whatever its capitals
            models.Index(Upper("manufacturer"), name="idx_equipment_manufacturer"),
        ]

    def __str__(self) -> str:
        return f"{self.equipment_code} {self.equipment_name}"

    def concerns(self, user: User) -> bool:
        """Whether this person is assigned to the machine right now: what the * in "T*" asks."""
        return self.assignments.active(timezone.now()).filter(user=user).exists()

    def lock(self) -> None:
        """Holds the machine's row until the transaction ends and reads what is in it now.

        NO KEY: rows that only point at the machine (readings, alerts) need not wait for it.
        """
        self.refresh_from_db(from_queryset=Equipment.objects.select_for_update(of=("self",), no_key=True))

    def place(self) -> "Place":
        """Where to go to find it, in one query."""
        line = self.location.line() if self.location else []
        with_plan = [place for place in line if place.floor_plan_id]
        pin = (self.plan_x, self.plan_y)
        if line and None in pin:  # then the pin of its room, which is on the plan of a place above the room
            with_plan = [place for place in line[:-1] if place.floor_plan_id]
            pin = (line[-1].plan_x, line[-1].plan_y)
        plan = with_plan[-1] if with_plan and None not in pin else None
        geo = next((place.geo_uri for place in reversed(line) if place.geo_uri), None)
        return Place(equipment=self, line=line, plan=plan, x=pin[0], y=pin[1], geo=geo)

    # State ------------------------------------------------------------------------------------------------------

    def take_down(self, *, status: str, by: User | None, at: datetime, reason: str, source: str) -> StatusInterval:
        """One more holder for the open interval of this status, which begins if there is none."""
        with transaction.atomic():
            self.lock()
            interval = StatusInterval.hold(self, status=status, by=by, at=at, reason=reason, source=source)
            self.refresh_status()
        return interval

    def set_status(self, *, status: str, by: User | None, at: datetime, reason: str) -> None:
        """What a person says the state is: replaces what people said before, leaves what alerts and orders hold.

        Refused with HAS_OPEN_WORK if those hold it in a worse state than the one asked for.
        """
        with transaction.atomic():
            self.lock()
            for interval in self.status_log.open().filter(held_by_hand=True).exclude(status=status):
                interval._let_go(by=by, at=at, exclusion_reason="", by_hand=True)
            if status != self.Status.ONLINE:
                StatusInterval.hold(
                    self, status=status, by=by, at=at, reason=reason, source=StatusInterval.Source.MANUAL
                )
            self.refresh_status()
            if self.status != status:
                message = gettext("Open alerts or work orders keep it in %(status)s; settle those first.")
                raise HasOpenWork(message % {"status": self.get_status_display()}, meta={"status": self.status})

    def refresh_status(self) -> None:
        """Shows the worst open interval. The row is locked."""
        held = set(self.status_log.open().values_list("status", flat=True))
        worst = next((status for status in self.WORST_FIRST if status in held), self.Status.ONLINE)
        if worst != self.status:
            self.status = worst
            self.save(update_fields=["status"])

    # Life -------------------------------------------------------------------------------------------------------

    @classmethod
    def add(cls, *, by: User | None, at: datetime, status: str = Status.ONLINE, **fields: Any) -> "Equipment":
        """A new machine; a status other than ONLINE opens its first interval."""
        with transaction.atomic():
            equipment = cls(**fields)
            equipment._store(by=by)
            if status != cls.Status.ONLINE:
                equipment.set_status(status=status, by=by, at=at, reason="")
        return equipment

    def register(self, *, by: User | None) -> None:
        """Stores a machine that was only filled in so far."""
        with transaction.atomic():
            self._store(by=by)

    def _store(self, *, by: User | None) -> None:
        self.created_by = by
        self._check({"location": self.location, "parent": self.parent})
        self.save(force_insert=True)

    def change(self, *, by: User | None, at: datetime, **fields: Any) -> None:
        """Edits the given fields. A different code is refused, `location` is a move, `status` the manual route."""
        with transaction.atomic():
            self.lock()
            if fields.pop("equipment_code", self.equipment_code) != self.equipment_code:
                raise ValidationFailed(gettext("The code of a machine never changes."), field="equipment_code")
            status = fields.pop("status", self.status)
            location = fields.pop("location", self.location)
            retired_date = fields.pop("retired_date", self.retired_date)
            if location != self.location:  # first: it drops the old pin, and a new one may be among the fields
                self.move_to(location, by=by, at=at, reason="")
            for name, value in fields.items():
                setattr(self, name, value)
            self._check(fields)
            if fields:
                self.save(update_fields=list(fields))
            if retired_date != self.retired_date:
                self.retire(by=by, on=retired_date)
            if status != self.status:
                self.set_status(status=status, by=by, at=at, reason="")

    def move_to(self, location: Location | None, *, by: User | None, at: datetime, reason: str) -> Move:
        """Carries the machine to another place and writes it down; its pin on the old plan is dropped."""
        with transaction.atomic():
            self.lock()
            if location and location.pk == self.location_id:
                raise ValidationFailed(gettext("It is there already."), field="location_id")
            require_living_place(location)
            if self.moves.filter(at__gt=at).exists():
                raise ValidationFailed(gettext("It was moved again after this time."), field="occurred_at")
            move = Move.objects.create(
                equipment=self, from_location_id=self.location_id, to_location=location, at=at, by=by, reason=reason
            )
            self.location, self.plan_x, self.plan_y = location, None, None
            self.save(update_fields=["location", "plan_x", "plan_y"])
        return move

    def retire(self, *, by: User | None, on: date | None) -> None:
        """Out of service for good; its history stays in every number up to that day. None takes it back."""
        with transaction.atomic():
            self.lock()
            if on:
                leaving_service.send(sender=Equipment, equipment=self, by=by)
            self.retired_date = on
            self._check({"retired_date": on})
            self.save(update_fields=["retired_date"])

    def soft_delete(self, *, by: User | None, at: datetime) -> None:
        """Refused while other machines are part of it, or with HAS_OPEN_WORK by a receiver of `leaving_service`."""
        with transaction.atomic():
            self.lock()
            if self.components.living().exists():
                raise HasChildren(gettext("Other machines are part of this one; move or delete them first."))
            leaving_service.send(sender=Equipment, equipment=self, by=by)
            super().soft_delete(by=by, at=at)

    def restore(self, *, by: User | None, at: datetime) -> None:
        with transaction.atomic():
            self.lock()
            require_living_place(self.location)
            super().restore(by=by, at=at)

    def rotate_qr_code(self, *, by: User | None, at: datetime) -> None:
        """A new token; whoever scans an old label is told to peel it off (QR_REVOKED)."""
        with transaction.atomic():
            self.lock()
            RevokedQrToken.objects.create(equipment=self, token=self.qr_token, created_at=at)
            self.qr_token, self.qr_rotated_at = new_qr_token(), at
            self.save(update_fields=["qr_token", "qr_rotated_at"])

    def _check(self, fields: Mapping[str, Any]) -> None:
        if fields.get("location"):
            require_living_place(fields["location"])
        if (self.plan_x is None) != (self.plan_y is None):
            raise ValidationFailed(gettext("Give both pin coordinates or none."), field="plan_y")
        if self.installed_date and self.retired_date and self.retired_date < self.installed_date:
            raise ValidationFailed(gettext("It cannot be retired before it was installed."), field="retired_date")
        if fields.get("parent"):
            self._check_parent(fields["parent"])

    def _check_parent(self, parent: "Equipment") -> None:
        """A machine is never, through however many others, a part of itself. One such check runs at a time."""
        hold(Lock.PARTS)
        above: uuid.UUID | None = parent.pk
        while above:
            if above == self.pk:
                raise ValidationFailed(gettext("A machine cannot be a part of itself."), field="parent_id")
            above = Equipment.objects.filter(pk=above).values_list("parent", flat=True).first()


def require_living_place(location: Location | None) -> None:
    """Refuses a deleted place, and makes a deletion of it that runs at the same time wait for us."""
    if location and not Location.objects.living().select_for_update(no_key=True).filter(pk=location.pk).exists():
        raise ValidationFailed(gettext("This place is deleted."), field="location_id")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a machine is: the line of places down to it, its pin (x, y) on the picture of `plan`, coordinates."""

    equipment: Equipment
    line: list[Location]
    plan: Location | None
    x: float | None
    y: float | None
    geo: str | None


class RevokedQrToken(TimeStampedModel):
    """A QR token that was on a label once; kept so that the old sticker can be told from a stranger's."""

    equipment = models.ForeignKey(Equipment, models.PROTECT, related_name="revoked_qr_tokens")
    token = models.CharField(max_length=64, unique=True)

    class Meta:
        db_table = "equipment_revoked_qr_tokens"
        verbose_name = _("revoked QR code")
        verbose_name_plural = _("revoked QR codes")

    def __str__(self) -> str:
        return f"{self.equipment_id} {self.created_at:%Y-%m-%d}"
