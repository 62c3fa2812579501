"""Expressions of R4 4.0.1 that do not say what they mean, each with what is meant and why.

https://hl7.org/fhir/R4/domainresource.html#invs, https://hl7.org/fhir/R4/questionnaire.html#invs,
https://hl7.org/fhir/R4/chargeitemdefinition.html#invs, https://hl7.org/fhir/R4/observation.html#search
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_DOM_3: Final = (
    "contained.where((('#'+id in (%resource.descendants().reference | %resource.descendants().as(canonical) | "
    "%resource.descendants().as(uri) | %resource.descendants().as(url))) "
    "or descendants().where(reference = '#').exists() or descendants().where(as(canonical) = '#').exists() "
    "or descendants().where(as(canonical) = '#').exists()).not())"
    ".trace('unmatched', id).empty()"
)

_ANYWHERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        # dom-3 applies the function `as`, which takes one item, to all descendants; `ofType` is the filter it means.
        _DOM_3: _DOM_3.replace("descendants().as(", "descendants().ofType("),
        # que-7 asks for the System type, which no element of a resource has.
        "operator = 'exists' implies (answer is Boolean)": "operator = 'exists' implies (answer is boolean)",
        # The same slip in the components of the search parameter Observation.code-value-date.
        "value.as(DateTime) | value.as(Period)": "value.as(dateTime) | value.as(Period)",
    }
)

_ON_TYPE: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        # cid-0 is a rule for the name, copied from other definitional resources: this one has no name.
        ("ChargeItemDefinition", "name.matches('[A-Z]([A-Za-z0-9_]){0,254}')"): "true",
    }
)


def intended(text: str, context_type: str | None) -> str:
    """Return what an expression of the specification means: itself, unless it is one of the errata."""
    meant = _ON_TYPE.get((context_type, text)) if context_type is not None else None
    return meant or _ANYWHERE.get(text, text)
