"""Search parameters that are added to those of R4: read from a SearchParameter resource, and checked.

https://hl7.org/fhir/R4/searchparameter.html
"""

import re
from collections.abc import Iterator
from typing import Final

from fhirhub.definitions import SearchComponent, SearchParameter, r4
from fhirhub.fhirpath import FhirPathError, compile_expression
from fhirhub.model.json import Json
from fhirhub.search.convert import CONVERTERS
from fhirhub.search.parameters import SearchParameters, r4_by_url, types_of
from fhirhub.search.paths import ANY_RESOURCE, branches

ACTIVE: Final = "active"

_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")

Fault = tuple[str, str]
"""What is wrong: the element of the SearchParameter, and a sentence."""


def definition_of(resource: Json) -> SearchParameter | None:
    """Return what a valid SearchParameter resource adds; None: it is not active, or it repeats what R4 has.

    What has no value, but says in an extension why, is empty in the result.
    """
    if resource.get("status") != ACTIVE:
        return None
    parameter = SearchParameter(
        url=resource.get("url", ""),
        code=resource.get("code", ""),
        type=resource.get("type", ""),
        base=tuple(name or "" for name in resource.get("base", ())),
        expression=resource.get("expression"),
        target=tuple(name or "" for name in resource.get("target", ())),
        components=tuple(
            SearchComponent(each.get("definition", ""), each.get("expression", ""))
            for each in resource.get("component", ())
        ),
        description=resource.get("description", ""),
    )
    return None if _repeats(parameter) else parameter


def _repeats(parameter: SearchParameter) -> bool:
    """Whether R4 itself has the parameter, for every type it is for."""
    names = types_of(parameter.base)
    for name in names:
        own = r4().search_parameters(name).get(parameter.code)
        if own is None or own.type != parameter.type:
            return False
        if parameter.url != own.url and parameter.expression != own.expression:
            return False
    return bool(names)


def faults(parameter: SearchParameter, known: SearchParameters) -> Iterator[Fault]:
    """Yield everything that keeps a parameter from being searched by.

    Arguments:
        known: the parameters there are already; the one of the same URL is the one that is replaced.
    """
    if _CODE.fullmatch(parameter.code) is None:
        yield (
            "code",
            (
                f"{parameter.code!r} cannot be the name of a parameter in a URL: that takes a letter and then at most "
                "63 letters, digits, '-' and '_'; names that begin with '_' are those of FHIR itself."
            ),
        )
    if not parameter.url:
        yield "url", "Without a URL nobody can tell which parameter it is."
    if parameter.type not in (*CONVERTERS, "composite"):
        yield "type", "Without a type nobody can tell how values are compared."
    if parameter.type == "special":
        yield "type", "A parameter of type special needs a program of its own; this server knows those of R4 alone."
    if not parameter.base:
        yield "base", "Without a base nobody can tell which resources it is about."
        return
    if unknown := [name for name in parameter.base if name not in ANY_RESOURCE and not r4().is_resource_type(name)]:
        yield "base", f"{unknown[0]!r} is not a resource type of FHIR R4."
        return
    yield from _clashes(parameter, known)
    yield from _targets(parameter)
    if not parameter.expression:
        yield "expression", "Without an expression nobody can tell where the values stand."
        return
    expression_faults = list(_expression_faults(parameter))
    yield from expression_faults
    if parameter.type == "composite":
        if not expression_faults:
            yield from _component_faults(parameter, known)
    elif parameter.components:
        yield "component", "Only parameters of type composite have components."


def _clashes(parameter: SearchParameter, known: SearchParameters) -> Iterator[Fault]:
    for name in types_of(parameter.base):
        other = known.of(name).get(parameter.code)
        if other is None or (other.url == parameter.url and other.url not in r4_by_url()):
            continue
        whose = "R4" if other.url in r4_by_url() else "this server"
        yield "code", f"{whose} has a search parameter {parameter.code} for {name} already: {other.url}."
        return


def _targets(parameter: SearchParameter) -> Iterator[Fault]:
    for name in parameter.target:
        if name not in ANY_RESOURCE and not r4().is_resource_type(name):
            yield "target", f"{name!r} is not a resource type of FHIR R4."
    if parameter.target and parameter.type != "reference":
        yield "target", "Only parameters of type reference have targets."


def _expression_faults(parameter: SearchParameter) -> Iterator[Fault]:
    text = parameter.expression or ""
    names = types_of(parameter.base)
    # With one type, what starts with another one is a mistake; with several, each has its own part.
    strict = len(names) == 1
    for name in names:
        try:
            compile_expression(text, name, strict=strict)
            # How it is evaluated: each part by itself.
            for branch in branches(parameter, name):
                compile_expression(branch.expression, name)
        except FhirPathError as error:
            yield "expression", f"On {name}: {error}."
            return
        found = branches(parameter, name)
        if not found:
            yield "expression", f"No part of it is about {name}, which is a base."
            return
        ends = {element.type for branch in found for element in branch.elements}
        fitting = CONVERTERS.get(parameter.type)
        # The elements of a branch are empty where only a resource could tell what it gives.
        if fitting is None or not all(branch.elements for branch in found) or "Resource" in ends:
            continue
        if ends.isdisjoint(fitting):
            yield (
                "expression",
                (
                    f"On {name} it gives {' or '.join(sorted(ends))}, which a parameter of type {parameter.type} "
                    f"cannot be; it takes {', '.join(sorted(fitting))}."
                ),
            )
            return


def _component_faults(parameter: SearchParameter, known: SearchParameters) -> Iterator[Fault]:
    if len(parameter.components) < 2:
        yield "component", "A composite has at least two components."
    for index, component in enumerate(parameter.components):
        place = f"component[{index}]"
        url = component.definition.partition("|")[0]
        definition = known.by_url(url)
        if definition is None:
            yield f"{place}.definition", f"There is no active search parameter {component.definition}."
        elif definition.type in ("composite", "special"):
            yield f"{place}.definition", f"A component cannot be of type {definition.type}."
        for context in _contexts(parameter):
            try:
                compile_expression(component.expression, context)
            except FhirPathError as error:
                yield f"{place}.expression", f"On {context or 'what the parameter gives'}: {error}."
                break


def _contexts(parameter: SearchParameter) -> list[str | None]:
    """The types of what a composite is about; None where that cannot be told."""
    found = [branch for name in types_of(parameter.base) for branch in branches(parameter, name)]
    known = sorted({element.type for branch in found for element in branch.elements})
    return [*known] if all(branch.elements for branch in found) else [*known, None]
