"""Plain paths as what they are: ways from a resource to values of one type each.

https://hl7.org/fhir/R4/searchparameter.html#notes. Nearly all of R4's search parameters are paths, casts of choices,
unions of such and simple filters; what is none of these has no routes and is left to the general evaluation.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from fhirhub.fhirpath.compiler import TYPE_FUNCTIONS, type_argument
from fhirhub.fhirpath.references import reference_type
from fhirhub.fhirpath.schema import r4_schema
from fhirhub.fhirpath.scope import Json
from fhirhub.fhirpath.syntax import (
    Binary,
    Call,
    EmptyLiteral,
    Index,
    Literal,
    Member,
    Syntax,
    TypeOperation,
    TypeSpecifier,
)

_SCHEMA = r4_schema()
_SYSTEM_OF = _SCHEMA.system_of


@dataclass(frozen=True, slots=True)
class Step:
    """To the values of a property."""

    key: str
    is_array: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """To the items that pass a test, which gets the item and the whole resource."""

    test: Callable[[Any, Json], bool]


@dataclass(frozen=True, slots=True)
class Pick:
    """To the item at a position."""

    index: int


Move = Step | Filter | Pick


@dataclass(frozen=True, slots=True)
class Route:
    """Moves from the resource to values of one type; without any, the resource itself."""

    type: str
    moves: tuple[Move, ...] = ()

    def then(self, move: Move, type_name: str | None = None) -> "Route":
        """Return the route that goes on with a move, to values of `type_name` when that changes."""
        return Route(type_name or self.type, (*self.moves, move))


@dataclass(frozen=True, slots=True)
class Plan:
    """All routes of an expression; `is_distinct` when values found twice count once."""

    routes: tuple[Route, ...]
    is_distinct: bool = False


def plan(syntax: Syntax, context_type: str) -> Plan | None:
    """Return the routes of an expression on resources of a type; None when it is no plain path."""
    try:
        return _plan(syntax, context_type)
    except _NotPlain:
        return None


class _NotPlain(Exception):
    """The expression needs the general evaluation."""


def _plan(syntax: Syntax, root: str) -> Plan:
    match syntax:
        case EmptyLiteral():
            return Plan(())
        case Member(None, name) if not name[:1].isupper():
            return _child(Plan((Route(root),)), name)
        case Member(None, name) if _SCHEMA.is_a(root, frozenset({name})):
            return Plan((Route(root),))
        case Member(target, name) if target is not None:
            return _child(_plan(target, root), name)
        case TypeOperation("as", operand, specifier):
            return _cast(_plan(operand, root), specifier)
        case Binary("|", left, right):
            return Plan((*_plan(left, root).routes, *_plan(right, root).routes), is_distinct=True)
        case Index(target, Literal(int() as index, "System.Integer")):
            return _picked(_plan(target, root), index)
        case Call(target, _, _) if target is not None:
            return _call(syntax, _plan(target, root))
    raise _NotPlain


def _child(found: Plan, name: str) -> Plan:
    if found.is_distinct:
        raise _NotPlain
    routes: list[Route] = []
    for route in found.routes:
        # Only the instance tells the type of a contained resource; extensions of primitives stand beside them.
        if route.type == "Resource" or _SYSTEM_OF[route.type] not in (None, "System.Quantity"):
            raise _NotPlain
        branches = _SCHEMA.steps[route.type].get(name, ())
        routes += [route.then(Step(branch.key, branch.is_array), branch.type) for branch in branches]
    return Plan(tuple(routes))


def _cast(found: Plan, specifier: TypeSpecifier) -> Plan:
    if any(route.type == "Resource" for route in found.routes):
        raise _NotPlain
    wanted = _SCHEMA.resolve(specifier)
    return replace(found, routes=tuple(route for route in found.routes if _SCHEMA.casts_to(route.type, wanted)))


def _picked(found: Plan, index: int) -> Plan:
    # The position counts the values of all routes together.
    if len(found.routes) != 1 or found.is_distinct:
        raise _NotPlain
    return Plan((found.routes[0].then(Pick(index)),))


def _call(call: Call, found: Plan) -> Plan:
    match call.name, call.arguments:
        case "distinct", ():
            return replace(found, is_distinct=True)
        case name, _ if name in TYPE_FUNCTIONS - {"is"}:
            # `as` takes one item: a path that can find several is left to the evaluation, which checks that.
            if name == "as" and any(isinstance(m, Step) and m.is_array for r in found.routes for m in r.moves):
                raise _NotPlain
            return _cast(found, type_argument(call))
        case "where", (criterion,):
            return replace(
                found, routes=tuple(route.then(Filter(_test(route.type, criterion))) for route in found.routes)
            )
        case "extension", (Literal(str() as url, "System.String"),):
            extensions = _child(found, "extension")
            return replace(
                extensions, routes=tuple(route.then(Filter(_equals("url", url))) for route in extensions.routes)
            )
    raise _NotPlain


def _test(type_name: str, criterion: Syntax) -> Callable[[Any, Json], bool]:
    match criterion:
        case Binary("=", Member(None, name), Literal(str() as value, "System.String")):
            branches = _SCHEMA.steps[type_name].get(name, ())
            if len(branches) == 1 and not branches[0].is_array and _SYSTEM_OF[branches[0].type] == "System.String":
                return _equals(branches[0].key, value)
        case TypeOperation("is", Call(None, "resolve", ()), specifier) if type_name == "Reference":
            return _resolves_to(_SCHEMA.resolve(specifier))
    raise _NotPlain


def _equals(key: str, value: str) -> Callable[[Any, Json], bool]:
    return lambda item, resource: item.get(key) == value


def _resolves_to(wanted: frozenset[str]) -> Callable[[Any, Json], bool]:
    def test(item: Any, resource: Json) -> bool:
        text = item.get("reference")
        named = reference_type(item, text)
        if named is None and isinstance(text, str) and text.startswith("#"):
            named = _contained_type(text[1:], resource)
        return named is not None and _SCHEMA.is_a(named, wanted)

    return test


def _contained_type(logical_id: str, resource: Json) -> str | None:
    if not logical_id:
        return str(resource.get("resourceType"))
    for contained in resource.get("contained", ()):
        if contained.get("id") == logical_id:
            return str(contained.get("resourceType"))
    return None
