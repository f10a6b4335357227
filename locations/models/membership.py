from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from faultreporter.db import TimeStampedModel
from locations.models.location import Location


class SiteMembership(TimeStampedModel):
    """That a person works on a site; only members see a site that is not open to all."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="site_memberships", verbose_name=_("person")
    )
    site = models.ForeignKey(
        Location, models.PROTECT, related_name="memberships", limit_choices_to={"kind": "SITE"}, verbose_name=_("site")
    )

    audited: ClassVar[bool] = True

    class Meta:
        db_table = "site_memberships"
        verbose_name = _("site membership")
        verbose_name_plural = _("site memberships")
        constraints = [models.UniqueConstraint(fields=["user", "site"], name="uniq_site_memberships_user_site")]

    def __str__(self) -> str:
        return f"{self.user} · {self.site}"
