"""Functions that pick items by position and combine collections.

http://hl7.org/fhirpath/N1/#subsetting, http://hl7.org/fhirpath/N1/#combining
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fhirhub.fhirpath.equality import ItemSet, distinct
from fhirhub.fhirpath.errors import FhirPathError
from fhirhub.fhirpath.functions.signature import SAME, Function, of_items, of_run, of_values
from fhirhub.fhirpath.node import Node
from fhirhub.fhirpath.scope import Run
from fhirhub.fhirpath.singleton import typed


def at(items: list[Node], position: list[Node]) -> list[Node]:
    """Return the item at a position counted from 0, as a collection."""
    index = typed(position, "System.Integer", "An index")
    return items[index : index + 1] if index is not None and index >= 0 else []


def _single(items: list[Node]) -> list[Node]:
    if len(items) > 1:
        raise FhirPathError(f"single found {len(items)} items")
    return items


def _skip(items: list[Node], number: list[Node]) -> list[Node]:
    count = typed(number, "System.Integer", "skip")
    return items[max(count, 0) :] if count is not None else []


def _take(items: list[Node], number: list[Node]) -> list[Node]:
    count = typed(number, "System.Integer", "take")
    return items[: max(count, 0)] if count is not None else []


def _intersect(items: list[Node], others: list[Node]) -> list[Node]:
    wanted = ItemSet(others)
    return distinct(node for node in items if node in wanted)


def _exclude(items: list[Node], others: list[Node]) -> list[Node]:
    unwanted = ItemSet(others)
    return [node for node in items if node not in unwanted]


def _combine(run: Run, items: list[Node], others: list[Node]) -> list[Node]:
    run.spend(len(items) + len(others))
    return [*items, *others]


def union(run: Run, items: list[Node], others: list[Node]) -> list[Node]:
    """Return the items of both collections without repetition."""
    return distinct(_combine(run, items, others))


SUBSETTING: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "single": Function(of_items(_single), returns=SAME),
        "first": Function(of_items(lambda items: items[:1]), returns=SAME, ordered=True),
        "last": Function(of_items(lambda items: items[-1:]), returns=SAME, ordered=True),
        "tail": Function(of_items(lambda items: items[1:]), returns=SAME, ordered=True, single=False),
        "skip": Function(of_values(_skip), 1, 1, returns=SAME, ordered=True, single=False),
        "take": Function(of_values(_take), 1, 1, returns=SAME, ordered=True, single=False),
        "intersect": Function(of_values(_intersect), 1, 1, returns=SAME, single=False),
        "exclude": Function(of_values(_exclude), 1, 1, returns=SAME, single=False),
        "union": Function(of_run(union), 1, 1, single=False),
        "combine": Function(of_run(_combine), 1, 1, single=False),
    }
)
