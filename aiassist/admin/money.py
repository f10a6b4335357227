"""Micro-USD, whole numbers in the tables, as people read and type them: US dollars."""

from decimal import Decimal
from typing import Any, Final

from django import forms
from django.utils.formats import number_format
from unfold.widgets import UnfoldAdminDecimalFieldWidget

MICRO: Final = 1_000_000


def usd(micro_usd: int | None) -> str:
    """`0.0042 USD`; two digits from a dollar on, and never a zero that isn't one. A dash where nobody knows."""
    if micro_usd is None:
        return "–"
    if 0 < micro_usd < 100:
        return "< 0.0001 USD"
    amount = Decimal(micro_usd) / MICRO
    digits = 2 if amount >= 1 or not amount else 4
    return f"{number_format(round(amount, digits), digits, force_grouping=True)} USD"


def grouped(count: int | None) -> str:
    """A whole number as people read it: `4,211`."""
    return str(number_format(count or 0, force_grouping=True))


class UsdField(forms.DecimalField):
    """Typed in dollars, kept in micro-USD."""

    widget = UnfoldAdminDecimalFieldWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=1_000_000, decimal_places=6, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return Decimal(value) / MICRO if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        amount = super().clean(value)
        return None if amount is None else int(amount * MICRO)
