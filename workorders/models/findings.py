"""What was found: the mode one saw, the mechanism behind it, its cause, what was done; and what the downtime counts."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.db import models, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from equipment.models import FailureCause, FailureMechanism, FailureMode, Remedy, StatusInterval
from faultreporter.accounts.models import User
from faultreporter.errors import DomainError, ValidationFailed

CODES: Final = ("failure_mode", "failure_mechanism", "failure_cause", "remedy_action")
FINDINGS: Final = (*CODES, "no_failure_found", "cause", "remedy")


class FindingsMissing(DomainError):
    """A repair is closed only with a failure mode, or with the word that no failure was found."""

    code = "FINDINGS_MISSING"
    http_status = 409


class NoDowntime(DomainError):
    """The order kept no machine down in a way that could count as a failure."""

    code = "NO_DOWNTIME"
    http_status = 409


class Findings(models.Model):
    """The coded findings of an order, beside its words."""

    failure_mode = models.ForeignKey(
        FailureMode, models.PROTECT, null=True, blank=True, editable=False, related_name="work_orders",
        verbose_name=_("failure mode"),
    )  # fmt: skip
    failure_mechanism = models.ForeignKey(
        FailureMechanism, models.PROTECT, null=True, blank=True, editable=False, related_name="work_orders",
        verbose_name=_("failure mechanism"),
    )  # fmt: skip
    failure_cause = models.ForeignKey(
        FailureCause, models.PROTECT, null=True, blank=True, editable=False, related_name="work_orders",
        verbose_name=_("failure cause"),
    )  # fmt: skip
    remedy_action = models.ForeignKey(
        Remedy, models.PROTECT, null=True, blank=True, editable=False, related_name="work_orders",
        verbose_name=_("what was done"),
    )  # fmt: skip
    no_failure_found = models.BooleanField(_("no failure found"), default=False, editable=False)

    class Meta:
        abstract = True

    if TYPE_CHECKING:
        equipment: Any
        alert: Any
        type: Any
        downtime: Any
        holds_machine: Any
        lock: Any
        record: Any

    def code_findings(self, said: dict[str, Any]) -> dict[str, Any]:
        """Takes over what is said of the findings and returns what that changed. The row is locked."""
        self._check_failure_mode(said.get("failure_mode"))
        if said.get("no_failure_found") and said.get("failure_mode"):
            message = gettext("Either a failure was found or none was.")
            raise ValidationFailed(message, field="no_failure_found")
        if said.get("no_failure_found"):
            said = {"failure_mode": None, "failure_mechanism": None, "failure_cause": None, **said}
        elif said.get("failure_mode"):
            said = {"no_failure_found": False, **said}
        changes = {}
        for name in said.keys() & set(FINDINGS):
            before = getattr(self, name)
            if before != said[name]:
                setattr(self, name, said[name])
                changes[name] = {"from": told(before), "to": told(said[name])}
        return changes

    def require_findings(self) -> None:
        if self.type == "CORRECTIVE" and self.failure_mode is None and not self.no_failure_found:
            message = gettext("A repair is closed with a failure mode, or by saying that no failure was found.")
            raise FindingsMissing(message, field="failure_mode")

    def _check_failure_mode(self, mode: FailureMode | None) -> None:
        if mode and mode.category_id not in (None, self.equipment.category_id):
            raise ValidationFailed(gettext("This kind of machine doesn't fail like this."), field="failure_mode")

    def check_restored(self, restored_at: datetime | None, *, at: datetime) -> None:
        """The machine ran again after it went down, and not after the work was done."""
        if restored_at is None:
            return
        holder = self if self.holds_machine else self.alert
        if holder is None or not holder.holds_machine:
            raise ValidationFailed(gettext("This order keeps no machine down."), field="restored_at")
        if not holder.downtime.started_at <= restored_at <= at:
            message = gettext("That lies between the beginning of the downtime and the completion.")
            raise ValidationFailed(message, field="restored_at")

    def judge_downtime(self, *, exclusion_reason: str, reason: str, by: User, at: datetime) -> None:
        """Says whether the machine's standstill was a failure: an exclusion takes it out of the numbers, none back."""
        with transaction.atomic():
            self.lock()
            if self.downtime is None or self.downtime.status != StatusInterval.Status.ERROR:
                raise NoDowntime(gettext("This order has no unplanned downtime that could count as a failure."))
            if not reason.strip():
                raise ValidationFailed(gettext("Say something here."), field="reason")
            before = self.downtime.exclusion_reason
            self.exclude_downtime(exclusion_reason, by=by)
            data = {"downtime_id": str(self.downtime.pk), "from": before or None, "to": exclusion_reason or None}
            self.record("DOWNTIME", by=by, at=at, note=reason, data=data)

    def exclude_downtime(self, exclusion_reason: str, *, by: User) -> None:
        self.downtime.equipment = self.equipment
        self.downtime.exclude(reason=exclusion_reason, by=by)


def told(value: Any) -> Any:
    return getattr(value, "code", value) if not isinstance(value, str) else value
