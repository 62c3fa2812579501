"""The abstract syntax of FHIRPath.

http://hl7.org/fhirpath/N1/#grammar
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the expression; `type` is its System type."""

    value: Any
    type: str
    position: int


@dataclass(frozen=True, slots=True)
class EmptyLiteral:
    """`{}`."""

    position: int


@dataclass(frozen=True, slots=True)
class Special:
    """`$this`, `$index` or `$total` (without the dollar)."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Variable:
    """`%name`, %`name` or %'name'."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Member:
    """`target.name`; `target` is None for a name that starts a path."""

    target: "Syntax | None"
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """`target.name(arguments)`; `target` is None for a call that starts a path."""

    target: "Syntax | None"
    name: str
    arguments: "tuple[Syntax, ...]"
    position: int


@dataclass(frozen=True, slots=True)
class Index:
    """`target[index]`."""

    target: "Syntax"
    index: "Syntax"
    position: int


@dataclass(frozen=True, slots=True)
class Sign:
    """`+operand` or `-operand`."""

    operator: str
    operand: "Syntax"
    position: int


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and any operator that takes no type."""

    operator: str
    left: "Syntax"
    right: "Syntax"
    position: int


@dataclass(frozen=True, slots=True)
class TypeSpecifier:
    """`[namespace.]name`."""

    namespace: str | None
    name: str


@dataclass(frozen=True, slots=True)
class TypeOperation:
    """`operand is type` or `operand as type`."""

    operator: str
    operand: "Syntax"
    type: TypeSpecifier
    position: int


Syntax = Literal | EmptyLiteral | Special | Variable | Member | Call | Index | Sign | Binary | TypeOperation
