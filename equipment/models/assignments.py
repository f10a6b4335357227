from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from equipment.models.equipment import Equipment
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel
from faultreporter.errors import ValidationFailed


class AssignmentQuerySet(LivingQuerySet["UserEquipmentAssignment"]):
    def active(self, at: datetime) -> Self:
        return self.living().filter(Q(ends_at=None) | Q(ends_at__gt=at), starts_at__lte=at)

    def for_user(self, user: User) -> Self:
        return self.filter(equipment__in=Equipment.objects.for_user(user))


class UserEquipmentAssignment(SoftDeleteModel):
    """That a person looks after a machine, from one day to another: first in line, as a stand-in, or to be told."""

    class Role(models.TextChoices):
        PRIMARY = "PRIMARY", _("Primary")
        BACKUP = "BACKUP", _("Backup")
        OBSERVER = "OBSERVER", _("Observer")

    audited: ClassVar[bool] = True

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="equipment_assignments", verbose_name=_("person")
    )
    equipment = models.ForeignKey(Equipment, models.PROTECT, related_name="assignments", verbose_name=_("equipment"))
    role = models.CharField(_("role"), max_length=8, choices=Role.choices, default=Role.PRIMARY)
    starts_at = models.DateTimeField(_("from"), default=timezone.now)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True, help_text=_("Empty: until further notice."))

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        db_table = "user_equipment_assignments"
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        constraints = [
            # Also answers "is this machine mine" (assigned_to_me, concerns).
            models.UniqueConstraint(
                fields=["user", "equipment"],
                condition=Q(ends_at=None, deleted_at=None),
                name="uniq_user_equipment_assignments_user_living",
                violation_error_message=_("This person is assigned to this machine already."),
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gte=F("starts_at")),
                name="check_user_equipment_assignments_order",
            ),
        ]
        indexes = [
            # GET /assignments, newest first
            models.Index(
                fields=["-created_at", "-id"], condition=Q(deleted_at=None), name="idx_equipment_assignments_list"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.equipment}"

    @classmethod
    def assign(cls, *, by: User | None, **fields: Any) -> "UserEquipmentAssignment":
        """Puts a person in charge; an open assignment of the same two is a DUPLICATE."""
        assignment = cls(**fields)
        assignment.register(by=by)
        return assignment

    def register(self, *, by: User | None) -> None:
        """Stores an assignment that was only filled in so far."""
        self._check()
        self.save(force_insert=True)

    @classmethod
    def assign_many(
        cls, *, user: User, equipment: Iterable[Equipment], by: User | None, **fields: Any
    ) -> list["UserEquipmentAssignment"]:
        """Puts one person in charge of many machines; those already theirs until further notice stay as they are."""
        theirs = set(cls.objects.living().filter(user=user, ends_at=None).values_list("equipment", flat=True))
        new = [
            UserEquipmentAssignment(user=user, equipment=machine, **fields)
            for machine in equipment
            if machine.pk not in theirs
        ]
        if new:
            new[0]._check()
        return UserEquipmentAssignment.objects.bulk_create(new)

    def change(self, *, by: User | None, **fields: Any) -> None:
        with transaction.atomic():
            self.refresh_from_db(from_queryset=UserEquipmentAssignment.objects.select_for_update(of=("self",)))
            for name in ("user", "equipment"):
                if fields.get(name, getattr(self, name)) != getattr(self, name):
                    message = gettext("That would be another assignment; end this one and make a new one.")
                    raise ValidationFailed(message, field=f"{name}_id")
            for name, value in fields.items():
                setattr(self, name, value)
            self._check()
            self.save(update_fields=list(fields))

    def soft_delete(self, *, by: User | None, at: datetime) -> None:
        """Taking somebody off ends the assignment; what was true until now stays on record."""
        with transaction.atomic():
            self.refresh_from_db(from_queryset=UserEquipmentAssignment.objects.select_for_update(of=("self",)))
            self.ends_at = max(self.starts_at, min(at, self.ends_at or at))
            self.save(update_fields=["ends_at"])
            super().soft_delete(by=by, at=at)

    def _check(self) -> None:
        if self.ends_at and self.ends_at < self.starts_at:
            raise ValidationFailed(gettext("It ends before it starts."), field="ends_at")
        if not self.user.is_active:
            raise ValidationFailed(gettext("This person is not active."), field="user_id")
