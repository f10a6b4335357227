from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from faultreporter.db import TimeStampedModel, TimeStampedQuerySet
from locations.models import Location


class Move(TimeStampedModel):
    """That a machine was carried from one place to another."""

    audited: ClassVar[bool] = True

    equipment = models.ForeignKey(
        "equipment.Equipment", models.PROTECT, related_name="moves", verbose_name=_("equipment")
    )
    from_location = models.ForeignKey(
        Location, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("from")
    )
    to_location = models.ForeignKey(
        Location, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("to")
    )
    at = models.DateTimeField(_("moved at"), default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("moved by")
    )
    reason = models.TextField(_("reason"), blank=True)

    objects = TimeStampedQuerySet["Move"].as_manager()

    class Meta:
        db_table = "equipment_moves"
        verbose_name = _("move")
        verbose_name_plural = _("moves")
        indexes = [
            # GET /equipment/{id}/moves, newest first
            models.Index(fields=["equipment", "-at"], name="idx_equipment_moves_equipment"),
        ]

    def __str__(self) -> str:
        return f"{self.from_location or '–'} → {self.to_location or '–'}"
