"""Times in which alarms are expected and nobody wants to hear of them."""

from datetime import datetime
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from equipment.models import Equipment
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel
from faultreporter.errors import ValidationFailed
from locations.models import Location
from locations.scope import hidden_site_ids


class MaintenanceWindowQuerySet(LivingQuerySet["MaintenanceWindow"]):
    def for_user(self, user: User) -> Self:
        """Those of machines and places this person sees."""
        rows = self.filter(Q(equipment=None) | Q(equipment__in=Equipment.objects.for_user(user)))
        hidden = hidden_site_ids(user)
        return rows.exclude(Q(location__in=hidden) | Q(location__site__in=hidden)) if hidden else rows

    def over(self, moment: datetime) -> Self:
        return self.filter(starts_at__lte=moment, ends_at__gt=moment)


class MaintenanceWindow(SoftDeleteModel):
    """A planned stretch of time in which rules open no alerts, for a machine and its parts or for a place.

    Rules go on judging. What still fires when the window ends opens its alert then; an alert that was open when it
    began stays open and clears as always.
    """

    audited: ClassVar[bool] = True

    equipment = models.ForeignKey(
        Equipment, models.PROTECT, null=True, blank=True, related_name="maintenance_windows",
        verbose_name=_("equipment"), help_text=_("With all its parts."),
    )  # fmt: skip
    location = models.ForeignKey(
        Location, models.PROTECT, null=True, blank=True, related_name="maintenance_windows",
        verbose_name=_("location"), help_text=_("With everything in it."),
    )  # fmt: skip
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("to"))
    reason = models.CharField(_("reason"), max_length=300)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        verbose_name=_("created by"),
    )  # fmt: skip

    objects = MaintenanceWindowQuerySet.as_manager()

    class Meta:
        db_table = "iot_maintenance_windows"
        verbose_name = _("maintenance window")
        verbose_name_plural = _("maintenance windows")
        ordering = ("-starts_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=Q(equipment=None, location__isnull=False) | Q(equipment__isnull=False, location=None),
                name="check_iot_maintenance_windows_scope",
                violation_error_message=_("Name either one machine or one place."),
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="check_iot_maintenance_windows_order",
                violation_error_message=_("A window ends after it begins."),
            ),
        ]
        indexes = [
            # the list, newest first
            models.Index(fields=["-starts_at", "-id"], name="idx_iot_windows_newest", condition=Q(deleted_at=None)),
            # the windows that aren't over: suppression
            models.Index(fields=["ends_at"], name="idx_iot_windows_end", condition=Q(deleted_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.equipment or self.location}: {self.reason}"

    @classmethod
    def add(cls, *, by: User | None, **fields: Any) -> "MaintenanceWindow":
        window = cls(created_by=by, **fields)
        window._check()
        window.save(force_insert=True)
        return window

    def change(self, *, by: User | None, **changes: Any) -> None:
        """Writes these fields. To end a window early, move its end to the present."""
        with transaction.atomic():
            self.refresh_from_db(from_queryset=MaintenanceWindow.objects.select_for_update(of=("self",)))
            for name, value in changes.items():
                setattr(self, name, value)
            self._check()
            self.save(update_fields=list(changes))

    def _check(self) -> None:
        if (self.equipment_id is None) == (self.location_id is None):
            raise ValidationFailed(gettext("Name either one machine or one place."), field="equipment_id")
        if self.ends_at <= self.starts_at:
            raise ValidationFailed(gettext("A window ends after it begins."), field="ends_at")
