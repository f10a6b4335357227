"""What a UCUM code means (https://ucum.org/ucum): exactly, in the standard's base units.

The grammar and the standard's own table come from ucumvert; the arithmetic is ours, on fractions. The one that ucumvert
offers goes through pint's table, which isn't UCUM's: measured with 0.3.2, an inch of water is 0.1 % too small, [Btu]
0.07 % too large, [Cal] a thousandth of itself, and a cubic foot [cft_i] a hundredth of a foot.

Only units.py imports this module, and only when somebody asks for a conversion: it costs 0.15 s and 20 MB.
"""

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

from lark import Token
from lark.exceptions import LarkError
from ucumvert import parser, xml_util


class NoUnit(ValueError):
    """No UCUM code, or one whose numbers don't follow from others by a factor: a level such as dB or [pH]."""


class Term(NamedTuple):
    """A product of powers: `factor` times the base units, and the atoms it was written with, prefixes aside."""

    factor: Fraction
    base: Counter[str]
    atoms: Counter[str]

    def power(self, exponent: int) -> "Term":
        raised = (Counter({name: n * exponent for name, n in powers.items()}) for powers in (self.base, self.atoms))
        return Term(self.factor**exponent, *raised)

    def times(self, other: "Term", sign: int = 1) -> "Term":
        right = other.power(sign)
        base, atoms = Counter(self.base), Counter(self.atoms)
        base.update(right.base)  # unlike +, this keeps what is negative
        atoms.update(right.atoms)
        return Term(self.factor * right.factor, base, atoms)


ONE = Term(Fraction(1), Counter(), Counter())
# The scales that don't begin at zero: degrees of what size, and what is added to them.
SCALES = {
    "Cel": (Fraction(1), Fraction(27_315, 100)),
    "[degF]": (Fraction(5, 9), Fraction(45_967, 100) * Fraction(5, 9)),
    "[degRe]": (Fraction(5, 4), Fraction(27_315, 100)),
}


@cache
def grammar() -> Any:
    return parser.get_ucum_parser()


@cache
def prefixes() -> dict[str, Fraction]:
    found = xml_util.root.iterfind(".//{*}prefix")
    return {one.attrib["Code"]: Fraction(one.find("{*}value").attrib["value"]) for one in found}


@cache
def definitions() -> dict[str, Any]:
    return {unit.code_cs: unit for unit in xml_util.get_units_with_full_definition()}


@cache
def atom(code: str) -> Term:
    """In base units. What is only agreed upon, as an international unit is, is a base of its own."""
    known = definitions().get(code)
    if known is None or known.is_arbitrary:  # a base unit isn't among the defined
        term = Term(Fraction(1), Counter({code: 1}), Counter())
    elif known.is_special:
        raise NoUnit
    elif code in {"10*", "10^"}:
        term = Term(Fraction(10), Counter(), Counter())
    else:
        term = parse(known.defining_unit)
        term = term._replace(factor=term.factor * Fraction(Decimal(known.conversion_factor)))
    return term._replace(atoms=Counter({code: 1}))


def meaning(node: Any) -> Term:
    """Of a node of the grammar's tree. Its children are units, exponents, operators and notes in braces."""
    if isinstance(node, Token):  # a note alone counts
        return ONE
    if node.data == "simple_unit":
        return simple([str(token) for token in node.children], is_number=node.children[0].type == "FACTOR")
    term, sign = ONE, 1
    for child in node.children:
        kind = child.type if isinstance(child, Token) else ""
        if kind == "EXPONENT":
            term = term.power(int(child))
        elif kind in {"OPERATOR", "DIVIDE"}:
            sign = -1 if child == "/" else 1
        elif kind != "ANNOTATION":
            term = term.times(meaning(child), sign)
    return term


def simple(parts: list[str], *, is_number: bool) -> Term:
    if is_number:
        return ONE._replace(factor=Fraction(parts[0]))
    *prefix, code = parts
    term = atom(code)
    return term._replace(factor=term.factor * prefixes()[prefix[0]]) if prefix else term


def parse(code: str) -> Term:
    """Raises NoUnit."""
    try:
        return meaning(grammar().parse(code))
    except LarkError as error:
        raise NoUnit from error
