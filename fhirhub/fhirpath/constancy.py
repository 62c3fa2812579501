"""Which parts of an expression mean the same wherever they stand: variables, literals and what is made of these alone.

http://hl7.org/fhirpath/N1/#environment-variables
"""

from typing import Final

from fhirhub.fhirpath.functions import FUNCTIONS
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
    Variable,
)

_SHOWS: Final = "trace"
"""Called once for each item, it has to be heard as often."""


def is_constant(syntax: Syntax) -> bool:
    """Whether an expression finds the same in each item of a collection."""
    match syntax:
        case Literal() | EmptyLiteral() | Variable():
            return True
        case Special() | Member(None):
            return False
        case Member(target) if target is not None:
            return is_constant(target)
        case Index(target, index):
            return is_constant(target) and is_constant(index)
        case Sign(_, operand) | TypeOperation(_, operand):
            return is_constant(operand)
        case Binary(_, left, right):
            return is_constant(left) and is_constant(right)
        case Call(target, name, arguments) if target is not None and name != _SHOWS and is_constant(target):
            function = FUNCTIONS.get(name)
            if function is None:
                return False
            if function.on_each:
                # The arguments stand in the items of the constant itself, but can still ask for a total outside.
                return not any(_is_open(argument) for argument in arguments)
            return all(is_constant(argument) for argument in arguments)
    return False


def _is_open(syntax: Syntax) -> bool:
    """Whether an expression within an argument looks further out than its item, or shows something."""
    match syntax:
        case Special(name):
            return name == "total"
        case Member(target):
            return target is not None and _is_open(target)
        case Index(target, index):
            return _is_open(target) or _is_open(index)
        case Sign(_, operand) | TypeOperation(_, operand):
            return _is_open(operand)
        case Binary(_, left, right):
            return _is_open(left) or _is_open(right)
        case Call(target, name, arguments):
            inside = arguments if target is None else (target, *arguments)
            return name == _SHOWS or any(_is_open(part) for part in inside)
    return False
