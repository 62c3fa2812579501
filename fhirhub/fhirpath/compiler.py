"""Syntax to closures: each node of the syntax becomes one function from a scope to a collection.

http://hl7.org/fhirpath/N1/#expressions
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fhirhub.fhirpath import operators
from fhirhub.fhirpath.constancy import is_constant
from fhirhub.fhirpath.errors import FhirPathTypeError
from fhirhub.fhirpath.functions import FUNCTIONS
from fhirhub.fhirpath.functions.filtering import sorted_by
from fhirhub.fhirpath.functions.subsetting import at
from fhirhub.fhirpath.node import Node, children_named
from fhirhub.fhirpath.references import resolves_to
from fhirhub.fhirpath.schema import r4_schema
from fhirhub.fhirpath.scope import Evaluator, Scope
from fhirhub.fhirpath.singleton import boolean
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
from fhirhub.fhirpath.variables import read_variable

_SCHEMA = r4_schema()
TYPE_FUNCTIONS: Final = frozenset({"is", "as", "ofType"})


@dataclass(frozen=True, slots=True)
class _References:
    """References whose targets' type is asked for."""

    evaluator: Evaluator


def compile_syntax(syntax: Syntax, *, looped: bool = False) -> Evaluator:
    """Return the evaluator of an expression.

    Arguments:
        looped: it is evaluated on each item of a collection, so that what is the same for all is found only once.

    Raises:
        FhirPathTypeError: an unknown function or type, or a wrong number of arguments.
    """
    if looped and isinstance(syntax, Member | Index | Call | Binary) and is_constant(syntax):
        return _once(compile_syntax(syntax))
    match syntax:
        case Literal(value, type_name):
            constant = [Node(value, type_name)]
            return lambda scope: constant
        case EmptyLiteral():
            nothing: list[Node] = []
            return lambda scope: nothing
        case Special(name):
            return _SPECIALS[name]
        case Variable(name):
            return lambda scope: read_variable(name, scope.run)
        case Member(target, name):
            return _step(name) if target is None else _child(compile_syntax(target, looped=looped), name)
        case Index(target, index):
            items, position = compile_syntax(target, looped=looped), compile_syntax(index, looped=looped)
            return lambda scope: at(items(scope), position(scope))
        case Sign(operator, operand):
            return operators.signed(operator, compile_syntax(operand, looped=looped))
        case Binary(operator, left, right):
            build = operators.BINARY[operator]
            return build(compile_syntax(left, looped=looped), compile_syntax(right, looped=looped))
        case TypeOperation(operator, operand, specifier):
            subject = _type_operand(operator, operand, looped)
            return _type_operation(operator, subject, _SCHEMA.resolve(specifier), lenient=True)
        case Call():
            return _call(syntax, looped)


def _this(scope: Scope) -> list[Node]:
    return scope.this


def _index(scope: Scope) -> list[Node]:
    return [Node(scope.index, "System.Integer")] if scope.index is not None else []


def _total(scope: Scope) -> list[Node]:
    return scope.total if scope.total is not None else []


_SPECIALS: Final[Mapping[str, Evaluator]] = MappingProxyType({"this": _this, "index": _index, "total": _total})


def _step(name: str) -> Evaluator:
    """Compile a name that starts a path: an element of the item at hand, or the type the item has to be of."""
    # No element of FHIR starts with a capital, and all types that can start a path do.
    if name[:1].isupper() and name in _SCHEMA.definitions.types:
        wanted = frozenset({name})
        return lambda scope: [node for node in scope.this if _SCHEMA.is_a(node.type, wanted)]
    return _child(_this, name)


def _child(target: Evaluator, name: str) -> Evaluator:
    def run(scope: Scope) -> list[Node]:
        out: list[Node] = []
        for node in target(scope):
            children_named(node, name, out)
        return out

    return run


def _once(evaluator: Evaluator) -> Evaluator:
    """Return an evaluator that finds a constant once in a run."""

    def run(scope: Scope) -> list[Node]:
        constants = scope.run.constants
        found = constants.get(run)
        if found is None:
            found = constants[run] = evaluator(scope)
        return found

    return run


def _call(call: Call, looped: bool) -> Evaluator:
    if call.name in TYPE_FUNCTIONS:
        subject = _type_operand(call.name, call.target or Special("this", call.position), looped)
        return _type_operation(call.name, subject, _SCHEMA.resolve(type_argument(call)), lenient=False)
    target = compile_syntax(call.target, looped=looped) if call.target is not None else _this
    if call.name == "sort":
        return sorted_by(target, tuple(_sort_key(argument) for argument in call.arguments) or ((_this, False),))
    function = FUNCTIONS.get(call.name)
    if function is None:
        raise FhirPathTypeError(f"There is no function {call.name}")
    if not function.minimum <= len(call.arguments) <= function.maximum:
        raise FhirPathTypeError(f"{call.name} does not take {len(call.arguments)} arguments")
    inner = looped or function.on_each
    return function.build(target, tuple(compile_syntax(argument, looped=inner) for argument in call.arguments))


def _sort_key(argument: Syntax) -> tuple[Evaluator, bool]:
    if isinstance(argument, Sign) and argument.operator == "-":
        return compile_syntax(argument.operand, looped=True), True
    return compile_syntax(argument, looped=True), False


def type_argument(call: Call) -> TypeSpecifier:
    """Return the type that `is`, `as` and `ofType` take as their argument.

    Raises:
        FhirPathTypeError: the argument is no type.
    """
    match call.arguments:
        case (Member(None, name),):
            return TypeSpecifier(None, name)
        case (Member(Member(None, namespace), name),):
            return TypeSpecifier(namespace, name)
    raise FhirPathTypeError(f"{call.name} takes the name of a type")


def _type_operand(operator: str, operand: Syntax, looped: bool) -> Evaluator | _References:
    """Compile what a type is asked of: for `resolve() is Type` the references, which mostly say it themselves."""
    if operator == "is" and isinstance(operand, Call) and operand.name == "resolve" and not operand.arguments:
        return _References(compile_syntax(operand.target, looped=looped) if operand.target is not None else _this)
    return compile_syntax(operand, looped=looped)


def _type_operation(
    operator: str, items: Evaluator | _References, wanted: frozenset[str], *, lenient: bool
) -> Evaluator:
    if isinstance(items, _References):
        return _resolves_to(items.evaluator, wanted)
    if operator == "is":
        return operators.is_type(items, lambda node: _SCHEMA.is_a(node.type, wanted))
    if operator == "ofType" or lenient:
        # Search parameters of R4 apply the operator `as` to collections (`Observation.component.value as Quantity`).
        return lambda scope: [node for node in items(scope) if _SCHEMA.casts_to(node.type, wanted)]
    return operators.cast(items, lambda node: _SCHEMA.casts_to(node.type, wanted))


def _resolves_to(target: Evaluator, wanted: frozenset[str]) -> Evaluator:
    def run(scope: Scope) -> list[Node]:
        answers = [resolves_to(node, wanted, scope.run) for node in target(scope)]
        known = [answer for answer in answers if answer is not None]
        return boolean(known[0]) if len(known) == 1 else operators.refuse_many(known)

    return run
