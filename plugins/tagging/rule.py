"""A rule and its inputs, as read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Final, Literal

from .expression import Expression

LOINC: Final = "http://loinc.org"
TAGS: Final = "https://fhirhub.example/tagging/CodeSystem/tags"
"""The system of the codes of Flags."""

Range = tuple[Decimal | None, Decimal | None]


@dataclass(frozen=True, slots=True)
class Latest:
    """Values of Observations, or of their components.

    Arguments:
        codes: system and code; any of them.
        unit: UCUM; None: coded values are meant.
        molar_mass: g/mol, where laboratories give the substance by mass or by amount.
        max_age: how old a value may be.
        statuses: of Observations that count.
        ranges: national reference ranges by sex, for values that come without; `any` for both.
    """

    codes: tuple[tuple[str, str], ...]
    unit: str | None
    statuses: frozenset[str]
    molar_mass: Decimal | None = None
    max_age: timedelta | None = None
    ranges: Mapping[str, Range] | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether the patient has a resource that a search finds: false where there is none."""

    resource_type: str
    query: str


@dataclass(frozen=True, slots=True)
class Found:
    """A value that FHIRPath finds in the newest of the resources that a search finds.

    Arguments:
        path: to the value: a number, boolean, code or Coding.
        date: FHIRPath to its date.
        max_age: how old it may be.
    """

    resource_type: str
    query: str
    path: str
    date: str
    max_age: timedelta | None = None


Input = Latest | Exists | Found


@dataclass(frozen=True)
class Rule:
    """One rule; the README says what each part means.

    Arguments:
        id: of the rule and of its PlanDefinition.
        tag: the code of the Flag.
        group, priority: of the rules of a group only the highest tag stands.
        source: the rule as it was written.
    """

    id: str
    version: str
    tag: str
    title: Mapping[str, str]
    category: str
    inputs: Mapping[str, Input]
    condition: Expression
    clear: Expression | None
    text: Mapping[str, str]
    evidence: Mapping[str, str]
    source: str
    valid_for: timedelta | None = None
    group: str | None = None
    priority: int = 0
    urgency: Literal["routine", "urgent", "stat"] = "routine"

    @cached_property
    def codes(self) -> frozenset[tuple[str, str]]:
        """System and code of all Observations that it looks at."""
        return frozenset(code for each in self.inputs.values() if isinstance(each, Latest) for code in each.codes)

    @cached_property
    def searched_types(self) -> frozenset[str]:
        """The types that it searches besides Observations of its codes."""
        return frozenset(each.resource_type for each in self.inputs.values() if not isinstance(each, Latest))
