from datetime import date

from django.db import models
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from faultreporter.db import TimeStampedModel, TimeStampedQuerySet


class ModelCheck(TimeStampedModel):
    """What a provider's own list said of the model it is asked for here, when somebody looked last."""

    provider = models.CharField(_("provider"), max_length=30)
    model_name = models.CharField(_("model"), max_length=100)
    checked_at = models.DateTimeField(_("checked at"))
    is_offered = models.BooleanField(_("is offered"))
    retires_on = models.DateField(_("retires on"), null=True, blank=True)
    note = models.CharField(
        _("note"), max_length=300, blank=True, help_text=_("What the list says of its end, or which models are alike.")
    )

    objects = TimeStampedQuerySet.as_manager()

    class Meta:
        db_table = "ai_model_checks"
        verbose_name = _("check of a model")
        verbose_name_plural = _("checks of models")
        ordering = ("provider", "model_name")
        constraints = [models.UniqueConstraint(fields=["provider", "model_name"], name="uniq_ai_model_checks_model")]

    def __str__(self) -> str:
        return f"{self.provider} {self.model_name}"

    def is_retired(self, *, on: date) -> bool:
        return not self.is_offered or (self.retires_on is not None and self.retires_on <= on)

    def warning(self, *, on: date) -> str:
        """What is wrong with the model, in a sentence or two; empty if nothing is."""
        known = {"model": self.model_name, "setting": f"{self.provider}_MODEL", "day": self.retires_on}
        if self.is_retired(on=on):
            words = _t("The provider does not offer %(model)s any more. Choose another model with %(setting)s.") % known
        elif self.retires_on:
            words = _t("%(model)s ends on %(day)s. Choose another model with %(setting)s before then.") % known
        elif self.note:
            words = _t("The provider says that %(model)s will end:") % known
        else:
            return ""
        return f"{words} {self.note}".strip()
