"""From faults to issues: FHIRPath expressions, positions in the source, one closing note when there were too many.

https://hl7.org/fhir/R4/operationoutcome.html
"""

import re
from typing import Any, Final

from fhirhub.definitions import TypeDefinition, r4
from fhirhub.errors import Issue
from fhirhub.validation.faults import LIMIT, Fault, Faults
from fhirhub.validation.positions import Path, locate

_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST_NAME: Final = 64


def issues(faults: Faults, resource: Any, source: bytes | None) -> list[Issue]:
    """Return an issue for each fault, the first `LIMIT` of them, in the order they were found."""
    told = faults[:LIMIT]
    paths: list[Path] = [tuple(reversed(fault.steps)) for fault in told]
    positions = locate(source, paths) if source is not None else {}
    out = [_issue(fault, resource, path, positions) for fault, path in zip(told, paths, strict=True)]
    if len(faults) > LIMIT:
        note = f"There are more findings than the {LIMIT} listed; mend these and validate again."
        out.append(Issue("information", "informational", note, details="more-findings"))
    return out


def _issue(fault: Fault, resource: Any, path: Path, positions: dict[Path, str]) -> Issue:
    location = positions.get(path) or pointer(path)
    return Issue(
        severity="error",
        code=fault.code,
        diagnostics=fault.text,
        expression=(expression(resource, path),),
        location=(location,) if location else (),
        details=fault.rule,
    )


def pointer(path: Path) -> str:
    """Return the JSON Pointer of a path (https://www.rfc-editor.org/rfc/rfc6901), odd names made legible."""
    return "".join("/" + _legible(str(step)).replace("~", "~0").replace("/", "~1") for step in path)


def expression(resource: Any, path: Path) -> str:
    """Return the FHIRPath of what is at a JSON path: choices by `ofType`, companions as the primitive they extend."""
    node = resource
    definition = _definition(node)
    out = definition.name if definition is not None else "Resource"
    for step in path:
        if isinstance(step, int):
            out += f"[{step}]"
        else:
            element = None
            if definition is not None:
                element = definition.elements.get(step) or definition.elements.get(step.removeprefix("_"))
            if element is None:
                out += "." + _name(step)
            elif element.choice is None:
                out += "." + element.name
            else:
                out += f".{element.choice}.ofType({element.type})"
            definition = None if element is None else r4().types[element.type]
        node = _child(node, step)
        if definition is not None and definition.name == "Resource":
            definition = _definition(node) or definition
    return out


def _definition(node: Any) -> TypeDefinition | None:
    resource_type = node.get("resourceType") if isinstance(node, dict) else None
    if not isinstance(resource_type, str) or not r4().is_resource_type(resource_type):
        return None
    return r4().type(resource_type)


def _child(node: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return node[step] if isinstance(node, list) and step < len(node) else None
    return node.get(step) if isinstance(node, dict) else None


def _name(step: str) -> str:
    """Return a name that is no element as FHIRPath writes it: delimited when it could not be an identifier."""
    name = _legible(step)
    if _IDENTIFIER.fullmatch(name):
        return name
    return "`" + name.replace("`", "\\`") + "`"


def _legible(name: str) -> str:
    """Return a name that came from outside as an outcome can carry it: not too long, nothing unprintable."""
    name = name[:_LONGEST_NAME]
    return name if name.isprintable() else name.encode("unicode_escape").decode("ascii")
