"""What an expression is evaluated in: the run as a whole, and the item at hand.

http://hl7.org/fhirpath/N1/#environment-variables, https://hl7.org/fhir/R4/fhirpath.html#variables
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from fhirhub.fhirpath.errors import FhirPathError
from fhirhub.fhirpath.node import Node
from fhirhub.fhirpath.schema import r4_schema

Json = dict[str, Any]

MAX_WORK: Final = 1_000_000
"""The most items one evaluation goes through, a second or two: nested walks of a whole resource multiply."""


class Terminology(Protocol):
    """Answers what needs code systems and value sets; None means it cannot tell."""

    def member_of(self, coded: Json | str, type_name: str, value_set: str) -> bool | None:
        """Whether a code, Coding or CodeableConcept is in a value set."""

    def subsumes(self, general: Json, specific: Json) -> bool | None:
        """Whether one Coding is the other or an ancestor of it."""


@dataclass(slots=True)
class Run:
    """One evaluation: what it is given from outside.

    `conforms` says whether a resource conforms to a profile named by its canonical, None when it knows no such profile;
    `trace` gets what `trace()` is called with.
    """

    context: Node
    variables: Mapping[str, Any] = field(default_factory=dict)
    resolver: Callable[[str], Json | None] | None = None
    now: Callable[[], datetime] | None = None
    terminology: Terminology | None = None
    conforms: Callable[[Json, str], bool | None] | None = None
    trace: Callable[[str, list[Node]], None] | None = None
    constants: dict[object, list[Node]] = field(default_factory=dict)
    """What parts of the expression found that mean the same for every item."""
    _moment: datetime | None = None
    _work: int = 0

    @property
    def moment(self) -> datetime:
        """The time of the evaluation: the same however often it is asked."""
        if self._moment is None:
            moment = self.now() if self.now is not None else datetime.now(UTC)
            self._moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return self._moment

    def spend(self, items: int) -> None:
        """Count items that are gone through one by one.

        Raises:
            FhirPathError: they are more than `MAX_WORK` by now.
        """
        self._work += items
        if self._work > MAX_WORK:
            raise FhirPathError(f"The expression goes through more than {MAX_WORK} items")


@dataclass(slots=True)
class Scope:
    """The item at hand (`this`, a collection because `iif` can have an empty one), its index and the running total."""

    run: Run
    this: list[Node]
    index: int | None = None
    total: list[Node] | None = None


Evaluator = Callable[[Scope], list[Node]]
"""A compiled expression: reads the scope, returns a collection that nobody changes."""


def resource_of(node: Node) -> Node:
    """Return the resource a node stands in (`%resource`); the topmost node where there is none."""
    schema = r4_schema()
    while node.parent is not None and not schema.is_resource(node.type):
        node = node.parent
    return node


def root_resource_of(node: Node) -> Node:
    """Return the same, but for a contained resource the one that contains it (`%rootResource`)."""
    resource = resource_of(node)
    while resource.key == "contained" and resource.parent is not None:
        resource = resource_of(resource.parent)
    return resource
