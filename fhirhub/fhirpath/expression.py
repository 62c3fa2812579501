"""Compiled expressions: what the rest of the server evaluates.

https://hl7.org/fhir/R4/fhirpath.html
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from fhirhub.fhirpath.compiler import compile_syntax
from fhirhub.fhirpath.errata import intended
from fhirhub.fhirpath.errors import FhirPathError, FhirPathSyntaxError
from fhirhub.fhirpath.node import Node, root_node
from fhirhub.fhirpath.parser import parse
from fhirhub.fhirpath.pruning import prune
from fhirhub.fhirpath.routes import plan
from fhirhub.fhirpath.scope import Evaluator, Json, Run, Scope, Terminology
from fhirhub.fhirpath.selection import Select, UnexpectedShapeError, selection
from fhirhub.fhirpath.singleton import truth
from fhirhub.fhirpath.static import check
from fhirhub.fhirpath.syntax import Syntax

_NO_VARIABLES: Final[Mapping[str, Any]] = MappingProxyType({})


class Expression:
    """An expression ready to be evaluated; immutable and shared by all threads."""

    __slots__ = ("_evaluator", "_plain", "context_type", "text")

    def __init__(self, text: str, context_type: str | None, syntax: Syntax) -> None:
        self.text = text
        self.context_type = context_type
        self._evaluator: Evaluator = compile_syntax(syntax)
        routes = plan(syntax, context_type) if context_type is not None else None
        self._plain: Select | None = selection(routes) if routes is not None else None

    @property
    def is_plain(self) -> bool:
        """Whether `select` has the fast way: the expression is a path, a cast, a simple filter or a union of such."""
        return self._plain is not None

    def __repr__(self) -> str:
        return f"Expression({self.text!r}, {self.context_type!r})"

    def evaluate(
        self,
        root: Json | Node,
        *,
        variables: Mapping[str, Any] = _NO_VARIABLES,
        resolver: Callable[[str], Json | None] | None = None,
        now: Callable[[], datetime] | None = None,
        terminology: Terminology | None = None,
        conforms: Callable[[Json, str], bool | None] | None = None,
        trace: Callable[[str, list[Node]], None] | None = None,
    ) -> list[Node]:
        """Return the items the expression finds, each with its place in the resource.

        Arguments:
            root: a resource, the JSON of `context_type`, or a node within a resource (whose resource is `%resource`).
            variables: values of `%name`; they come before those of the specification.
            resolver: finds a resource by its reference, for `resolve()`; contained ones and those of the same Bundle
                are found without it.
            now: the time of `now()`, `today()` and `timeOfDay()`; asked once an evaluation at most.
            terminology: answers `memberOf`, `subsumes` and `subsumedBy`; these fail without it.
            conforms: answers `conformsTo` for a resource and the canonical of a profile; without it only the types of
                the specification itself are known.
            trace: gets what `trace()` shows.

        Raises:
            FhirPathError: the expression cannot be evaluated on these values.
        """
        node = root if isinstance(root, Node) else root_node(root, self.context_type)
        # A copy: constants of the expression are shared.
        return list(self._found(Run(node, variables, resolver, now, terminology, conforms, trace)))

    def _found(self, run: Run) -> list[Node]:
        try:
            return self._evaluator(Scope(run, [run.context]))
        except RecursionError:
            raise FhirPathError("The expression or the resource nests too deep") from None

    def is_true(
        self,
        root: Json | Node,
        *,
        variables: Mapping[str, Any] = _NO_VARIABLES,
        resolver: Callable[[str], Json | None] | None = None,
        now: Callable[[], datetime] | None = None,
        terminology: Terminology | None = None,
        conforms: Callable[[Json, str], bool | None] | None = None,
        trace: Callable[[str, list[Node]], None] | None = None,
    ) -> bool | None:
        """Return the result as a truth value: None for an empty one, true for one item that is no Boolean.

        Arguments and errors are those of `evaluate`; more than one item is an error.
        """
        node = root if isinstance(root, Node) else root_node(root, self.context_type)
        nodes = self._found(Run(node, variables, resolver, now, terminology, conforms, trace))
        return truth(nodes, "A truth value")

    def select(self, resource: Json) -> list[tuple[str, Any]]:
        """Return (type, value) of the items that have a value: what `evaluate` finds, without the places, but faster.

        `resource` is of the context type. The values of a choice in a repeated element come sorted by type.

        Raises:
            FhirPathError: as `evaluate`.
        """
        if self._plain is not None:
            try:
                return self._plain(resource)
            except (UnexpectedShapeError, AttributeError, TypeError):
                # An object where a list belongs, or the like: nodes are built with more care.
                pass
        return [(node.type, node.value) for node in self.evaluate(resource) if node.value is not None]


MAX_CACHED: Final = 600
"""Expressions up to this many characters stay compiled; R4 has few longer ones, and clients can send any number."""


def compile_expression(text: str, context_type: str | None = None, *, strict: bool = False) -> Expression:
    """Return the expression `text`, compiled for values of `context_type`.

    With a context type the expression is checked against the definitions, and parts of a union that start with another
    resource type are dropped. `strict` makes such parts an error, and also picking by position where there is no order.

    Raises:
        FhirPathSyntaxError: `text` is no expression.
        FhirPathTypeError: an unknown function, type or element, or operands that cannot fit.
    """
    if len(text) <= MAX_CACHED:
        return _compiled(text, context_type, strict)
    return _compile(text, context_type, strict)


def _compile(text: str, context_type: str | None, strict: bool) -> Expression:
    try:
        syntax = parse(intended(text, context_type))
        if context_type is None:
            return Expression(text, None, syntax)
        expression = Expression(text, context_type, prune(syntax, context_type))
        check(syntax, context_type, strict=strict)
    except RecursionError:
        raise FhirPathSyntaxError("The expression nests too deep", 0) from None
    return expression


_compiled: Final = lru_cache(maxsize=8192)(_compile)
