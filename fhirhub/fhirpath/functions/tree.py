"""Functions that walk the tree of elements, tell types, and read the clock.

http://hl7.org/fhirpath/N1/#tree-navigation, http://hl7.org/fhirpath/N1/#utility-functions
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fhirhub.fhirpath.functions.signature import Function, of_items, of_run
from fhirhub.fhirpath.node import Node, children, descendants
from fhirhub.fhirpath.scope import Run


def _children(run: Run, items: list[Node]) -> list[Node]:
    found = [below for node in items for below in children(node)]
    run.spend(len(found))
    return found


def _descendants(run: Run, items: list[Node]) -> list[Node]:
    found: list[Node] = []
    for node in items:
        below = list(descendants(node))
        run.spend(len(below))
        found += below
    return found


def _type(items: list[Node]) -> list[Node]:
    return [Node(_type_info(node.type), "System.TypeInfo") for node in items]


def _type_info(name: str) -> dict[str, str]:
    if name.startswith("System."):
        return {"namespace": "System", "name": name.removeprefix("System.")}
    return {"namespace": "FHIR", "name": name}


def _now(run: Run, items: list[Node]) -> list[Node]:
    return [Node(run.moment.isoformat(timespec="milliseconds"), "System.DateTime")]


def _today(run: Run, items: list[Node]) -> list[Node]:
    return [Node(run.moment.date().isoformat(), "System.Date")]


def _time_of_day(run: Run, items: list[Node]) -> list[Node]:
    return [Node(run.moment.time().isoformat(timespec="milliseconds"), "System.Time")]


TREE: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "children": Function(of_run(_children), single=False),
        "descendants": Function(of_run(_descendants), single=False),
        "type": Function(of_items(_type), returns="System.TypeInfo", single=False),
        "now": Function(of_run(_now), returns="System.DateTime"),
        "today": Function(of_run(_today), returns="System.Date"),
        "timeOfDay": Function(of_run(_time_of_day), returns="System.Time"),
    }
)
