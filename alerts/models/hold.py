from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from equipment.models import StatusInterval
from faultreporter.accounts.models import User

if TYPE_CHECKING:
    from equipment.models import Equipment


class MachineHold(models.Model):
    """What can keep a machine down: its hold on one interval of the machine's status log, taken and let go once each.

    The interval is shared: it ends when the last alert, order or person that holds it has let go.
    """

    downtime = models.ForeignKey(
        StatusInterval, models.PROTECT, null=True, blank=True, editable=False, related_name="%(app_label)s",
        verbose_name=_("downtime"),
    )  # fmt: skip
    downtime_released_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    if TYPE_CHECKING:
        equipment: models.ForeignKey[Equipment, Equipment]

    @property
    def holds_machine(self) -> bool:
        return self.downtime_id is not None and self.downtime_released_at is None

    def _hold(self, *, status: str, by: User | None, at: datetime, reason: str, source: str) -> None:
        """Take the machine down. The caller has locked this row and saves it."""
        if not self.holds_machine:
            self.downtime = self.equipment.take_down(status=status, by=by, at=at, reason=reason, source=source)
            self.downtime_released_at = None

    def _let_go(self, *, by: User | None, at: datetime, exclusion: str = "") -> None:
        """Let the machine go; with an exclusion the time it was held is no failure, unless another holder's was."""
        if self.downtime and self.holds_machine:
            self.downtime.equipment = self.equipment
            self.downtime.release(by=by, at=at, exclusion_reason=exclusion)
            self.downtime_released_at = at

    def _count_again(self, exclusion: str) -> None:
        """Takes back an exclusion that this record gave its downtime."""
        if self.downtime and exclusion and self.downtime.exclusion_reason == exclusion:
            self.downtime.exclude(reason="", by=None)
