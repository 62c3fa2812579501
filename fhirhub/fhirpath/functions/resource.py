"""The functions FHIR adds to FHIRPath.

https://hl7.org/fhir/R4/fhirpath.html#functions
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from fhirhub.fhirpath.errors import FhirPathError
from fhirhub.fhirpath.functions.narrative import is_safe_narrative
from fhirhub.fhirpath.functions.signature import SAME, Function, of_items, of_run, of_values
from fhirhub.fhirpath.node import Node, children_named
from fhirhub.fhirpath.references import resolve
from fhirhub.fhirpath.schema import r4_schema
from fhirhub.fhirpath.scope import Run
from fhirhub.fhirpath.singleton import boolean, single, typed

_SCHEMA = r4_schema()
_BASE_PROFILE: Final = "http://hl7.org/fhir/StructureDefinition/"


def _extensions(items: list[Node], url: list[Node], name: str) -> list[Node]:
    wanted = typed(url, "System.String", name)
    found: list[Node] = []
    for node in items:
        children_named(node, "extension", found)
    return [node for node in found if isinstance(node.value, dict) and node.value.get("url") == wanted]


def _has_value(items: list[Node]) -> list[Node]:
    return boolean(len(items) == 1 and _SCHEMA.system_of[items[0].type] is not None and _is_plain(items[0].value))


def _is_plain(value: Any) -> bool:
    return value is not None and not isinstance(value, dict | list)


def _get_value(items: list[Node]) -> list[Node]:
    if len(items) != 1 or not _is_plain(items[0].value):
        return []
    system = _SCHEMA.system_of[items[0].type]
    return [Node(items[0].value, system)] if system is not None else []


def _resolve(run: Run, items: list[Node]) -> list[Node]:
    found = [resolve(node, run) for node in items]
    return [node for node in found if node is not None]


def _conforms_to(run: Run, items: list[Node], structure: list[Node]) -> list[Node]:
    node, canonical = single(items, "conformsTo"), typed(structure, "System.String", "conformsTo")
    if node is None or canonical is None:
        return []
    name = canonical.partition("|")[0].removeprefix(_BASE_PROFILE)
    is_base = canonical.startswith(_BASE_PROFILE) and name in _SCHEMA.definitions.types
    if is_base and not _SCHEMA.is_a(node.type, frozenset({name})):
        return boolean(False)
    answer = run.conforms(node.value, canonical) if run.conforms is not None else None
    if answer is None and not is_base:
        raise FhirPathError(f"conformsTo: the profile {canonical!r} is not known here")
    # Without a validator only the type can be told; that an instance follows its own type was checked when it came in.
    return boolean(answer is not False)


def _member_of(run: Run, items: list[Node], value_set: list[Node]) -> list[Node]:
    node, canonical = single(items, "memberOf"), typed(value_set, "System.String", "memberOf")
    if node is None or canonical is None:
        return []
    if run.terminology is None:
        raise FhirPathError("memberOf: there is no terminology to ask")
    return boolean(run.terminology.member_of(node.value, node.type, canonical))


def _subsumes(name: str, swap: bool) -> Callable[..., list[Node]]:
    def run_call(run: Run, items: list[Node], others: list[Node]) -> list[Node]:
        node, other = single(items, name), single(others, name)
        if node is None or other is None:
            return []
        if run.terminology is None:
            raise FhirPathError(f"{name}: there is no terminology to ask")
        general, specific = (other, node) if swap else (node, other)
        return boolean(run.terminology.subsumes(general.value, specific.value))

    return run_call


def _check_modifiers(items: list[Node], *known: list[Node]) -> list[Node]:
    allowed = {typed(url, "System.String", "checkModifiers") for url in known}
    for node in items:
        modifiers: list[Node] = []
        children_named(node, "modifierExtension", modifiers)
        for modifier in modifiers:
            url = modifier.value.get("url") if isinstance(modifier.value, dict) else None
            if url not in allowed:
                raise FhirPathError(f"checkModifiers: unknown modifier {url!r}")
    return items


def _html_checks(items: list[Node]) -> list[Node]:
    node = single(items, "htmlChecks")
    return [] if node is None else boolean(isinstance(node.value, str) and is_safe_narrative(node.value))


def _unsupported(name: str) -> Callable[..., list[Node]]:
    def run(items: list[Node], *arguments: list[Node]) -> list[Node]:
        raise FhirPathError(f"{name}: elements carry no definitions here")

    return run


_STRING: Final = "System.String"
_BOOLEAN: Final = "System.Boolean"
RESOURCE: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "extension": Function(
            of_values(lambda items, url: _extensions(items, url, "extension")), 1, 1, returns="Extension", single=False
        ),
        "hasExtension": Function(
            of_values(lambda items, url: boolean(bool(_extensions(items, url, "hasExtension")))), 1, 1, returns=_BOOLEAN
        ),
        "hasValue": Function(of_items(_has_value), returns=_BOOLEAN),
        "getValue": Function(of_items(_get_value)),
        "resolve": Function(of_run(_resolve), single=False),
        "conformsTo": Function(of_run(_conforms_to), 1, 1, returns=_BOOLEAN),
        "memberOf": Function(of_run(_member_of), 1, 1, returns=_BOOLEAN),
        "subsumes": Function(of_run(_subsumes("subsumes", swap=False)), 1, 1, returns=_BOOLEAN),
        "subsumedBy": Function(of_run(_subsumes("subsumedBy", swap=True)), 1, 1, returns=_BOOLEAN),
        "checkModifiers": Function(of_values(_check_modifiers), 0, 100, returns=SAME, single=False),
        "htmlChecks": Function(of_items(_html_checks), returns=_BOOLEAN),
        "elementDefinition": Function(of_values(_unsupported("elementDefinition"))),
        "slice": Function(of_values(_unsupported("slice")), 2, 2),
    }
)
