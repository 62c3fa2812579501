"""Parameters of operations: from a request to values by name, and from what an operation returns to a resource.

https://hl7.org/fhir/R4/operations.html#request, https://hl7.org/fhir/R4/parameters.html
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any, Final

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError
from fhirhub.model.json import Json

_TEXTS: Final = frozenset({"string", "code", "uri", "url", "canonical", "id", "markdown", "oid", "uuid"})
"""Types whose values are texts that clients take for each other."""
_WHOLE: Final = frozenset({"integer", "positiveInt", "unsignedInt"})
_ANY: Final = frozenset({"Resource", "DomainResource", "Any"})


def read(definition: Json, body: Json | None, query: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the values of a request by the name of their parameter, a list where there can be several.

    Arguments:
        definition: the OperationDefinition.
        body: valid Parameters, or the resource that the only parameter of a resource type takes.

    Raises FhirError: a parameter that is not known, missing, of another type, or stands too often.
    """
    known = {row["name"]: row for row in definition.get("parameter", ()) if row["use"] == "in"}
    found: dict[str, list[Any]] = {}
    if body is not None and body["resourceType"] == "Parameters":
        _gather(known, body.get("parameter", ()), "Parameters.parameter", found)
    elif body is not None:
        found[_taking(known, body["resourceType"])] = [body]
    for name, text in query:
        place = f"http.{name}"
        found.setdefault(name, []).append(_parsed(_known(known, name, place), text, place))
    return _counted(known, found, "Parameters.parameter")


def written(definition: Json, result: Mapping[str, Any] | None) -> Json | None:
    """Return the resource that answers: what was returned if it is one, else Parameters; None for nothing."""
    if result is None:
        return None
    if "resourceType" in result:
        return dict(result)
    known = {row["name"]: row for row in definition.get("parameter", ()) if row["use"] == "out"}
    return {"resourceType": "Parameters", "parameter": list(_rows(known, result))}


def _gather(known: Mapping[str, Json], rows: Sequence[Json], path: str, found: dict[str, list[Any]]) -> None:
    for index, row in enumerate(rows):
        place = f"{path}[{index}]"
        found.setdefault(row["name"], []).append(_value(_known(known, row["name"], place), row, place))


def _value(parameter: Json, row: Json, place: str) -> Any:
    kind = parameter.get("type")
    if kind is None:
        parts = {part["name"]: part for part in parameter.get("part", ())}
        found: dict[str, list[Any]] = {}
        _gather(parts, row.get("part", ()), f"{place}.part", found)
        return _counted(parts, found, f"{place}.part")
    if kind in _ANY or r4().is_resource_type(kind):
        resource = row.get("resource")
        if resource is None or (kind not in _ANY and resource["resourceType"] != kind):
            raise _wrong(parameter, f"it takes a resource of type {kind}", place)
        return resource
    given = next((key for key in row if key.startswith("value")), None)
    if given is None:
        raise _wrong(parameter, f"it takes value{kind[:1].upper()}{kind[1:]}", place)
    said = given.removeprefix("value")
    if kind not in ("*", "Element") and not _fits(said[:1].lower() + said[1:], said, kind):
        raise _wrong(parameter, f"it takes value{kind[:1].upper()}{kind[1:]}, not {given}", place)
    return row[given]


def _fits(primitive: str, complex_type: str, kind: str) -> bool:
    texts = kind in _TEXTS and primitive in _TEXTS
    whole = kind in _WHOLE and primitive in _WHOLE
    return texts or whole or kind in (primitive, complex_type)


def _parsed(parameter: Json, text: str, place: str) -> Any:
    kind = parameter.get("type", "")
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind in _WHOLE and text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() and len(text) < 12:
        return int(text)
    if kind == "decimal":
        try:
            number = Decimal(text)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite():
            return number
    elif kind[:1].islower() and kind != "boolean" and kind not in _WHOLE:
        return text
    raise _wrong(parameter, f"{text[:80]!r} is no {kind or 'value'} that a URL can carry", place)


def _counted(known: Mapping[str, Json], found: Mapping[str, list[Any]], path: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, parameter in known.items():
        given = found.get(name, [])
        most = parameter["max"]
        if len(given) < parameter["min"]:
            raise _wrong(parameter, "it is missing", path)
        if most != "*" and len(given) > int(most):
            raise _wrong(parameter, f"it can stand at most {most} times, not {len(given)}", path)
        if given:
            values[name] = given[0] if most in ("0", "1") else given
    return values


def _taking(known: Mapping[str, Json], resource_type: str) -> str:
    """Return the one parameter that a resource may be sent for in place of Parameters."""
    taking = [name for name, row in known.items() if row.get("type") in _ANY or row.get("type") == resource_type]
    if len(taking) != 1:
        raise FhirError(
            Failure.INVALID, f"The body must be Parameters, not {resource_type}.", expression=["Parameters"]
        )
    return taking[0]


def _known(known: Mapping[str, Json], name: str, place: str) -> Json:
    if name in known:
        return known[name]
    near = get_close_matches(name, known, 1)
    hint = f" Did you mean {near[0]}?" if near else f" It knows {', '.join(known) or 'none'}."
    raise FhirError(Failure.NOT_SUPPORTED, f"The operation has no parameter {name[:80]!r}.{hint}", expression=[place])


def _wrong(parameter: Json, text: str, place: str) -> FhirError:
    return FhirError(Failure.INVALID, f"Parameter {parameter['name']}: {text}.", expression=[place])


def _rows(known: Mapping[str, Json], values: Mapping[str, Any]) -> Iterator[Json]:
    for name, value in values.items():
        parameter = known[name]
        for each in value if isinstance(value, list) else [value]:
            yield {"name": name, **_written(parameter, each)}


def _written(parameter: Json, value: Any) -> Json:
    kind = parameter.get("type")
    if kind is None:
        parts = {part["name"]: part for part in parameter.get("part", ())}
        return {"part": list(_rows(parts, value))}
    if isinstance(value, Mapping) and "resourceType" in value:
        return {"resource": value}
    return {f"value{kind[:1].upper()}{kind[1:]}": value}
