from datetime import date
from typing import Self

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from faultreporter.db import TimeStampedModel, TimeStampedQuerySet


class ModelPriceQuerySet(TimeStampedQuerySet["ModelPrice"]):
    def of(self, provider: str, model_name: str) -> Self:
        return self.filter(provider=provider, model_name=model_name)

    def valid_on(self, day: date) -> Self:
        """The newest first; the first of a model is its price on that day."""
        return self.filter(valid_from__lte=day).order_by("-valid_from")


class ModelPrice(TimeStampedModel):
    """What a provider asks for a million tokens of one of its models, from a day on until the next price.

    In micro-USD, whole numbers: 1.25 USD for a million tokens is 1,250,000.
    """

    audited = True

    provider = models.CharField(_("provider"), max_length=30)
    model_name = models.CharField(_("model"), max_length=100)
    valid_from = models.DateField(_("valid from"))
    input_micro_usd = models.BigIntegerField(_("a million input tokens"), validators=[MinValueValidator(0)])
    cached_micro_usd = models.BigIntegerField(
        _("a million cached input tokens"), null=True, blank=True, validators=[MinValueValidator(0)],
        help_text=_("Empty: as much as other input."),
    )  # fmt: skip
    output_micro_usd = models.BigIntegerField(_("a million output tokens"), validators=[MinValueValidator(0)])
    source = models.CharField(_("source"), max_length=200, blank=True, help_text=_("Where the price was read."))

    objects = ModelPriceQuerySet.as_manager()

    class Meta:
        db_table = "ai_model_prices"
        verbose_name = _("model price")
        verbose_name_plural = _("model prices")
        ordering = ("provider", "model_name", "-valid_from")
        constraints = [
            models.UniqueConstraint(fields=["provider", "model_name", "valid_from"], name="uniq_ai_model_prices_day"),
            models.CheckConstraint(
                condition=models.Q(input_micro_usd__gte=0, output_micro_usd__gte=0), name="check_ai_model_prices"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.model_name} {self.valid_from:%Y-%m-%d}"
