"""What a function of FHIRPath is to the compiler, and how plain Python becomes one.

http://hl7.org/fhirpath/N1/#functions
"""

from collections.abc import Callable
from dataclasses import dataclass

from fhirhub.fhirpath.node import Node
from fhirhub.fhirpath.scope import Evaluator, Scope

Builder = Callable[[Evaluator, tuple[Evaluator, ...]], Evaluator]
"""Makes the evaluator of a call from those of its input and its arguments."""

SAME = "same"
"""The result has the types of the input."""


@dataclass(frozen=True, slots=True)
class Function:
    """How to build a call, how many arguments it takes, and what is known of it before it runs.

    `returns` is the type of the result: a type name, `SAME`, or None where it depends on the data.
    `takes` is the System type the input has to be of, None for any. `on_each` says that arguments are evaluated on each
    item of the input; otherwise on what the whole call stands in. `ordered` functions need an input with an order.
    """

    build: Builder
    minimum: int = 0
    maximum: int = 0
    returns: str | None = None
    takes: str | None = None
    on_each: bool = False
    ordered: bool = False
    single: bool = True
    """Whether the result is at most one item."""


def of_items(function: Callable[[list[Node]], list[Node]]) -> Builder:
    """Make a function of the input alone."""

    def build(target: Evaluator, arguments: tuple[Evaluator, ...]) -> Evaluator:
        return lambda scope: function(target(scope))

    return build


def of_values(function: Callable[..., list[Node]]) -> Builder:
    """Make a function of the input and the values of its arguments, which are evaluated where the call stands."""

    def build(target: Evaluator, arguments: tuple[Evaluator, ...]) -> Evaluator:
        if len(arguments) == 1:
            argument = arguments[0]
            return lambda scope: function(target(scope), argument(scope))
        return lambda scope: function(target(scope), *[argument(scope) for argument in arguments])

    return build


def of_run(function: Callable[..., list[Node]]) -> Builder:
    """Make a function that also needs the run: `function(run, input, *arguments)`."""

    def build(target: Evaluator, arguments: tuple[Evaluator, ...]) -> Evaluator:
        return lambda scope: function(scope.run, target(scope), *[argument(scope) for argument in arguments])

    return build


def each(scope: Scope, items: list[Node]) -> list[Scope]:
    """Return the scope of each item."""
    run, total = scope.run, scope.total
    run.spend(len(items))
    return [Scope(run, [node], index, total) for index, node in enumerate(items)]
