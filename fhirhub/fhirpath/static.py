"""What can be known of an expression from the types alone: unknown elements, operands of the wrong type.

http://hl7.org/fhirpath/N1/#type-safety-and-strict-evaluation
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from fhirhub.fhirpath.compiler import TYPE_FUNCTIONS, type_argument
from fhirhub.fhirpath.errors import FhirPathTypeError
from fhirhub.fhirpath.functions import FUNCTIONS, SAME
from fhirhub.fhirpath.schema import ABSTRACT, r4_schema
from fhirhub.fhirpath.syntax import (
    Binary,
    Call,
    EmptyLiteral,
    Index,
    Literal,
    Member,
    Sign,
    Special,
    Syntax,
    TypeOperation,
    TypeSpecifier,
    Variable,
)

_SCHEMA = r4_schema()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a collection: the types of its items (None: any), if it can be many, if it has an order."""

    types: frozenset[str] | None = None
    many: bool = True
    ordered: bool = True


_ANYTHING: Final = Known()
_NOTHING: Final = Known(frozenset(), many=False)
_BOOLEAN: Final = Known(frozenset({"System.Boolean"}), many=False)
_NUMBERS: Final = frozenset({"System.Integer", "System.Decimal"})
_TIMES: Final = frozenset({"System.Date", "System.DateTime", "System.Time"})


def check(syntax: Syntax, context_type: str, *, strict: bool) -> None:
    """Check an expression that is evaluated on a `context_type`.

    `strict` refuses as well what is legal but cannot mean anything: a path that starts with another type, and picking
    by position from a collection that has no order.

    Raises:
        FhirPathTypeError: an element that the type does not have, or an operand that cannot be of the type needed.
    """
    root = Known(frozenset({context_type}), many=False)
    _Checker(root, strict).infer(syntax, root)


class _Checker:
    def __init__(self, root: Known, strict: bool) -> None:
        self._root = root
        self._strict = strict

    def infer(self, syntax: Syntax, this: Known) -> Known:
        match syntax:
            case Literal(_, type_name):
                return Known(frozenset({type_name}), many=False)
            case EmptyLiteral():
                return _NOTHING
            case Special(name):
                return {"this": this, "index": Known(frozenset({"System.Integer"}), many=False)}.get(name, _ANYTHING)
            case Variable(name):
                return self._root if name == "context" else _ANYTHING
            case Member(target, name):
                return self._start(name, this) if target is None else self._child(self.infer(target, this), name)
            case Index(target, index):
                self.infer(index, this)
                items = self.infer(target, this)
                self._needs_order(items, "[ ]")
                return replace(items, many=False)
            case Sign(_, operand):
                return self.infer(operand, this)
            case TypeOperation(operator, operand, specifier):
                return self._type_operation(operator, self.infer(operand, this), specifier)
            case Binary(operator, left, right):
                return _binary(operator, self.infer(left, this), self.infer(right, this))
            case Call():
                return self._call(syntax, this)

    def _start(self, name: str, this: Known) -> Known:
        if not (name[:1].isupper() and name in _SCHEMA.definitions.types):
            # An invariant of a choice is stated once for all its types, primitives included.
            primitive = this is self._root and _all(this, lambda t: _SCHEMA.system_of[t] is not None)
            return _NOTHING if primitive and not _any_has(this, name) else self._child(this, name)
        if this.types is None:
            return Known(frozenset({name}), many=this.many)
        kept = {t for t in this.types if _SCHEMA.is_a(t, frozenset({name}))}
        narrowed = {name for t in this.types if t != name and _SCHEMA.is_a(name, frozenset({t}))}
        if not kept and not narrowed and self._strict:
            raise FhirPathTypeError(f"A path on {_names(this)} cannot start with {name}")
        return Known(frozenset(kept | narrowed), many=this.many)

    def _child(self, parent: Known, name: str) -> Known:
        if parent.types is None or any(t in ABSTRACT or t == "System.TypeInfo" for t in parent.types):
            return _ANYTHING
        branches = [branch for t in parent.types for branch in _SCHEMA.steps[t].get(name, ())]
        if parent.types and not branches:
            raise FhirPathTypeError(f"{_names(parent)} has no element {name}")
        many = parent.many or any(branch.is_array for branch in branches)
        return Known(frozenset(branch.type for branch in branches), many, parent.ordered)

    def _type_operation(self, operator: str, items: Known, specifier: TypeSpecifier) -> Known:
        wanted = _SCHEMA.resolve(specifier)
        return _BOOLEAN if operator == "is" else replace(items, types=wanted)

    def _needs_order(self, items: Known, what: str) -> None:
        if self._strict and not items.ordered:
            raise FhirPathTypeError(f"{what} needs a collection with an order")

    def _call(self, call: Call, this: Known) -> Known:
        items = self.infer(call.target, this) if call.target is not None else this
        if call.name in TYPE_FUNCTIONS:
            return self._type_operation(call.name, items, type_argument(call))
        if call.name == "sort":
            for key in call.arguments:
                self.infer(key, replace(items, many=False))
            return replace(items, ordered=True)
        function = FUNCTIONS[call.name]
        if function.takes is not None and _all(items, lambda t: _SCHEMA.system_of[t] != function.takes):
            raise FhirPathTypeError(f"{call.name} is not defined for {_names(items)}")
        if function.ordered:
            self._needs_order(items, call.name)
        inner = replace(items, many=False) if function.on_each else this
        arguments = [self.infer(argument, inner) for argument in call.arguments]
        return _result(call.name, items, arguments)


def _result(name: str, items: Known, arguments: list[Known]) -> Known:
    match name:
        case "iif":
            if _all(arguments[0], lambda t: _SCHEMA.system_of[t] != "System.Boolean"):
                raise FhirPathTypeError(f"The criterion of iif is no Boolean but {_names(arguments[0])}")
            return _either(arguments[1:])
        case "select":
            return replace(arguments[0], many=items.many or arguments[0].many)
        case "union" | "combine":
            return _either([items, *arguments])
        case "children" | "descendants" | "repeat":
            return Known(ordered=False)
    function = FUNCTIONS[name]
    many = items.many and not function.single
    if function.returns == SAME:
        return replace(items, many=many)
    types = frozenset({function.returns}) if function.returns is not None else None
    return Known(types, many or not function.single)


def _either(alternatives: Iterable[Known]) -> Known:
    types: frozenset[str] = frozenset()
    for known in alternatives:
        if known.types is None:
            return _ANYTHING
        types |= known.types
    return Known(types, ordered=False)


def _binary(operator: str, left: Known, right: Known) -> Known:
    if operator == "|":
        return _either([left, right])
    if operator in ("+", "-", "*", "/", "div", "mod"):
        return _arithmetic(operator, left, right)
    if operator == "&":
        return Known(frozenset({"System.String"}), many=False)
    return _BOOLEAN


def _arithmetic(operator: str, left: Known, right: Known) -> Known:
    if not left.types or not right.types:
        return _ANYTHING
    pairs = {(_SCHEMA.system_of[a], _SCHEMA.system_of[b]) for a in left.types for b in right.types}
    if not any(_defined(operator, a, b) for a, b in pairs):
        raise FhirPathTypeError(f"{operator} is not defined for {_names(left)} and {_names(right)}")
    return _ANYTHING


def _defined(operator: str, left: str | None, right: str | None) -> bool:
    if left in _NUMBERS and right in _NUMBERS:
        return True
    if operator in ("+", "-") and left in _TIMES:
        return right == "System.Quantity"
    if operator == "+" and left == right == "System.String":
        return True
    amounts = {*_NUMBERS, "System.Quantity"}
    return operator in ("+", "-", "*", "/") and left in amounts and right in amounts


def _all(known: Known, holds: Callable[[str], bool]) -> bool:
    """Whether something holds for all types a collection can have, and it can have some."""
    return bool(known.types) and all(holds(t) for t in known.types or ())


def _any_has(known: Known, name: str) -> bool:
    return any(name in _SCHEMA.steps[t] for t in known.types or ())


def _names(known: Known) -> str:
    return " or ".join(sorted(known.types or ())) or "nothing"
