"""What a call costs, in whole micro-USD: millionths of a US dollar. Pure arithmetic."""

from dataclasses import dataclass
from typing import Final

MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Micro-USD for a million tokens. `cached` None: stored input costs as much as other input."""

    input: int
    cached: int | None
    output: int


def cost_micro_usd(
    rates: Rates, *, input_tokens: int | None, cached_tokens: int | None, output_tokens: int | None
) -> int | None:
    """Half a micro-USD is rounded up. None where the provider didn't say what it counted.

    Of the input, `cached_tokens` cost their own price. Nothing is known of surcharges that some providers ask for:
    for writing into their cache, for very long input.
    """
    if input_tokens is None or output_tokens is None:
        return None
    stored = min(cached_tokens or 0, input_tokens)
    cached = rates.input if rates.cached is None else rates.cached
    total = (input_tokens - stored) * rates.input + stored * cached + output_tokens * rates.output
    return (total + MILLION // 2) // MILLION
