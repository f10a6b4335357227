from datetime import UTC, date, datetime
from typing import Final, Self

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from aiassist.pricing import Rates, cost_micro_usd
from aiassist.providers import base
from faultreporter.db import TimeStampedModel, TimeStampedQuerySet

TO_BE_CHECKED: Final = "To be checked"


class ModelPriceQuerySet(TimeStampedQuerySet["ModelPrice"]):
    def of(self, provider: str, model_name: str) -> Self:
        return self.filter(provider=provider, model_name=model_name)

    def valid_on(self, day: date) -> Self:
        """The newest first; the first of a model is its price on that day."""
        return self.filter(valid_from__lte=day).order_by("-valid_from")

    def at(self, provider: str, model_name: str, moment: datetime) -> "ModelPrice | None":
        """The price of a call that starts at that moment, by the day in UTC; None if nobody knows it."""
        return self.of(provider, model_name).valid_on(moment.astimezone(UTC).date()).first()


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

    @property
    def is_to_be_checked(self) -> bool:
        """Whether it came with the product and nobody has confirmed it since."""
        return self.source.startswith(TO_BE_CHECKED)

    def cost_of(self, reply: base.Reply) -> int | None:
        """In micro-USD; None where the provider didn't say what it counted."""
        rates = Rates(input=self.input_micro_usd, cached=self.cached_micro_usd, output=self.output_micro_usd)
        return cost_micro_usd(
            rates,
            input_tokens=reply.input_tokens,
            cached_tokens=reply.cached_tokens,
            output_tokens=reply.output_tokens,
        )

    def __str__(self) -> str:
        return f"{self.provider} {self.model_name} {self.valid_from:%Y-%m-%d}"
