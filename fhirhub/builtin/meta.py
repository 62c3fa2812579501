"""$meta, $meta-add, $meta-delete: the profiles, tags and security labels of a resource, a type, the whole server.

https://hl7.org/fhir/R4/resource-operation-meta.html, https://hl7.org/fhir/R4/resource-operation-meta-add.html,
https://hl7.org/fhir/R4/resource-operation-meta-delete.html
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, Final

from fhirhub.plugin import (
    Failure,
    FhirError,
    Json,
    Operation,
    OperationCall,
    OperationResult,
    hook,
    r4_operation,
)

ATTEMPTS: Final = 20
"""How often a change is begun anew since somebody else has changed the resource in between."""

_LABELS: Final = ("tag", "security")
_PARAMETERS: Final[Mapping[str, str]] = MappingProxyType(
    {"profile": "_profile", "tag": "_tag", "security": "_security"}
)

Item = tuple[Any, Json | None]
"""A profile and the companion with its extensions, or a label and None."""
Change = Callable[[list[Item], list[Item], Callable[[Item], Any]], list[Item]]
"""Makes the new items of those that are there and those that were sent, given what identifies one."""


@hook
def fhirhub_register_operations(settings: Any) -> Sequence[Operation]:
    """Return the three operations."""
    return [
        Operation(r4_operation("Resource-meta"), meta, of_versions=True),
        Operation(r4_operation("Resource-meta-add") | {"affectsState": True}, meta_add, transactional=True),
        Operation(r4_operation("Resource-meta-delete") | {"affectsState": True}, meta_delete, transactional=True),
    ]


def meta(call: OperationCall) -> OperationResult:
    """Answer with the `meta` of a resource or version, or with all that is in use in that of many."""
    if call.logical_id is not None:
        return {"return": _read(call).get("meta", {})}
    found: Json = {}
    for name, parameter in _PARAMETERS.items():
        held = (
            _items(resource.get("meta", {}), name)
            for resource in call.hub.one_of_each(call.resource_type or "", parameter)
        )
        values = [value for value, _ in _union((item for items in held for item in items), _identity(name))]
        if values:
            found[name] = sorted(values, key=str)
    return {"return": found}


def meta_add(call: OperationCall) -> OperationResult:
    """Add what was sent and is not there yet."""

    def add(there: list[Item], sent: list[Item], identity: Callable[[Item], Any]) -> list[Item]:
        return _union([*there, *sent], identity)

    return _changed(call, add)


def meta_delete(call: OperationCall) -> OperationResult:
    """Remove what was sent, as far as it is there."""

    def remove(there: list[Item], sent: list[Item], identity: Callable[[Item], Any]) -> list[Item]:
        unwanted = set(map(identity, sent))
        return [item for item in there if identity(item) not in unwanted]

    return _changed(call, remove)


def _changed(call: OperationCall, change: Change) -> OperationResult:
    sent: Json = call.parameters["meta"]
    for attempt in range(ATTEMPTS):
        resource = _read(call)
        there: Json = resource.get("meta", {})
        patch: Json = {}
        for name in (*_LABELS, "profile"):
            before = _items(there, name)
            after = change(before, _items(sent, name), _identity(name))
            if after != before:
                patch |= _written(name, after)
        if not patch:
            return {"return": there}
        try:
            stored = call.hub.patch(resource["resourceType"], resource["id"], {"meta": patch}, there.get("versionId"))
        except FhirError as error:
            if error.failure is not Failure.PRECONDITION_FAILED or attempt == ATTEMPTS - 1:
                raise
            continue
        return {"return": stored.get("meta", {})}
    raise AssertionError("the last attempt returns or raises")


def _read(call: OperationCall) -> Json:
    assert call.resource_type is not None and call.logical_id is not None, "it is invoked on an instance"
    resource = call.hub.read(call.resource_type, call.logical_id, call.version_id)
    if resource is None:
        raise FhirError(Failure.NOT_FOUND, f"There is no {call.resource_type} with the id {call.logical_id!r}.")
    return resource


def _items(found: Json, name: str) -> list[Item]:
    return list(zip_longest(found.get(name, ()), found.get(f"_{name}", ())))


def _written(name: str, items: Iterable[Item]) -> Json:
    """Return the members of a merge patch that leave these items; without items the members go."""
    values, companions = [value for value, _ in items], [companion for _, companion in items]
    written: Json = {name: values or None}
    if name not in _LABELS:
        written[f"_{name}"] = companions if any(companions) else None
    return written


def _identity(name: str) -> Callable[[Item], Any]:
    return _of_label if name in _LABELS else _of_profile


def _of_label(item: Item) -> Any:
    """Labels are the same with the same system and code; without a code it is the text that tells them apart."""
    coding = item[0]
    system, code = coding.get("system"), coding.get("code")
    return (system, code) if code is not None else (system, None, coding.get("display"))


def _of_profile(item: Item) -> Any:
    return item[0]


def _union(items: Iterable[Item], identity: Callable[[Item], Any]) -> list[Item]:
    found: dict[Any, Item] = {}
    for item in items:
        found.setdefault(identity(item), item)
    return list(found.values())
