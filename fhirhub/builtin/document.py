"""$document: a Composition and what it refers to, as one Bundle that stands alone.

https://hl7.org/fhir/R4/composition-operation-document.html, https://hl7.org/fhir/R4/documents.html
"""

import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final

from fhirhub.builtin.references import Place, local_reference
from fhirhub.plugin import (
    Failure,
    FhirError,
    Hub,
    Json,
    Operation,
    OperationCall,
    OperationResult,
    hook,
    r4_operation,
)

_CARRIERS: Final = frozenset({"PractitionerRole"})
"""Types that say little without what they refer to: who, and where."""


@hook
def fhirhub_register_operations(settings: Any) -> Sequence[Operation]:
    """Return the operation."""
    return [Operation(r4_operation("Composition-document"), document)]


def document(call: OperationCall) -> OperationResult:
    """Answer with the document; store it, too, where `persist` is true.

    Raises FhirError: there is no such Composition, it refers to something that is not here, a graph is asked for.
    """
    hub = call.hub
    if "graph" in call.parameters:
        raise FhirError(Failure.NOT_SUPPORTED, "$document takes no graph here.", expression=["http.graph"])
    if call.logical_id is not None and "id" in call.parameters:
        raise FhirError(Failure.INVALID, "The URL names the Composition already.", expression=["http.id"])
    composition = hub.read("Composition", call.logical_id or _named(call), call.version_id)
    if composition is None:
        raise FhirError(Failure.NOT_FOUND, "There is no such Composition.", expression=["http.id"])
    bundle: Json = {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid4()}"},
        "type": "document",
        "timestamp": hub.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "entry": [
            {"fullUrl": f"{hub.base_url}/{row['resourceType']}/{row['id']}", "resource": row}
            for row in (composition, *_parts(composition, hub))
        ],
    }
    return hub.create(bundle) if call.parameters.get("persist") else bundle


def _named(call: OperationCall) -> str:
    """The id that a call at the type names, by itself or as a URL of this server."""
    given = call.parameters.get("id")
    if given is None:
        raise FhirError(Failure.INVALID, "$document needs the id of a Composition.", expression=["http.id"])
    if "/" not in given:
        return str(given)
    found = local_reference(given, call.hub.base_url)
    if found is None or found[0] != "Composition":
        raise FhirError(Failure.INVALID, f"{given[:200]!r} is no Composition of this server.", expression=["http.id"])
    return found[1]


def _parts(composition: Json, hub: Hub) -> Iterator[Json]:
    """Yield what the document must hold: everything that the Composition refers to on this server, each once."""
    waiting = list(_references(composition, "Composition", hub.base_url))
    seen = {("Composition", composition["id"])}
    lost = []
    found = []
    for place, where in waiting:
        if place[:2] in seen:
            continue
        seen.add(place[:2])
        resource = hub.read(*place)
        if resource is None:
            lost.append((place, where))
            continue
        found.append(resource)
        if resource["resourceType"] in _CARRIERS:
            waiting += _references(resource, resource["resourceType"], hub.base_url)
    if lost:
        names = ", ".join("/".join(place[:2]) for place, _ in lost[:10])
        raise FhirError(
            Failure.UNPROCESSABLE,
            f"The document cannot be made: it refers to {names}, which this server does not have.",
            expression=[where for _, where in lost[:10]],
        )
    yield from found


def _references(value: Any, where: str, base_url: str) -> Iterator[tuple[Place, str]]:
    """Yield the references of this server in a value, with their path."""
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _references(each, f"{where}[{index}]", base_url)
    elif isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str) and (place := local_reference(reference, base_url)):
            yield place, f"{where}.reference"
        for key, each in value.items():
            if key != "contained":
                yield from _references(each, f"{where}.{key}", base_url)
