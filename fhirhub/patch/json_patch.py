"""JSON Patch: a list of operations on places named by JSON Pointers.

https://datatracker.ietf.org/doc/html/rfc6902
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.model.json import MAX_DEPTH, Json
from fhirhub.patch import pointer
from fhirhub.patch.limits import MAX_COPIED, refuse_depth, refuse_too_many, size
from fhirhub.patch.pointer import END, NoSuchPlace, PointerSyntaxError, Tokens

_WITH_VALUE: Final = frozenset({"add", "replace", "test"})
_WITH_FROM: Final = frozenset({"move", "copy"})
_OPERATIONS: Final = frozenset({"remove"}) | _WITH_VALUE | _WITH_FROM


@dataclass(frozen=True, slots=True)
class _Operation:
    """One well-formed operation; `source` is the member `from`."""

    op: str
    path: Tokens
    value: Any
    source: Tokens


def apply(resource: Json, operations: Any) -> Json:
    """Return `resource` with all operations applied, in order; nothing is applied when one fails.

    Raises:
        FhirError: BAD_VALUE when the patch is malformed; UNPROCESSABLE when an operation names a place that is not
            there, a `test` fails, or the result would be no object; TOO_COSTLY beyond the limits of this package.
    """
    if not isinstance(operations, list):
        raise FhirError(Failure.BAD_VALUE, "A JSON Patch has to be an array of operations.")
    refuse_too_many(len(operations))
    parsed = [_parsed(index, raw) for index, raw in enumerate(operations)]
    document: Any = resource
    copied = 0
    for index, operation in enumerate(parsed):
        try:
            if operation.op == "copy":
                copied += size(pointer.value_at(document, operation.source))
                if copied > MAX_COPIED:
                    raise FhirError(Failure.TOO_COSTLY, f"Operation {index} copies more than a patch may.")
            document = _applied(document, operation)
        except NoSuchPlace as error:
            raise _failed(index, operations[index], str(error)) from None
    if not isinstance(document, dict):
        raise FhirError(Failure.UNPROCESSABLE, "The patch would leave something that is no JSON object.")
    refuse_depth(document)
    return document


def _parsed(index: int, raw: Any) -> _Operation:
    if not isinstance(raw, dict):
        raise _malformed(index, "it is no JSON object")
    op = raw.get("op")
    if not isinstance(op, str) or op not in _OPERATIONS:
        raise _malformed(index, f"its 'op' has to be one of {', '.join(sorted(_OPERATIONS))}")
    if op in _WITH_VALUE and "value" not in raw:
        raise _malformed(index, f"'{op}' needs a 'value'")
    path = _pointer(index, raw, "path")
    source = _pointer(index, raw, "from") if op in _WITH_FROM else ()
    if op == "move" and path != source and path[: len(source)] == source:
        raise _malformed(index, "nothing can be moved into itself")
    if op == "remove" and not path:
        raise _malformed(index, "the whole resource cannot be removed")
    return _Operation(op, path, raw.get("value"), source)


def _pointer(index: int, raw: Json, name: str) -> Tokens:
    text = raw.get(name)
    if not isinstance(text, str):
        raise _malformed(index, f"its '{name}' has to be a JSON Pointer")
    try:
        tokens = pointer.parse(text)
    except PointerSyntaxError as error:
        raise _malformed(index, f"its '{name}' {error}") from None
    if len(tokens) > MAX_DEPTH:
        raise _malformed(index, f"its '{name}' goes deeper than {MAX_DEPTH} levels")
    return tokens


def _applied(document: Any, operation: _Operation) -> Any:
    match operation.op:
        case "add":
            return _added(document, operation.path, operation.value)
        case "remove":
            return pointer.changed(document, operation.path, _without)
        case "replace":
            return _replaced(document, operation.path, operation.value)
        case "copy":
            return _added(document, operation.path, pointer.value_at(document, operation.source))
        case "move":
            value = pointer.value_at(document, operation.source)
            if operation.path == operation.source:
                return document
            return _added(pointer.changed(document, operation.source, _without), operation.path, value)
    if not equal(pointer.value_at(document, operation.path), operation.value):
        raise NoSuchPlace("the value there is another one, so the test fails")
    return document


def _added(document: Any, path: Tokens, value: Any) -> Any:
    def add(container: Any, token: str) -> Any:
        if isinstance(container, dict):
            return container | {token: value}
        if isinstance(container, list):
            length = len(container)
            at = length if token == END else pointer.position(container, token, length=length + 1)
            return [*container[:at], value, *container[at:]]
        raise NoSuchPlace("what should hold the new value is neither an object nor an array")

    return pointer.changed(document, path, add) if path else value


def _replaced(document: Any, path: Tokens, value: Any) -> Any:
    def replace(container: Any, token: str) -> Any:
        pointer.member(container, token)
        if isinstance(container, dict):
            return container | {token: value}
        copied = list(container)
        copied[int(token)] = value
        return copied

    return pointer.changed(document, path, replace) if path else value


def _without(container: Any, token: str) -> Any:
    pointer.member(container, token)
    if isinstance(container, dict):
        return {key: value for key, value in container.items() if key != token}
    at = int(token)
    return [*container[:at], *container[at + 1 :]]


def equal(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal: numbers by value (`1.0` is `1`), and true is not 1.

    https://datatracker.ietf.org/doc/html/rfc6902#section-4.6
    """
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(equal(value, right[key]) for key, value in left.items())
        )
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | Decimal):
        return isinstance(right, int | Decimal) and left == right
    return type(left) is type(right) and bool(left == right)


def _malformed(index: int, clause: str) -> FhirError:
    issue = Issue("error", "value", f"Operation {index} of the patch is malformed: {clause}.", location=(f"/{index}",))
    return FhirError(Failure.BAD_VALUE, issues=[issue])


def _failed(index: int, raw: Json, clause: str) -> FhirError:
    where = f"{raw['op']} {raw['path'][:200] or 'the whole resource'}"
    issue = Issue(
        "error",
        Failure.UNPROCESSABLE.issue_code,
        f"Operation {index} of the patch ({where}) cannot be applied: {clause}.",
        location=(f"/{index}",),
    )
    return FhirError(Failure.UNPROCESSABLE, issues=[issue])
