"""Dropping the parts of an expression that cannot find anything in a resource of a given type.

https://hl7.org/fhir/R4/searchparameter.html#notes. One expression serves several types: `Patient.x | Person.y`.
"""

from dataclasses import replace
from typing import Final

from fhirhub.fhirpath.schema import r4_schema
from fhirhub.fhirpath.syntax import Binary, Call, EmptyLiteral, Index, Member, Syntax, TypeOperation

_SCHEMA = r4_schema()
_EMPTY_OF_EMPTY: Final = frozenset({"where", "extension", "resolve", "as", "ofType", "first", "last", "distinct"})
"""Functions that make nothing of nothing, whatever their arguments."""


def prune(syntax: Syntax, context_type: str) -> Syntax:
    """Return what is left of an expression on values of `context_type`, where it means the same."""
    match syntax:
        case Member(None, name, position) if name[:1].isupper() and _never(name, context_type):
            return EmptyLiteral(position)
        case Member(target, _, position) | Index(target, _, position) if target is not None:
            return _replaced(syntax, target, prune(target, context_type), position)
        case Call(target, name, _, position) if target is not None:
            pruned = prune(target, context_type)
            if isinstance(pruned, EmptyLiteral) and name not in _EMPTY_OF_EMPTY:
                return replace(syntax, target=pruned)
            return _replaced(syntax, target, pruned, position)
        case TypeOperation("as", operand, _, position):
            pruned = prune(operand, context_type)
            return EmptyLiteral(position) if isinstance(pruned, EmptyLiteral) else replace(syntax, operand=pruned)
        case Binary("|", left, right, position):
            return _union(prune(left, context_type), prune(right, context_type), position)
    return syntax


def _never(name: str, context_type: str) -> bool:
    """Whether an item of `context_type` can never be a `name`."""
    if not _SCHEMA.is_resource(name):
        return False
    return not _SCHEMA.is_a(context_type, frozenset({name})) and not _SCHEMA.is_a(name, frozenset({context_type}))


def _replaced(syntax: Member | Index | Call, before: Syntax, after: Syntax, position: int) -> Syntax:
    if isinstance(after, EmptyLiteral):
        return EmptyLiteral(position)
    return syntax if after is before else replace(syntax, target=after)


def _union(left: Syntax, right: Syntax, position: int) -> Syntax:
    if isinstance(left, EmptyLiteral) or isinstance(right, EmptyLiteral):
        rest = right if isinstance(left, EmptyLiteral) else left
        # What is left is still the result of a union, in which nothing comes twice.
        is_distinct = isinstance(rest, EmptyLiteral) or (isinstance(rest, Call) and rest.name == "distinct")
        return rest if is_distinct else Call(rest, "distinct", (), position)
    return Binary("|", left, right, position)
