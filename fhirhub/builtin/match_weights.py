"""What agreement and disagreement weigh when patients are compared: the one table.

I. P. Fellegi and A. B. Sunter, A Theory for Record Linkage, Journal of the American Statistical Association 64 (1969)
1183: the weight of an outcome is the logarithm to base 2 of how much more often it is seen between two records of one
person (m) than between records of two (u). All m and u here are our own assumptions, chosen to be careful, unless a row
says otherwise. They are not estimated from data of this site.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import log2
from types import MappingProxyType
from typing import Final, Literal

Outcome = Literal["agrees", "close", "partial", "disagrees", "missing"]
"""What comes of comparing an element; missing: on either side, or not comparable."""


@dataclass(frozen=True, slots=True)
class Chance:
    """How often an outcome is seen between two records of one person (m), and of two persons (u)."""

    m: float
    u: float

    @property
    def weight(self) -> Decimal:
        """The weight, as it is added up and told: two digits after the point."""
        return Decimal(f"{log2(self.m / self.u):.2f}")


PRIOR: Final = Decimal("-16.61")
"""Before anything is compared: one in 100,000 records is of the person who is looked for."""

CHANCES: Final[Mapping[str, Mapping[Outcome, Chance]]] = MappingProxyType(
    {
        # Unique, and its check character finds nearly all slips of the pen: who shares it is the same.
        "residentNumber": MappingProxyType({"agrees": Chance(0.98, 1e-9), "disagrees": Chance(0.005, 1.0)}),
        # Two records of one person in one register often have two numbers: that is what duplicates are.
        "identifier": MappingProxyType({"agrees": Chance(0.70, 1e-6), "disagrees": Chance(0.30, 1.0)}),
        # Names change by marriage. Of common Chinese names see FAMILIES.
        "family": MappingProxyType(
            {"agrees": Chance(0.92, 0.01), "close": Chance(0.03, 0.005), "disagrees": Chance(0.05, 0.98)}
        ),
        # Partial: an initial, or one of several given names.
        "given": MappingProxyType(
            {
                "agrees": Chance(0.90, 0.005),
                "close": Chance(0.04, 0.01),
                "partial": Chance(0.05, 0.03),
                "disagrees": Chance(0.01, 0.97),
            }
        ),
        # Agrees: one of some 20,000 days. Close: day and month exchanged, or one digit. Partial: a year or month.
        "birthDate": MappingProxyType(
            {
                "agrees": Chance(0.94, 5e-5),
                "close": Chance(0.03, 0.001),
                "partial": Chance(0.02, 0.0005),
                "disagrees": Chance(0.01, 0.99),
            }
        ),
        "gender": MappingProxyType({"agrees": Chance(0.98, 0.5), "disagrees": Chance(0.01, 0.5)}),
        # Families share phones, addresses, and sometimes mail; people change all of them.
        "phone": MappingProxyType({"agrees": Chance(0.60, 0.001), "disagrees": Chance(0.40, 0.999)}),
        "email": MappingProxyType({"agrees": Chance(0.60, 0.0002), "disagrees": Chance(0.40, 0.999)}),
        # Partial: the same postal code or city.
        "address": MappingProxyType(
            {"agrees": Chance(0.55, 0.005), "partial": Chance(0.25, 0.10), "disagrees": Chance(0.20, 0.895)}
        ),
        # Which of twins, where both records tell.
        "multipleBirth": MappingProxyType({"agrees": Chance(0.98, 0.5), "disagrees": Chance(0.01, 0.5)}),
    }
)
"""By element and outcome; what is missing weighs nothing."""

FAMILIES: Final[Mapping[str, float]] = MappingProxyType(
    {
        **dict.fromkeys("王李张張", 0.07),
        **dict.fromkeys("刘劉陈陳", 0.05),
        **dict.fromkeys("杨楊黄黃赵趙吴吳周", 0.02),
        **dict.fromkeys("徐孙孫马馬朱胡郭何林高罗羅", 0.01),
    }
)
"""How much of the population of China has a family name: rounded, our own assumption; all others as in the table."""

CERTAIN: Final = Decimal("0.99")
PROBABLE: Final = Decimal("0.85")
POSSIBLE: Final = Decimal("0.20")
"""The least scores of the grades."""

WITHOUT_PROOF: Final = Decimal("0.98")
"""No higher score where all that agrees is what two people can well have in common."""
WITH_CONFLICT: Final = Decimal("0.95")
"""No higher score where something that does not change disagrees, or a birth date or name is only alike."""
WITH_TWO_NUMBERS: Final = Decimal("0.01")
"""No higher score for two resident numbers, both valid."""


def weight(element: str, outcome: Outcome, family: str = "") -> Decimal:
    """Return what an outcome weighs.

    Arguments:
        family: of a family name that agrees, which one.
    """
    if outcome == "missing":
        return Decimal(0)
    chance = CHANCES[element][outcome]
    if element == "family" and outcome == "agrees" and family in FAMILIES:
        chance = Chance(chance.m, FAMILIES[family])
    return chance.weight
