"""The table of prefixes and unit atoms, `units.tsv`.

https://ucum.org/ucum#section-Tables-of-Terminal-Symbols
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Atom:
    """A unit without prefix: `value` times `unit`, a unit code.

    `metric` ones take prefixes. `scale` says what else is the case: `base`, `arbitrary` (of a unit that is defined by
    itself), `ratio`, or the function of a special unit.
    """

    code: str
    metric: bool
    scale: str
    value: Fraction
    unit: str


@dataclass(frozen=True, slots=True)
class Table:
    """Factors by prefix, longest prefixes first, and atoms by code."""

    prefixes: Mapping[str, Fraction]
    atoms: Mapping[str, Atom]


@cache
def ucum_table() -> Table:
    """Return the table, read once."""
    prefixes, atoms = {}, {}
    for line in files("fhirhub.ucum").joinpath("units.tsv").read_text(encoding="ascii").splitlines():
        if line.startswith("#"):
            continue
        code, metric, scale, value, unit = line.split("\t")
        if scale == "prefix":
            prefixes[code] = Fraction(value)
        else:
            atoms[code] = Atom(code, metric == "metric", scale, Fraction(value), unit)
    longest_first = sorted(prefixes.items(), key=lambda item: -len(item[0]))
    return Table(MappingProxyType(dict(longest_first)), MappingProxyType(atoms))
