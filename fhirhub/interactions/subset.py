"""Parts of a resource: `_summary` and `_elements`.

https://hl7.org/fhir/R4/search.html#summary, https://hl7.org/fhir/R4/search.html#elements
"""

from collections.abc import Callable, Collection
from functools import cache
from typing import Any, Final

from fhirhub.definitions import Element, TypeDefinition, r4
from fhirhub.errors import Failure, FhirError
from fhirhub.model.json import Json, encode
from fhirhub.model.request import FhirRequest
from fhirhub.search.result_parameters import nearest
from fhirhub.store.stored import Stored

SUMMARIES: Final = ("true", "text", "data", "count", "false")

_SUBSETTED: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
_ALWAYS: Final = frozenset({"resourceType", "id", "meta"})


def subset(stored: Stored, request: FhirRequest) -> bytes:
    """Return the content of a version, cut down as the URL asks; what is cut is tagged SUBSETTED.

    Raises:
        FhirError: an unknown `_summary`, or an element the type does not have.
    """
    if stored.content is None:
        raise ValueError("a deletion has no content")
    summary = request.parameter("_summary")
    elements = request.parameter("_elements")
    if summary is None and elements is None:
        return stored.content
    keep = _kept(stored.resource_type, summary, elements)
    return stored.content if keep is None else encode(keep(stored.resource()))


def check_subset(resource_type: str, summary: str | None, elements: str | None) -> None:
    """Refuse values of `_summary` and `_elements` that mean nothing for a type, before anything is read."""
    _kept(resource_type, summary, elements)


def _kept(resource_type: str, summary: str | None, elements: str | None) -> Callable[[Json], Json] | None:
    definition = r4().type(resource_type)
    if summary is not None and summary not in SUMMARIES:
        raise FhirError(
            Failure.BAD_VALUE,
            f"_summary is {summary!r}; it can be {', '.join(SUMMARIES)}.",
            expression=["http._summary"],
        )
    if elements:
        names = {name.strip().removeprefix(f"{resource_type}.") for name in elements.split(",")}
        known = {element.choice or element.name for element in definition.elements.values()} | _ALWAYS
        if unknown := sorted(names - known):
            raise FhirError(
                Failure.BAD_VALUE,
                f"_elements: {resource_type} has no element {unknown[0]!r}.{_meant(definition, unknown[0], known)}",
                expression=["http._elements"],
            )
        return lambda resource: _tagged(_select(resource, definition, lambda e: (e.choice or e.name) in names))
    if summary == "true":
        return lambda resource: _tagged(_summarise(resource, definition))
    if summary == "text":
        return lambda resource: _tagged(_select(resource, definition, lambda e: e.name == "text"))
    if summary == "data":
        return lambda resource: _tagged({key: value for key, value in resource.items() if key != "text"})
    return None


def _meant(definition: TypeDefinition, name: str, known: Collection[str]) -> str:
    element = definition.elements.get(name)
    # `valueQuantity` is a property of JSON; the element is `value`.
    return nearest(name, sorted(known)) if element is None else f" Did you mean {element.choice}?"


def _select(resource: Json, definition: TypeDefinition, wanted: Callable[[Element], bool]) -> Json:
    """Keep the wanted elements and those the type requires, so that what is left is still valid."""
    out = {}
    for key, value in resource.items():
        element = definition.elements.get(key.removeprefix("_"))
        if key in _ALWAYS or (element is not None and (wanted(element) or _is_required(definition, element))):
            out[key] = value
    return out


def _is_required(definition: TypeDefinition, element: Element) -> bool:
    return element.min > 0 or (element.choice is not None and element.choice in definition.required_choices)


@cache
def _summary_elements(type_name: str) -> dict[str, Element]:
    definition = r4().type(type_name)
    return {
        name: element
        for name, element in definition.elements.items()
        if element.is_summary or element.is_modifier or _is_required(definition, element)
    }


def _summarise(node: Json, definition: TypeDefinition) -> Json:
    elements = _summary_elements(definition.name)
    out: Json = {}
    for key, value in node.items():
        element = elements.get(key.removeprefix("_"))
        if key in _ALWAYS:
            out[key] = value
        elif element is not None:
            nested = r4().types[element.type]
            out[key] = _each(value, nested) if nested.kind == "backbone" and not key.startswith("_") else value
    return out


def _each(value: Any, definition: TypeDefinition) -> Any:
    if isinstance(value, list):
        return [_summarise(item, definition) for item in value]
    return _summarise(value, definition)


def _tagged(resource: Json) -> Json:
    meta = dict(resource.get("meta", {}))
    meta["tag"] = [*meta.get("tag", ()), _SUBSETTED]
    return {**resource, "meta": meta}
