"""From a reference to the resource it names: contained, in the same Bundle, or through the resolver.

https://hl7.org/fhir/R4/fhirpath.html#functions (`resolve`), https://hl7.org/fhir/R4/bundle.html#references
"""

from fhirhub.fhirpath.node import Node, children_named, root_node
from fhirhub.fhirpath.schema import r4_schema
from fhirhub.fhirpath.scope import Run, root_resource_of
from fhirhub.model.reference import parse_reference

_SCHEMA = r4_schema()


def reference_text(node: Node) -> str | None:
    """Return the literal reference of a Reference, uri, canonical or string; None where there is none."""
    value = node.value.get("reference") if isinstance(node.value, dict) and node.type == "Reference" else node.value
    return value if isinstance(value, str) else None


def resolve(node: Node, run: Run) -> Node | None:
    """Return the resource a reference names; None when it cannot be found."""
    text = reference_text(node)
    if text is None:
        return None
    local = _local(node, text)
    if local is not None or text.startswith("#") or run.resolver is None:
        return local
    resource = run.resolver(text)
    return root_node(resource) if resource is not None else None


def resolves_to(node: Node, wanted: frozenset[str], run: Run) -> bool | None:
    """Whether what a reference names is of one of the types; None when that cannot be told.

    What the reference says itself decides; the resource is fetched only as a last resort.
    """
    text = reference_text(node)
    named = reference_type(node.value, text)
    if named is not None:
        return _SCHEMA.is_a(named, wanted)
    found = resolve(node, run)
    return _SCHEMA.is_a(found.type, wanted) if found is not None else None


def reference_type(reference: object, text: str | None) -> str | None:
    """Return the resource type a reference states itself: in its literal (`Patient/1`, `Patient?…`), then in `type`."""
    if text is not None and not text.startswith("#"):
        name = text.partition("/")[0].partition("?")[0]
        if _SCHEMA.is_resource(name):
            return name
        restful = parse_reference(text)
        if restful is not None and _SCHEMA.is_resource(restful.resource_type):
            return restful.resource_type
    stated = reference.get("type") if isinstance(reference, dict) else None
    return stated if isinstance(stated, str) and _SCHEMA.is_resource(stated) else None


def _local(node: Node, text: str) -> Node | None:
    if text.startswith("#"):
        container = root_resource_of(node)
        return container if text == "#" else _contained(container, text[1:])
    entry = _enclosing_entry(node)
    if entry is None or entry.parent is None:
        return None
    full_url = entry.value.get("fullUrl")
    wanted = {text}
    restful = parse_reference(full_url) if isinstance(full_url, str) else None
    if restful is not None and restful.base is not None:
        wanted.add(f"{restful.base}/{text}")
    entries: list[Node] = []
    children_named(entry.parent, "entry", entries)
    for other in entries:
        if isinstance(other.value, dict) and other.value.get("fullUrl") in wanted:
            resources: list[Node] = []
            children_named(other, "resource", resources)
            return resources[0] if resources else None
    return None


def _contained(container: Node, logical_id: str) -> Node | None:
    resources: list[Node] = []
    children_named(container, "contained", resources)
    for resource in resources:
        if isinstance(resource.value, dict) and resource.value.get("id") == logical_id:
            return resource
    return None


def _enclosing_entry(node: Node) -> Node | None:
    at: Node | None = node
    while at is not None and at.type != "Bundle.entry":
        at = at.parent
    return at
