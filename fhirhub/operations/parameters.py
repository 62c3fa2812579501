"""Parameters of operations: from a request to values by name, and from what an operation returns to a resource.

https://hl7.org/fhir/R4/operations.html#request, https://hl7.org/fhir/R4/parameters.html
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.model.json import Json

PARAMETERS: Final = "Parameters"
_ROWS: Final = "Parameters.parameter"
_TEXTS: Final = frozenset({"string", "code", "uri", "url", "canonical", "id", "markdown", "oid", "uuid"})
"""Types whose values are texts that clients take for each other."""
_WHOLE: Final = frozenset({"integer", "positiveInt", "unsignedInt"})
_ANY_RESOURCE: Final = frozenset({"Resource", "DomainResource", "Any"})
_ANY_VALUE: Final = frozenset({"*", "Element", "Type"})
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,20}")
_DECIMAL: Final = re.compile(r"[-+]?[0-9]{1,100}(\.[0-9]{1,100})?([eE][-+]?[0-9]{1,3})?")

Query = tuple[tuple[str, str], ...]
Validate = Callable[[Json], Iterable[Issue]]
"""Finds what is wrong with a resource that was sent."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was sent: values by the name of their parameter, a list where there can be several; search parameters."""

    values: Mapping[str, Any]
    query: Query = ()


def read(
    definition: Json, body: Json | None, query: Query, validate: Validate, *, search_parameters: bool = False
) -> Given:
    """Return the parameters of a request, those of the body before those of the URL.

    Arguments:
        definition: the OperationDefinition.
        body: Parameters, or the resource that the only parameter of a resource type takes.
        query: of the URL, or of a form: parameters of primitive types.
        search_parameters: whether what the definition does not have is a search parameter.

    Raises FhirError: a parameter that is not known, missing, invalid, of another type, or stands too often.
    """
    reading = _Reading(_taken(definition), validate, search_parameters)
    if body is not None:
        reading.take_body(body)
    for name, text in query:
        reading.take_text(name, text)
    return Given(_counted(reading.known, reading.found, _ROWS), tuple(reading.query))


def can_be_got(definition: Json) -> bool:
    """Whether GET can invoke an operation: it changes nothing, and a URL can carry all that it needs."""
    needed = (row for row in _taken(definition).values() if row["min"])
    return not definition.get("affectsState") and all(map(is_primitive, needed))


def takes(definition: Json, name: str) -> bool:
    """Whether an operation has an in parameter of a name."""
    return name in _taken(definition)


def is_primitive(parameter: Json) -> bool:
    """Whether a URL can carry a parameter."""
    kind: str = parameter.get("type", "")
    return kind[:1].islower()


def written(definition: Json, result: Mapping[str, Any] | None) -> Json | None:
    """Return the resource that answers: what was returned if it is one, else Parameters; None for nothing.

    Raises KeyError: a name that is not among the out parameters.
    """
    if result is None:
        return None
    if "resourceType" in result:
        return dict(result)
    if list(result) == ["return"] and _is_resource(result["return"]):
        return dict(result["return"])
    known = {row["name"]: row for row in definition.get("parameter", ()) if row["use"] == "out"}
    return {"resourceType": PARAMETERS, "parameter": list(_rows(known, result))}


class _Reading:
    """The reading of one request."""

    def __init__(self, known: Mapping[str, Json], validate: Validate, search_parameters: bool) -> None:
        self.known = known
        self.found: dict[str, list[Any]] = {}
        self.query: list[tuple[str, str]] = []
        self._validate = validate
        self._searches = search_parameters

    def take_body(self, body: Json) -> None:
        """Read Parameters, or a resource in place of them."""
        kind = body["resourceType"]
        taking = None if kind == PARAMETERS else _taking(self.known, kind)
        if issues := _errors(self._validate(body)):
            raise FhirError(Failure.INVALID, issues=issues)
        if taking is not None:
            self.found.setdefault(taking, []).append(body)
            return
        rows = body.get("parameter", ())
        own = [self._is_own(row["name"]) for row in rows]
        _gather(self.known, rows, _ROWS, self.found, own)
        for index, row in enumerate(rows):
            if not own[index]:
                self.query.append((row["name"], _searched(row, f"{_ROWS}[{index}]")))

    def take_text(self, name: str, text: str) -> None:
        """Read a parameter of the URL."""
        if not self._is_own(name):
            self.query.append((name, text))
            return
        place = f"http.{name}"
        parameter = _known(self.known, name, place)
        row = {"name": name, **_typed(parameter, text, place)}
        if issues := _errors(self._validate({"resourceType": PARAMETERS, "parameter": [row]})):
            said = "; ".join(issue.diagnostics.rstrip(".") for issue in issues)
            raise _wrong(parameter, said, place)
        self.found.setdefault(name, []).append(_value(parameter, row, place))

    def _is_own(self, name: str) -> bool:
        return name in self.known or not self._searches


def _taken(definition: Json) -> dict[str, Json]:
    return {row["name"]: row for row in definition.get("parameter", ()) if row["use"] == "in"}


def _errors(issues: Iterable[Issue]) -> list[Issue]:
    return [each for each in issues if each.severity in {"error", "fatal"}]


def _gather(
    known: Mapping[str, Json],
    rows: Sequence[Json],
    path: str,
    found: dict[str, list[Any]],
    own: Sequence[bool] | None = None,
) -> None:
    for index, row in enumerate(rows):
        if own is not None and not own[index]:
            continue
        place = f"{path}[{index}]"
        found.setdefault(row["name"], []).append(_value(_known(known, row["name"], place), row, place))


def _value(parameter: Json, row: Json, place: str) -> Any:
    kind = parameter.get("type")
    if kind is None:
        return _parts_value(parameter, row, place)
    if kind in _ANY_RESOURCE or r4().is_resource_type(kind):
        resource: Any = row.get("resource")
        if not _is_resource(resource) or (kind not in _ANY_RESOURCE and resource["resourceType"] != kind):
            raise _wrong(parameter, f"it takes a resource{'' if kind in _ANY_RESOURCE else f' of type {kind}'}", place)
        return resource
    given = next((key for key in row if key.startswith("value")), None)
    if kind in _ANY_VALUE:
        if given is None:
            raise _wrong(parameter, "it takes a value", place)
        return {given: row[given]}
    wanted = _property(kind)
    if given is None:
        raise _wrong(parameter, f"it takes {wanted}", place)
    if not _fits(given, kind):
        raise _wrong(parameter, f"it takes {wanted}, not {given}", place)
    return row[given]


def _parts_value(parameter: Json, row: Json, place: str) -> dict[str, Any]:
    parts = {part["name"]: part for part in parameter.get("part", ())}
    if "part" not in row:
        raise _wrong(parameter, f"it takes parts: {', '.join(parts)}", place)
    found: dict[str, list[Any]] = {}
    _gather(parts, row["part"], f"{place}.part", found)
    return _counted(parts, found, f"{place}.part")


def _is_resource(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("resourceType"), str)


def _property(kind: str) -> str:
    return f"value{kind[:1].upper()}{kind[1:]}"


def _fits(given: str, kind: str) -> bool:
    if given == _property(kind):
        return True
    return any(given in map(_property, alike) and kind in alike for alike in (_TEXTS, _WHOLE))


def _typed(parameter: Json, text: str, place: str) -> Json:
    """Return the value of a URL as Parameters hold it. Raises FhirError: a URL cannot carry its type."""
    kind = parameter.get("type", "")
    if kind == "boolean" and text in ("true", "false"):
        return {"valueBoolean": text == "true"}
    if kind in _WHOLE and _INTEGER.fullmatch(text):
        return {_property(kind): int(text)}
    if kind == "decimal" and _DECIMAL.fullmatch(text):
        return {_property(kind): Decimal(text)}
    if is_primitive(parameter) and kind not in {"boolean", "decimal", *_WHOLE}:
        return {_property(kind): text}
    if not is_primitive(parameter):
        raise _wrong(parameter, f"a URL can only carry primitive values, and it takes {kind or 'parts'}", place)
    raise _wrong(parameter, f"{_short(text)} is no {kind}", place)


def _searched(row: Json, place: str) -> str:
    """Return the text of a search parameter that was sent in Parameters."""
    given = next((key for key in row if key.startswith("value")), None)
    value = None if given is None else row[given]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float | Decimal):
        return str(value)
    raise FhirError(
        Failure.INVALID, f"Search parameter {_short(row['name'])}: it takes a primitive value.", expression=[place]
    )


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
    taking = [name for name, row in known.items() if row.get("type") in {*_ANY_RESOURCE, resource_type}]
    if len(taking) != 1:
        raise FhirError(
            Failure.INVALID, f"The body must be Parameters, not {resource_type[:80]}.", expression=[PARAMETERS]
        )
    return taking[0]


def _known(known: Mapping[str, Json], name: str, place: str) -> Json:
    if name in known:
        return known[name]
    near = get_close_matches(name, known, 1)
    hint = f" Did you mean {near[0]}?" if near else f" It knows {', '.join(known) or 'none'}."
    raise FhirError(
        Failure.NOT_SUPPORTED, f"The operation has no parameter {_short(name)}.{hint}", expression=[place[:200]]
    )


def _short(text: str) -> str:
    return repr(text[:80])


def _wrong(parameter: Json, text: str, place: str) -> FhirError:
    return FhirError(Failure.INVALID, f"Parameter {parameter['name']}: {text}.", expression=[place])


def _rows(known: Mapping[str, Json], values: Mapping[str, Any]) -> Iterator[Json]:
    for name, value in values.items():
        parameter = known[name]
        for each in value if isinstance(value, list) else [value]:
            if each is not None:
                yield {"name": name, **_written(parameter, each)}


def _written(parameter: Json, value: Any) -> Json:
    kind = parameter.get("type")
    if kind is None:
        parts = {part["name"]: part for part in parameter.get("part", ())}
        return {"part": list(_rows(parts, value))}
    if _is_resource(value):
        return {"resource": value}
    return dict(value) if kind in _ANY_VALUE else {_property(kind): value}
