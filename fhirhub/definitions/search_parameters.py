"""Search parameters as R4 defines them.

https://hl7.org/fhir/R4/searchparameter.html
"""

from dataclasses import dataclass
from typing import Literal

SearchParameterType = Literal[
    "number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special"
]


@dataclass(frozen=True, slots=True)
class SearchComponent:
    """One part of a composite parameter: the canonical of its definition and its expression within the element."""

    definition: str
    expression: str


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One SearchParameter; `base` lists the resource types it is for (`Resource` and `DomainResource` included)."""

    url: str
    code: str
    type: SearchParameterType
    base: tuple[str, ...]
    expression: str | None
    target: tuple[str, ...] = ()
    components: tuple[SearchComponent, ...] = ()
    description: str = ""
