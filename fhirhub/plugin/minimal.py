"""The smallest valid resource of each type, made from the definitions: what is required, and nothing else.

https://hl7.org/fhir/R4/resourcelist.html
"""

from copy import deepcopy
from decimal import Decimal
from typing import Any

from fhirhub.definitions import Element, TypeDefinition, r4
from fhirhub.model.json import Json

DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p>text</p></div>'

PRIMITIVES: dict[str, Any] = {
    "base64Binary": "aGVsbG8=",
    "boolean": True,
    "canonical": "http://example.org/canonical|1.0",
    "code": "a-code",
    "date": "2020-02-29",
    "dateTime": "2020-02-29T12:30:00+08:00",
    "decimal": Decimal("1.50"),
    "id": "an-id",
    "instant": "2020-02-29T12:30:00.125+08:00",
    "integer": 7,
    "markdown": "*text*",
    "oid": "urn:oid:1.2.840.1",
    "positiveInt": 7,
    "string": "text",
    "time": "12:30:00",
    "unsignedInt": 7,
    "uri": "http://example.org/uri",
    "url": "http://example.org/url",
    "uuid": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
    "xhtml": DIV,
}

# Where nothing is required: an element with which the type means something by itself.
_TELLING = ("value", "text", "reference", "display", "start", "event", "name", "code", "url", "data")

# What the invariants of R4 ask for beyond the required elements, by type.
_MORE: dict[str, Json] = {
    "AllergyIntolerance": {
        "clinicalStatus": {
            "coding": [
                {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}
            ]
        }
    },
    "Appointment": {"status": "proposed"},
    "Appointment.participant": {"actor": {"reference": "Patient/example"}},
    "AppointmentResponse": {"actor": {"reference": "Patient/example"}},
    "CapabilityStatement": {
        "kind": "instance",
        "implementation": {"description": "text"},
        "rest": [{"mode": "server"}],
    },
    "Consent": {"policyRule": {"text": "text"}},
    "ImmunizationRecommendation.recommendation": {"vaccineCode": [{"text": "text"}]},
    "InsurancePlan": {"name": "text"},
    "Linkage": {
        "item": [
            {"type": "source", "resource": {"reference": "Patient/example"}},
            {"type": "alternate", "resource": {"reference": "Patient/another"}},
        ]
    },
    "MolecularSequence": {"coordinateSystem": 1},
    "Organization": {"name": "text"},
    # An active one would have to say what it finds.
    "SearchParameter": {"status": "draft"},
    "StructureDefinition": {"type": "text", "differential": {"element": [{"id": "text", "path": "text"}]}},
    "TerminologyCapabilities": {"kind": "instance", "implementation": {"description": "text"}},
    "TriggerDefinition": {"type": "named-event", "name": "text"},
}


def minimal(resource_type: str, **more: Any) -> Json:
    """Return a valid resource of a type with as little in it as can be; `more` adds or replaces elements."""
    return {"resourceType": resource_type, **deepcopy(_object(r4().type(resource_type))), **more}


def value_of(element: Element) -> Any:
    """Return a valid value of an element, as an array of one where JSON has an array."""
    item = _item(element)
    return [item] if element.is_array else item


def _object(definition: TypeDefinition) -> Json:
    """Return the required elements of a type."""
    chosen = [element for element in definition.elements.values() if element.min and element.choice is None]
    chosen += [_simplest(definition.choices[name]) for name in definition.required_choices]
    return {element.name: value_of(element) for element in chosen} | _MORE.get(definition.name, {})


def _item(element: Element) -> Any:
    definition = r4().type(element.type)
    match element.type:
        case "Resource":
            return minimal("Basic", id="inside")
        case "Reference":
            targets = [name for name in element.targets if name != "Resource"]
            return {"reference": f"{targets[0] if targets else 'Patient'}/example"}
        case "CodeableConcept":
            return _concept(element)
        case "code" if element.binding is not None:
            return min(r4().value_sets[element.binding] or ["text/plain" if "mime" in element.binding else "USD"])
    if definition.kind == "primitive-type":
        return PRIMITIVES[element.type]
    return _object(definition) or _telling(definition)


def _concept(element: Element) -> Json:
    by_system = r4().codings[element.binding] if element.binding is not None else {}
    for system, codes in by_system.items():
        return {"coding": [{"system": system, "code": min(codes or ["a-code"])}]}
    return {"text": "text"}


def _telling(definition: TypeDefinition) -> Json:
    """Return one element of a type that requires none."""
    own = [each for each in definition.elements.values() if each.name not in ("id", "extension", "modifierExtension")]
    rank = {name: place for place, name in enumerate(_TELLING)}
    element = min(own, key=lambda each: (rank.get(each.name, len(rank)), _complexity(each), each.order))
    return {element.name: value_of(element)}


def _simplest(choices: tuple[Element, ...]) -> Element:
    return min(choices, key=lambda each: (_complexity(each), each.order))


def _complexity(element: Element) -> int:
    return 0 if r4().type(element.type).kind == "primitive-type" else 1
