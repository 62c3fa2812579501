"""Units of measure as far as FHIRPath compares and multiplies quantities: exact factors of the common UCUM units.

http://hl7.org/fhirpath/N1/#quantity, https://ucum.org/ucum. This is not UCUM: a unit that is not known here is a
dimension of its own, equal to itself only. Units that are no ratios (Cel, [degF], pH, B) are such dimensions on
purpose.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Unit:
    """`factor` times the product of the base units with their exponents."""

    factor: Fraction
    dimensions: frozenset[tuple[str, int]]


_PREFIXES: Final[Mapping[str, Fraction]] = MappingProxyType(
    {
        prefix: Fraction(10) ** exponent
        for prefix, exponent in {
            "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
            "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
        }.items()
    }
)  # fmt: skip

# Each row: the factor and the unit it is of ("" for a base unit). Those that take metric prefixes come first.
_METRIC: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "m": ("1", ""), "s": ("1", ""), "g": ("1", ""), "K": ("1", ""), "cd": ("1", ""), "C": ("1", ""),
        "rad": ("1", ""), "mol": ("602214076000000000000000", "1"), "L": ("1/1000", "m3"), "l": ("1/1000", "m3"),
        "Hz": ("1", "s-1"), "N": ("1000", "g.m.s-2"), "Pa": ("1000", "g.m-1.s-2"), "bar": ("100000000", "g.m-1.s-2"),
        "J": ("1000", "g.m2.s-2"), "W": ("1000", "g.m2.s-3"), "A": ("1", "C.s-1"), "V": ("1000", "g.m2.s-2.C-1"),
        "Gy": ("1", "m2.s-2"), "Sv": ("1", "m2.s-2"), "Bq": ("1", "s-1"), "cal": ("4184", "g.m2.s-2"),
        "kat": ("602214076000000000000000", "s-1"), "U": ("602214076000000000/60", "s-1"), "eq": ("1", "mol"),
        "osm": ("1", "mol"), "m[Hg]": ("133322000", "g.m-1.s-2"), "m[H2O]": ("9806650", "g.m-1.s-2"),
        "[iU]": ("1", ""), "[IU]": ("1", "[iU]"),
    }
)  # fmt: skip
_PLAIN: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "10*": ("10", "1"), "10^": ("10", "1"), "%": ("1/100", "1"), "[ppth]": ("1/1000", "1"),
        "[ppm]": ("1/1000000", "1"), "[ppb]": ("1/1000000000", "1"),
        "min": ("60", "s"), "h": ("3600", "s"), "d": ("86400", "s"), "wk": ("604800", "s"), "mo": ("2629800", "s"),
        "a": ("31557600", "s"), "[in_i]": ("254/10000", "m"), "[ft_i]": ("3048/10000", "m"),
        "[yd_i]": ("9144/10000", "m"), "[mi_i]": ("1609344/1000", "m"), "[lb_av]": ("45359237/100000", "g"),
        "[oz_av]": ("45359237/1600000", "g"), "[gr]": ("6479891/100000000", "g"),
        "t": ("1000000", "g"), "atm": ("101325000", "g.m-1.s-2"), "[drp]": ("1/20000000", "m3"),
    }
)  # fmt: skip

_ONE: Final = Unit(Fraction(1), frozenset())
_COMPONENT: Final = re.compile(
    r"(?P<open>\()|(?P<close>\))|(?P<operator>[./])|(?P<annotation>\{[^}]*\})"
    r"|(?P<number>\d+)(?![*^\d])|(?P<symbol>10[*^]|(?:[A-Za-z%'\"]|\[[^\]]*\])+)(?P<exponent>[+-]?\d+)?"
)


@lru_cache(maxsize=1024)
def parse_unit(text: str) -> Unit:
    """Return what a UCUM expression (`mg/dL`, `m2`, `1`) stands for; one that cannot be read stands for itself."""
    try:
        return _expression(text)
    except (ValueError, KeyError, IndexError):
        return Unit(Fraction(1), frozenset({(text, 1)}))


def multiply(left: Unit, right: Unit, sign: int = 1) -> Unit:
    """Return `left · right`, or `left / right` for a `sign` of -1."""
    exponents = Counter(dict(left.dimensions))
    for name, exponent in right.dimensions:
        exponents[name] += sign * exponent
    return Unit(
        left.factor * right.factor**sign,
        frozenset((name, exponent) for name, exponent in exponents.items() if exponent),
    )


def _expression(text: str) -> Unit:
    """Read products and quotients from left to right (UCUM gives `.` and `/` the same precedence)."""
    levels = [(_ONE, 1)]
    sign, expects_factor, position = 1, True, 0
    while position < len(text):
        match = _COMPONENT.match(text, position)
        if match is None:
            raise ValueError(text)
        position = match.end()
        if match["operator"]:
            if expects_factor and not (match["operator"] == "/" and match.start() == 0):
                raise ValueError(text)
            sign, expects_factor = (-1 if match["operator"] == "/" else 1), True
        elif match["open"]:
            levels.append((_ONE, sign))
            sign = 1
        elif match["close"]:
            inner, outer_sign = levels.pop()
            unit, level_sign = levels.pop()
            levels.append((multiply(unit, inner, outer_sign), level_sign))
        elif match["annotation"]:
            expects_factor = False
        elif not expects_factor:
            raise ValueError(text)
        else:
            unit, level_sign = levels.pop()
            levels.append((multiply(unit, _factor(match), sign), level_sign))
            expects_factor = False
    if expects_factor or len(levels) != 1:
        raise ValueError(text)
    return levels[0][0]


def _factor(match: re.Match[str]) -> Unit:
    if match["number"]:
        return Unit(Fraction(int(match["number"])), frozenset())
    unit = _symbol(match["symbol"])
    exponent = int(match["exponent"] or 1)
    if abs(exponent) > 30:
        raise ValueError(match[0])
    return Unit(unit.factor**exponent, frozenset((name, power * exponent) for name, power in unit.dimensions))


def _symbol(symbol: str) -> Unit:
    row = _PLAIN.get(symbol) or _METRIC.get(symbol)
    factor = Fraction(1)
    if row is None:
        for length in (1, 2):
            prefix, metric = _PREFIXES.get(symbol[:length]), _METRIC.get(symbol[length:])
            if prefix is not None and metric is not None:
                row, factor, symbol = metric, prefix, symbol[length:]
                break
        else:
            return Unit(Fraction(1), frozenset({(symbol, 1)}))
    own, of = row
    if not of:
        return Unit(factor * Fraction(own), frozenset({(symbol, 1)}))
    return multiply(Unit(factor * Fraction(own), frozenset()), _expression(of))
