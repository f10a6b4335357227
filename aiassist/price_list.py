"""The prices the product comes with, as far as any are known; all of them are to be checked."""

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from aiassist.models import ModelPrice
from aiassist.pricing import MILLION

FILE: Final = Path(__file__).parent / "data" / "prices.toml"


def listed_prices() -> list[ModelPrice]:
    return [price_of(row) for row in tomllib.loads(FILE.read_text(encoding="utf-8"))["price"]]


def price_of(row: dict[str, Any]) -> ModelPrice:
    return ModelPrice(
        provider=row["provider"],
        model_name=row["model"],
        valid_from=row["valid_from"],
        input_micro_usd=micro_usd(row["input_usd"]),
        cached_micro_usd=micro_usd(row["cached_usd"]) if "cached_usd" in row else None,
        output_micro_usd=micro_usd(row["output_usd"]),
        source=row["source"],
    )


def micro_usd(dollars: str) -> int:
    return int(Decimal(dollars) * MILLION)


def load_prices() -> list[ModelPrice]:
    """Adds those of models and days that have none yet, and names them. What people have edited stays."""
    known = set(ModelPrice.objects.values_list("provider", "model_name", "valid_from"))
    new = [price for price in listed_prices() if (price.provider, price.model_name, price.valid_from) not in known]
    return ModelPrice.objects.bulk_create(new)
