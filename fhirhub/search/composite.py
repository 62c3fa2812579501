"""Criteria on composites: several values of one element.

https://hl7.org/fhir/R4/search.html#composite
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Final

from fhirhub.definitions import SearchParameter
from fhirhub.search import syntax
from fhirhub.search.components import Component, components
from fhirhub.search.criterion import Criterion
from fhirhub.search.filter import Filter, GroupIs, all_of
from fhirhub.search.parameters import SearchParameters
from fhirhub.search.paths import branches

_RESOURCE: Final = "%resource."


def composite(criterion: Criterion, text: str, one: Callable[[Criterion, str], Filter]) -> Filter:
    """Return the filter of one value `a$b[$c...]`: some one element has all of its parts.

    Arguments:
        one: gives the filter of one value of a parameter of another type.

    Raises FhirError: another number of parts than the parameter has components, or a part that `one` refuses.
    """
    parameter, resource_type = criterion.parameter, criterion.resource_type
    found = components(parameter, resource_type, criterion.site.parameters)
    parts = syntax.split(criterion.name, text, "$")
    if len(parts) != len(found) or not all(parts):
        form = "$".join(component.parameter.code for component in found)
        raise syntax.bad_value(
            criterion.name, f"{text!r} is not of the form {form}; a $ within a value is written \\$."
        )
    inner, outer = [], []
    for number, (part, component) in enumerate(zip(parts, found, strict=True), 1):
        own, here = component.parameter, within(parameter, resource_type, number, component)
        inner.append(one(replace(criterion, parameter=here, within=criterion.name), part))
        if is_searched(own, resource_type, criterion.site.parameters) and _covers(own, here, resource_type):
            # Finds whatever the group finds and more, but its index is one that is there anyway.
            outer.append(one(replace(criterion, parameter=own, within=criterion.name), part))
    return all_of([*outer, GroupIs(parameter.code, all_of(inner))])


def within(parameter: SearchParameter, resource_type: str, number: int, part: Component) -> SearchParameter:
    """Return the definition of a component as it reads within a composite: its code is its number, counted from 1.

    Its expression starts at the resource, so that it tells which elements there are.
    """
    expressions = [
        f"{resource_type}.{path.removeprefix(_RESOURCE)}"
        if path.startswith(_RESOURCE)
        else f"{branch.expression}.{path}"
        for branch in branches(parameter, resource_type)
        for path in (text.strip() for text in part.expression.split("|"))
    ]
    return replace(part.parameter, code=str(number), expression=" | ".join(expressions))


def is_searched(parameter: SearchParameter, resource_type: str, known: SearchParameters) -> bool:
    """Whether the index entries of a type are those of a parameter: none other has its code, and all are made."""
    code = parameter.code
    return known.of(resource_type).get(code) == parameter and (resource_type, code) not in known.building


@cache
def _covers(own: SearchParameter, component: SearchParameter, resource_type: str) -> bool:
    """Whether a parameter finds every value that the component of a composite finds, as their expressions show."""
    wide = {_plain(branch.expression) for branch in branches(own, resource_type) if branch.only is None}
    return {_plain(branch.expression) for branch in branches(component, resource_type)} <= wide


def _plain(expression: str) -> str:
    """One spelling of casts, which the definitions write in two ways."""
    text = expression.strip("()")
    path, cast, type_name = text.partition(" as ")
    return f"{path}.as({type_name.strip(')')})" if cast else expression
