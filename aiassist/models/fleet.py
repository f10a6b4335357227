from django.db import models
from django.utils.translation import gettext_lazy as _

from equipment.models import Category
from faultreporter.db import TimeStampedModel


class FleetCounts(TimeStampedModel):
    """What the closed faults of one kind of machine in this fleet were, counted: the rule book's experience.

    One row for a question to read, whatever the history behind it; made anew every night, so nothing of it is truth.
    The counts are those of `aiassist.learning.FleetFacts`, by failure mode code.
    """

    category = models.OneToOneField(
        Category, models.CASCADE, related_name="fleet_counts", verbose_name=_("category")
    )  # also the index of the question: one kind's row
    counted_at = models.DateTimeField(_("counted at"))
    closed = models.JSONField(_("closed faults by mode"), default=dict)
    weight = models.JSONField(_("the same, old ones faded"), default=dict)
    terms = models.JSONField(_("closed faults by word and mode"), default=dict)

    sharpness = models.FloatField(
        _("sharpness"), default=1.0, help_text=_("Below 1: the rule book was too sure of itself in this fleet.")
    )

    class Meta:
        db_table = "ai_fleet_counts"
        verbose_name = _("experience of the rule book")
        verbose_name_plural = _("experience of the rule book")

    def __str__(self) -> str:
        return f"{self.category} {self.counted_at:%Y-%m-%d %H:%M}"
