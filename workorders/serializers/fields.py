"""Amounts and durations."""

from typing import Any

from rest_framework import serializers


class MoneyField(serializers.DecimalField):
    """An amount of the record's `currency`, as a decimal string."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_digits": 12, "decimal_places": 2, "min_value": 0, "allow_null": True, **kwargs})


class MinutesField(serializers.IntegerField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"min_value": 0, "max_value": 1_000_000, "allow_null": True, **kwargs})
