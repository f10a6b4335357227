"""Units of measurement by their UCUM codes (https://ucum.org/ucum), and the arithmetic between them.

Factors are exact fractions: an inch is 254/10000 m by definition, not 0.0254 rounded to a float. A conversion computes
`(value * numerator + shift) / denominator` in floats, so 212 [degF] is 100 Cel to the bit.
"""

import re
from fractions import Fraction
from functools import cache, lru_cache
from math import floor, isfinite, log10
from typing import NamedTuple

LONGEST_CODE = 32
MOST_DECIMALS = 9
# An exponent of three digits is no unit, but a number that fills the memory.
EXCESSIVE = re.compile(r"(?<=[^0-9./(])[0-9]{3,}")


class UnitMismatch(ValueError):
    """The unit measures something else, or isn't known."""


class Unit(NamedTuple):
    """`base = value * factor + offset`, in UCUM's base units. Units convert where `quantity` is the same."""

    quantity: frozenset[tuple[str, int]]
    factor: Fraction
    offset: Fraction = Fraction(0)


# A turn counts as one: {rpm} is /min with a note. Other codes that are nothing but a note convert to themselves alone.
NOTES = {"{rpm}": "/min", "{rps}": "/s"}
# What has the dimension of something else and isn't that: apparent power is no power, torque no energy.
DISTINCT = (frozenset({("V", 1), ("A", 1)}), frozenset({("N", 1), ("m", 1)}))


@lru_cache(maxsize=4096)
def unit(code: str) -> Unit:
    """What a code means; UnitMismatch where there is no such unit or it can't be converted by a factor."""
    from telemetry import ucum  # noqa: PLC0415 - 0.15 s and 20 MB; most processes never convert

    code = NOTES.get(code, code)
    if len(code) > LONGEST_CODE or EXCESSIVE.search(code) or re.fullmatch(r"(\{[^{}]*\})*", code):
        raise UnitMismatch
    if code in ucum.SCALES:
        return Unit(frozenset({("K", 1)}), *ucum.SCALES[code])
    try:
        term = ucum.parse(code)
    except ucum.NoUnit:
        raise UnitMismatch from None
    written = frozenset(term.atoms.items())
    quantity = {power for power in term.base.items() if power[1]}
    return Unit(frozenset(quantity.union(*(pair for pair in DISTINCT if pair <= written))), term.factor)


# Where the code doesn't already read like the unit.
SYMBOLS = {
    "1": "", "Cel": "°C", "[degF]": "°F", "[degR]": "°R", "[in_i]": "in", "[ft_i]": "ft", "[lb_av]": "lb", "[HP]": "hp",
}  # fmt: skip
UNWRITTEN = str.maketrans("", "", "[]{}.")


@cache
def symbol(code: str) -> str:
    """The unit as people write it: °C for Cel, m³/h for m3/h, rpm for {rpm}, kWh for kW.h, nothing for 1."""
    if code in SYMBOLS:
        return SYMBOLS[code]
    raised = re.sub(r"(?<=[a-z])[23](?=/|$)", lambda found: "²³"[int(found[0]) - 2], code)
    return re.sub(r"^u(?=[a-zA-Z])", "µ", raised).translate(UNWRITTEN)


def quantity(value: float, code: str, *, decimals: int = 3) -> str:
    """A measured value with its unit, in no more digits than a dial has: 126,792.8 kWh, 21.111 °C, 0.0123 m³.

    That is seven, with at most so many decimals, or three where there are only decimals.
    """
    magnitude = floor(log10(abs(value))) if value and isfinite(value) else 0
    kept = min(max(6 - magnitude, 0), decimals) if magnitude >= 0 else max(decimals, min(2 - magnitude, MOST_DECIMALS))
    told = f"{value:,.{kept}f}"
    return with_unit(told.rstrip("0").rstrip(".") if "." in told else told, code)


def exactly(value: float, code: str) -> str:
    """A limit with its unit, in the digits that somebody typed."""
    return with_unit(f"{value:,.12g}", code)


def with_unit(number: str, code: str) -> str:
    """The number alone, where the unit has no name: a power factor is 0.95, not 0.95 1."""
    return f"{number} {symbol(code)}".rstrip()


def exact_conversion(source: str, target: str) -> tuple[Fraction, Fraction]:
    """Factor and offset of `target = source * factor + offset`; UnitMismatch where there is none."""
    if source == target:
        return Fraction(1), Fraction(0)
    known, wanted = unit(source), unit(target)
    if known.quantity != wanted.quantity:
        raise UnitMismatch
    return known.factor / wanted.factor, (known.offset - wanted.offset) / wanted.factor


class Conversion(NamedTuple):
    """From one unit to another: `(value * numerator + shift) / denominator`."""

    numerator: float
    shift: float
    denominator: float

    def __call__(self, value: float) -> float:
        return (value * self.numerator + self.shift) / self.denominator


SAME = Conversion(1.0, -0.0, 1.0)
"""Changes no number, not even -0.0."""


@lru_cache(maxsize=4096)
def conversion(source: str, target: str) -> Conversion | None:
    """From `source` to `target`, None if the numbers are the same; UnitMismatch where there is none."""
    factor, offset = exact_conversion(source, target)
    if factor == 1 and offset == 0:
        return None
    denominator = factor.denominator * offset.denominator
    try:
        return Conversion(float(factor * denominator), float(offset * denominator), float(denominator))
    except OverflowError:
        raise UnitMismatch from None


def is_unit(code: str) -> bool:
    """Whether readings can be stored in it. A code that is nothing but a note counts things: {doors}."""
    if re.fullmatch(r"\{[!-z|~]+\}", code):
        return True
    try:
        unit(code)
    except UnitMismatch:
        return False
    return True
