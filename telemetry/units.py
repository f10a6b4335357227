"""Units of measurement by their UCUM codes (https://ucum.org/ucum), and the arithmetic between them.

Factors are exact fractions of each quantity's base unit: an inch is 254/10000 m by definition, not 0.0254 rounded to a
float. A conversion computes `(value * numerator + shift) / denominator` in floats, so 212 [degF] is 100 Cel to the bit.
"""

import re
from collections.abc import Callable
from fractions import Fraction as F  # noqa: N817 - the table reads as arithmetic
from functools import cache
from typing import NamedTuple

Conversion = Callable[[float], float]


class Unit(NamedTuple):
    """`base = value * factor + offset`, in the base unit of the quantity."""

    quantity: str
    factor: F
    offset: F = F(0)


class UnitMismatch(ValueError):
    """The unit measures something else, or isn't known."""


KILO, MEGA, MILLI, MICRO = F(1000), F(1_000_000), F(1, 1000), F(1, 1_000_000)
INCH, FOOT = F(254, 10_000), F(3048, 10_000)
MINUTE, HOUR, DAY = F(60), F(3600), F(86_400)
LITRE = F(1, 1000)
US_GALLON = F(3_785_411_784, 1_000_000_000_000)
POUND_FORCE = F(45_359_237, 100_000_000) * F(980_665, 100_000)
STANDARD_GRAVITY = F(980_665, 100_000)

# quantity (base unit first) -> UCUM code -> factor
LINEAR: dict[str, dict[str, F]] = {
    "length": {
        "m": F(1), "km": KILO, "cm": F(1, 100), "mm": MILLI, "um": MICRO, "[in_i]": INCH, "[ft_i]": FOOT,
    },
    "velocity": {
        "m/s": F(1), "cm/s": F(1, 100), "mm/s": MILLI, "um/s": MICRO, "km/h": KILO / HOUR, "m/min": 1 / MINUTE,
        "[in_i]/s": INCH, "[ft_i]/s": FOOT, "[ft_i]/min": FOOT / MINUTE,
    },
    "acceleration": {"m/s2": F(1), "mm/s2": MILLI, "[g]": STANDARD_GRAVITY},
    "pressure": {
        "Pa": F(1), "hPa": F(100), "kPa": KILO, "MPa": MEGA, "bar": F(100_000), "mbar": F(100), "atm": F(101_325),
        "[psi]": POUND_FORCE / INCH**2, "m[H2O]": F(980_665, 100), "cm[H2O]": F(980_665, 10_000),
        "mm[Hg]": F(133_322_387_415, 1_000_000_000), "[in_i'H2O]": F(980_665, 100) * INCH,
    },
    "electric current": {"A": F(1), "kA": KILO, "mA": MILLI, "uA": MICRO},
    "voltage": {"V": F(1), "kV": KILO, "mV": MILLI},
    "power": {
        "W": F(1), "mW": MILLI, "kW": KILO, "MW": MEGA, "J/s": F(1), "kJ/h": KILO / HOUR,
        "[HP]": 550 * FOOT * POUND_FORCE,
    },
    "apparent power": {"V.A": F(1), "kV.A": KILO, "MV.A": MEGA},
    "energy": {
        "J": F(1), "kJ": KILO, "MJ": MEGA, "GJ": KILO * MEGA, "W.h": HOUR, "kW.h": KILO * HOUR, "MW.h": MEGA * HOUR,
    },
    "volume": {"m3": F(1), "L": LITRE, "l": LITRE, "mL": LITRE / 1000, "ml": LITRE / 1000, "[gal_us]": US_GALLON},
    "volume flow": {
        "m3/s": F(1), "m3/min": 1 / MINUTE, "m3/h": 1 / HOUR, "m3/d": 1 / DAY,
        "L/s": LITRE, "L/min": LITRE / MINUTE, "L/h": LITRE / HOUR,
        "l/s": LITRE, "l/min": LITRE / MINUTE, "l/h": LITRE / HOUR,
        "[gal_us]/min": US_GALLON / MINUTE, "[ft_i]3/min": FOOT**3 / MINUTE,
    },
    "mass": {"kg": F(1), "g": MILLI, "mg": MICRO, "t": KILO, "[lb_av]": F(45_359_237, 100_000_000)},
    "mass flow": {"kg/s": F(1), "kg/min": 1 / MINUTE, "kg/h": 1 / HOUR, "g/s": MILLI, "t/h": KILO / HOUR},
    "mass concentration": {"kg/m3": F(1), "g/m3": MILLI, "mg/m3": MICRO, "ug/m3": MICRO / 1000, "mg/L": MILLI},
    # a turn counts as one: {rpm} is /min with a note
    "frequency": {
        "Hz": F(1), "kHz": KILO, "MHz": MEGA, "/s": F(1), "1/s": F(1),
        "{rpm}": 1 / MINUTE, "/min": 1 / MINUTE, "1/min": 1 / MINUTE, "{rps}": F(1),
    },
    "ratio": {"1": F(1), "%": F(1, 100), "[ppth]": MILLI, "[ppm]": MICRO, "[ppb]": MICRO / 1000},
    "time": {"s": F(1), "ms": MILLI, "min": MINUTE, "h": HOUR, "d": DAY},
    "illuminance": {"lx": F(1), "klx": KILO},
    "torque": {"N.m": F(1), "kN.m": KILO},
    "force": {"N": F(1), "kN": KILO, "[lbf_av]": POUND_FORCE},
}  # fmt: skip

UNITS: dict[str, Unit] = {
    code: Unit(quantity, factor) for quantity, units in LINEAR.items() for code, factor in units.items()
} | {
    "K": Unit("temperature", F(1)),
    "Cel": Unit("temperature", F(1), F(27_315, 100)),
    "[degF]": Unit("temperature", F(5, 9), F(45_967, 100) * F(5, 9)),
    "[degR]": Unit("temperature", F(5, 9)),
}


# Where the code doesn't already read like the unit.
SYMBOLS = {"Cel": "°C", "[degF]": "°F", "[degR]": "°R", "[in_i]": "in", "[ft_i]": "ft", "[lb_av]": "lb", "[HP]": "hp"}
UNWRITTEN = str.maketrans("", "", "[]{}.")


@cache
def symbol(code: str) -> str:
    """The unit as people write it: °C for Cel, m³/h for m3/h, rpm for {rpm}, kWh for kW.h, µg/m³ for ug/m3."""
    if code in SYMBOLS:
        return SYMBOLS[code]
    raised = re.sub(r"(?<=[a-z])[23](?=/|$)", lambda found: "²³"[int(found[0]) - 2], code)
    return re.sub(r"^u(?=[a-zA-Z])", "µ", raised).translate(UNWRITTEN)


def exact_conversion(source: str, target: str) -> tuple[F, F]:
    """Factor and offset of `target = source * factor + offset`; UnitMismatch where there is none."""
    if source == target:
        return F(1), F(0)
    known, wanted = UNITS.get(source), UNITS.get(target)
    if known is None or wanted is None or known.quantity != wanted.quantity:
        raise UnitMismatch
    return known.factor / wanted.factor, (known.offset - wanted.offset) / wanted.factor


@cache
def convert_exactly(source: str, target: str) -> Conversion | None:
    """Cached on the few pairs that exist; an unknown code never gets here."""
    factor, offset = exact_conversion(source, target)
    if factor == 1 and offset == 0:
        return None
    denominator = factor.denominator * offset.denominator
    numerator, shift = float(factor * denominator), float(offset * denominator)
    divisor = float(denominator)
    return lambda value: (value * numerator + shift) / divisor


def conversion(source: str, target: str) -> Conversion | None:
    """The function from `source` to `target`, None if the numbers are the same; UnitMismatch where there is none."""
    if source == target:
        return None
    if source not in UNITS or target not in UNITS:
        raise UnitMismatch
    return convert_exactly(source, target)
