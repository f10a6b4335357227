"""Who hears how an analysis is getting on: screens that watch its machine, and whoever asked."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.models import User
from faultreporter.live.bus import Kind
from faultreporter.live.services import announce
from faultreporter.notifications.models import Notification
from faultreporter.notifications.services import notify
from locations.scope import who_see

if TYPE_CHECKING:
    from aiassist.models.claims import Claimed

ENDINGS: Final[dict[str, Any]] = {
    "SUCCEEDED": _("Analysis ready"),
    "FAILED": _("Analysis failed"),
    "CANCELLED": _("Analysis cancelled"),
}


def announce_progress(analysis: "Claimed", *, at: datetime) -> None:
    """To everybody who listens to the machine, which only those who see it can. No word of the answer itself."""
    if analysis.equipment_id is None:
        return
    data = {
        "id": str(analysis.pk),
        "changed_at": at,
        "status": analysis.status,
        "stage": analysis.stage,
        "severity": analysis.severity or None,
        "alert_id": analysis.alert_id and str(analysis.alert_id),
        "url": f"{settings.PUBLIC_URL}/api/v1/ai/analyses/{analysis.pk}",
    }
    announce(Kind.ANALYSIS, equipment_id=analysis.equipment_id, data=data)


def tell(analysis: "Claimed", *, at: datetime) -> None:
    """It is finished: the news, and a line in the inbox of who asked, unless they wait for the answer right now."""
    announce_progress(analysis, at=at)
    analysis.refresh_from_db(fields=["awaited_until"])
    is_awaited = analysis.awaited_until is not None and analysis.awaited_until > at
    if is_awaited or analysis.requested_by_id in (None, analysis.cancelled_by_id):
        return
    machine, site = analysis.equipment, analysis.site
    asked = User.objects.active().filter(pk=analysis.requested_by_id)
    about = machine.equipment_name if machine else site.name if site else gettext("your question")
    notify(
        people=who_see(machine.location_id if machine else analysis.site_id, asked),
        kind=Notification.Kind.ANALYSIS_FINISHED, severity=analysis.severity or Notification.Severity.LOW, at=at,
        subject=analysis, about=about,
        title=f"{ENDINGS[analysis.status]}: {about}", body=summary(analysis), key=f"analysis:{analysis.pk}",
    )  # fmt: skip


def summary(analysis: "Claimed") -> str:
    """The likeliest fault, else what the answer says of the machine or the day, else why there is none."""
    if analysis.result is None:
        return str(analysis.failure_message)
    issues = analysis.result.get("issues")
    return str(
        issues[0]["title"] if issues else analysis.result.get("condition") or analysis.result.get("headline", "")
    )[:1000]
