import math
import sys
from fractions import Fraction
from subprocess import run

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.units import UnitMismatch, conversion, exact_conversion, exactly, is_unit, quantity, symbol

# What gateways of buildings send, one quantity a line.
QUANTITIES = [
    "m km cm mm um [in_i] [ft_i]",
    "m/s cm/s mm/s um/s km/h m/min [in_i]/s [ft_i]/s [ft_i]/min",
    "m/s2 mm/s2 [g]",
    "Pa hPa kPa MPa bar mbar atm [psi] m[H2O] cm[H2O] mm[Hg] [in_i'H2O] [in_i'Hg]",
    "A kA mA uA",
    "V kV mV",
    "W mW kW MW J/s kJ/h [HP] [Btu_IT]/h",
    "V.A kV.A MV.A",
    "J kJ MJ GJ W.h kW.h MW.h [Btu_IT]",
    "m3 L l mL ml [gal_us] [cft_i]",
    "m3/s m3/min m3/h m3/d L/s L/min L/h l/s l/min l/h [gal_us]/min [ft_i]3/min",
    "kg g mg t [lb_av]",
    "kg/s kg/min kg/h g/s t/h kg{dry}/h",
    "kg/m3 g/m3 mg/m3 ug/m3 mg/L",
    "Hz kHz MHz /s 1/s {rpm} /min 1/min {rps}",
    "1 % [ppth] [ppm] [ppb] %{RH}",
    "s ms min h d",
    "lx klx",
    "N.m kN.m",
    "N kN [lbf_av]",
    "K Cel [degF] [degR] [degRe]",
    "deg rad gon",
    "S/m uS/cm",
    "W/m2 kW/m2",
]
UNITS = {code: place for place, codes in enumerate(QUANTITIES) for code in codes.split()}
SAME_QUANTITY = [(a, b) for a in UNITS for b in UNITS if UNITS[a] == UNITS[b]]
OTHER_QUANTITY = [(a, b) for a in UNITS for b in UNITS if UNITS[a] != UNITS[b]]


def converted(value: float, source: str, target: str) -> float:
    convert = conversion(source, target)
    return convert(value) if convert else value


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (212.0, "[degF]", "Cel", 100.0),
        (32.0, "[degF]", "Cel", 0.0),
        (-40.0, "[degF]", "Cel", -40.0),
        (273.15, "K", "Cel", 0.0),
        (21.5, "Cel", "K", 294.65),
        (250.0, "kPa", "bar", 2.5),
        (1.0, "[in_i]/s", "mm/s", 25.4),
        (1500.0, "mA", "A", 1.5),
        (7500.0, "W", "kW", 7.5),
        (3.6, "MJ", "kW.h", 1.0),
        (60.0, "L/min", "m3/h", 3.6),
        (1.0, "[HP]", "W", 745.6998715822702),
        (14.503773773020923, "[psi]", "bar", 1.0),
        (25.0, "Hz", "{rpm}", 1500.0),
        (1500.0, "/min", "{rpm}", 1500.0),
        (0.5, "1", "%", 50.0),
        (800.0, "[ppm]", "%", 0.08),
    ],
)
def test_it_works(value: float, source: str, target: str, expected: float) -> None:
    assert converted(value, source, target) == pytest.approx(expected, rel=1e-15, abs=1e-13)


@pytest.mark.parametrize(("value", "expected"), [(212.0, 100.0), (32.0, 0.0), (50.0, 10.0), (-40.0, -40.0)])
def test_round_fahrenheit_values_are_exact(value: float, expected: float) -> None:
    assert converted(value, "[degF]", "Cel") == expected


@given(st.sampled_from(SAME_QUANTITY), st.floats(min_value=-1e12, max_value=1e12))
def test_a_conversion_is_within_rounding_of_the_exact_one(pair: tuple[str, str], value: float) -> None:
    factor, offset = exact_conversion(*pair)
    exact = Fraction(value) * factor + offset

    result = converted(value, *pair)

    size = max(abs(Fraction(value) * factor), abs(offset))
    assert abs(Fraction(result) - exact) <= 4 * Fraction(math.ulp(float(size)))


@given(st.sampled_from(SAME_QUANTITY))
def test_there_and_back_is_exactly_the_same(pair: tuple[str, str]) -> None:
    source, target = pair
    factor, offset = exact_conversion(source, target)
    back_factor, back_offset = exact_conversion(target, source)

    assert factor * back_factor == 1
    assert offset * back_factor + back_offset == 0


@given(st.sampled_from(SAME_QUANTITY), st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_a_conversion_keeps_the_order(pair: tuple[str, str], one: float, other: float) -> None:
    low, high = sorted((one, other))

    assert converted(low, *pair) <= converted(high, *pair)


@pytest.mark.parametrize(
    ("source", "target", "factor"),
    [
        ("[in_i'H2O]", "Pa", "249.08891"),
        ("[in_i'Hg]", "Pa", "3386.3788"),
        ("mm[Hg]", "Pa", "133.322"),
        ("[Cal]", "J", "4184"),
        ("[Btu]", "J", "1054.35"),
        ("[cft_i]", "L", "28.316846592"),
        ("[psi]", "[lbf_av]/[in_i]2", "1"),
        ("kW.h", "MJ", "3.6"),
        ("10*3/uL", "/L", "1000000000"),
        ("(kg/h)/(m2.s)", "g/(m2.s2)", "10/36"),
    ],
)
def test_a_code_means_what_the_standard_says(source: str, target: str, factor: str) -> None:
    assert exact_conversion(source, target) == (Fraction(factor), 0)


@pytest.mark.parametrize("level", ["dB", "[pH]", "B[SPL]", "km999", "Cel/h", "(m", "m m", "", "m" * 40])
def test_what_no_factor_converts_is_refused(level: str) -> None:
    with pytest.raises(UnitMismatch):
        conversion(level, "1")
    assert not is_unit(level)


@pytest.mark.parametrize("code", ["Cel", "{rpm}", "{doors}", "m2.K/W", "[iU]/L", "%{RH}"])
def test_readings_can_be_stored_in_any_unit_that_converts(code: str) -> None:
    assert is_unit(code)


def test_who_converts_nothing_pays_nothing() -> None:
    script = "import sys, telemetry.units; sys.exit(any(name in sys.modules for name in ('ucumvert', 'pint', 'lark')))"
    assert run([sys.executable, "-c", script], check=False).returncode == 0


@given(st.sampled_from(OTHER_QUANTITY))
def test_another_quantity_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(UnitMismatch):
        conversion(*pair)


@given(st.text().filter(lambda text: not is_unit(text)), st.sampled_from(sorted(UNITS)))
def test_an_unknown_unit_is_refused(unknown: str, known: str) -> None:
    for pair in ((unknown, known), (known, unknown)):
        with pytest.raises(UnitMismatch):
            conversion(*pair)


def test_an_unknown_unit_is_the_same_as_itself() -> None:
    assert conversion("{doors}", "{doors}") is None


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("Cel", "°C"), ("mm/s", "mm/s"), ("{rpm}", "rpm"), ("m3/h", "m³/h"), ("kW.h", "kWh"), ("ug/m3", "µg/m³"),
        ("m/s2", "m/s²"), ("[ppm]", "ppm"), ("mm[Hg]", "mmHg"), ("m[H2O]", "mH2O"), ("%", "%"), ("uA", "µA"), ("1", ""),
    ],
)  # fmt: skip
def test_people_read_units_as_they_write_them(code: str, written: str) -> None:
    assert symbol(code) == written


@pytest.mark.parametrize(
    ("value", "code", "told"),
    [
        (0.95, "1", "0.95"),
        (55.5, "%", "55.5 %"),
        (0, "Cel", "0 °C"),
        (21.111111, "Cel", "21.111 °C"),
        (126792.8, "kW.h", "126,792.8 kWh"),
        (12345678.9, "kW.h", "12,345,679 kWh"),
        (1000, "{rpm}", "1,000 rpm"),
        (-0.012345, "m3", "-0.0123 m³"),
        (999.99999, "W", "1,000 W"),
    ],
)
def test_people_read_values_in_no_more_digits_than_a_dial_has(value: float, code: str, told: str) -> None:
    assert quantity(value, code) == told


@given(st.floats(-1e12, 1e12))
def test_no_value_is_told_far_from_what_it_is(value: float) -> None:
    told = float(quantity(value, "1").replace(",", ""))
    assert abs(told - value) <= max(5e-4 * min(abs(value), 1), 5e-7 * abs(value), 5e-10) * 10


def test_a_limit_is_told_as_it_was_typed() -> None:
    assert [exactly(limit, "1") for limit in (0.123456, 1234567.5, -5)] == ["0.123456", "1,234,567.5", "-5"]
