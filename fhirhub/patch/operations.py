"""Reading the Parameters resource of a FHIRPath Patch into operations.

https://hl7.org/fhir/R4/fhirpatch.html#format
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from fhirhub.definitions import Element, r4
from fhirhub.errors import Failure, FhirError
from fhirhub.model.json import MAX_DEPTH, Json
from fhirhub.patch.limits import refuse_too_many

Kind = Literal["add", "insert", "delete", "replace", "move"]


@dataclass(frozen=True, slots=True)
class TypedValue:
    """A `value[x]`: the FHIR type, the JSON value (None where a primitive has extensions only), id and extensions."""

    type: str
    value: Any
    companion: Json | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """A value of a type that `value[x]` does not allow, given element by element."""

    members: "tuple[tuple[str, Value], ...]"


Value = TypedValue | Parts


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; what its kind does not need is empty. `number` counts from 0."""

    number: int
    kind: Kind
    path: str
    name: str = ""
    value: Value | None = None
    index: int = 0
    source: int = 0
    destination: int = 0

    def refused(self, clause: str) -> FhirError:
        """Return the error of an operation that does not fit the resource; `clause` says why."""
        return FhirError(
            Failure.UNPROCESSABLE,
            f"Operation {self.number} of the patch ({self.kind} {self.path[:200]}) cannot be applied: {clause}.",
            expression=(f"Parameters.parameter[{self.number}]",),
        )


_TEXT: Final = frozenset({"string"})
_WHOLE: Final = frozenset({"integer", "unsignedInt", "positiveInt"})
# Which value[x] types a part may have; `value` is open.
_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "type": frozenset({"code", "string"}),
    "path": _TEXT,
    "name": _TEXT,
    "index": _WHOLE,
    "source": _WHOLE,
    "destination": _WHOLE,
}
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "add": ("path", "name", "value"),
    "insert": ("path", "index", "value"),
    "delete": ("path",),
    "replace": ("path", "value"),
    "move": ("path", "source", "destination"),
}


def read_operations(parameters: Any) -> list[Operation]:
    """Return the operations of a Parameters resource, in order.

    Raises:
        FhirError: BAD_VALUE when it is none, or an operation is incomplete or says more than its type allows.
    """
    if not isinstance(parameters, dict) or parameters.get("resourceType") != "Parameters":
        raise FhirError(Failure.BAD_VALUE, "A FHIRPath Patch has to be a Parameters resource.")
    listed = parameters.get("parameter", [])
    if not isinstance(listed, list):
        raise FhirError(Failure.BAD_VALUE, "'parameter' has to be an array.", expression=("Parameters.parameter",))
    refuse_too_many(len(listed))
    return [_operation(number, raw) for number, raw in enumerate(listed)]


def _operation(number: int, raw: Any) -> Operation:
    expression = f"Parameters.parameter[{number}]"
    if not isinstance(raw, dict) or raw.get("name") != "operation":
        raise _malformed(number, "every parameter has to be named 'operation'", expression)
    found: dict[str, Any] = {}
    for name, part in _parts(number, raw, expression):
        if name in found:
            raise _malformed(number, f"it has two parts '{name}'", expression)
        if name == "value":
            found[name] = _value(number, part, expression, 1)
        elif name in _TYPES:
            found[name] = _simple(number, name, part, expression)
        else:
            raise _malformed(number, f"it has a part '{name[:80]}', which no operation has", expression)
    kind = found.pop("type", None)
    if kind not in _NEEDED:
        raise _malformed(number, f"its type has to be one of {', '.join(_NEEDED)}", expression)
    missing = [name for name in _NEEDED[kind] if name not in found]
    if missing:
        raise _malformed(number, f"'{kind}' needs the part '{missing[0]}'", expression)
    extra = [name for name in found if name not in _NEEDED[kind]]
    if extra:
        raise _malformed(number, f"'{kind}' has no part '{extra[0]}'", expression)
    return Operation(number, cast(Kind, kind), **found)


def _parts(number: int, raw: Json, expression: str) -> list[tuple[str, Json]]:
    parts = raw.get("part")
    if not isinstance(parts, list) or not parts:
        raise _malformed(number, "it has no parts", expression)
    named = []
    for part in parts:
        name = part.get("name") if isinstance(part, dict) else None
        if not isinstance(name, str) or not name:
            raise _malformed(number, "every part has to be an object with a name", expression)
        named.append((name, part))
    return named


def _simple(number: int, name: str, part: Json, expression: str) -> Any:
    value = _value(number, part, expression, 1)
    allowed = _TYPES[name]
    if not isinstance(value, TypedValue) or value.type not in allowed:
        types = " or ".join(f"value{t[0].upper()}{t[1:]}" for t in sorted(allowed))
        raise _malformed(number, f"the part '{name}' has to be a {types}", expression)
    content = value.value
    wanted = int if allowed is _WHOLE else str
    if isinstance(content, bool) or not isinstance(content, wanted):
        raise _malformed(number, f"the part '{name}' has no value of its type", expression)
    return content


def _value(number: int, part: Json, expression: str, depth: int) -> Value:
    if depth > MAX_DEPTH:
        raise _malformed(number, f"its parts nest deeper than {MAX_DEPTH} levels", expression)
    elements = _value_elements()
    given = sorted({key.removeprefix("_") for key in part} & elements.keys())
    for key in ("resource", "part"):
        if key in part:
            given.append(key)
    if len(given) != 1:
        clause = f"the part '{part['name'][:80]}' has to have one value: a value[x] of R4, parts or a resource"
        raise _malformed(number, clause, expression)
    key = given[0]
    if key == "resource":
        return TypedValue("Resource", part[key])
    if key == "part":
        nested = _parts(number, part, expression)
        return Parts(tuple((name, _value(number, inner, expression, depth + 1)) for name, inner in nested))
    companion = part.get("_" + key)
    if companion is not None and not isinstance(companion, dict):
        raise _malformed(number, f"'_{key}' has to be an object", expression)
    return TypedValue(elements[key].type, part.get(key), companion)


def _value_elements() -> Mapping[str, Element]:
    return {element.name: element for element in r4().type("Parameters.parameter").choices["value"]}


def _malformed(number: int, clause: str, expression: str) -> FhirError:
    return FhirError(
        Failure.BAD_VALUE, f"Operation {number} of the patch is malformed: {clause}.", expression=(expression,)
    )
