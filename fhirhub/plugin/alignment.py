"""How one list becomes another one: what is deleted, moved, inserted, and changed in its place.

https://hl7.org/fhir/R4/fhirpatch.html#concept
"""

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Move:
    """An item taken out at `source` and put in at `destination` of what is left."""

    source: int
    destination: int


@dataclass(frozen=True, slots=True)
class Alignment:
    """The steps, in their order.

    Arguments:
        kept: whether an item of the first list stays, changed or not.
        deleted: indexes in the first list.
        arranged: what follows: moves, and indexes in the second list of what is inserted there.
        changed: pairs of an index in the second list and one in the first: at last, the one there becomes the other.
    """

    kept: bool
    deleted: tuple[int, ...]
    arranged: tuple[Move | int, ...]
    changed: tuple[tuple[int, int], ...]


def aligned(before: Sequence[bytes], after: Sequence[bytes]) -> Alignment:
    """Return how a list becomes another one: equal items stay, as few as possible of them move.

    Arguments:
        before, after: what is the same for equal items only.
    """
    source = _equal(before, after)
    changed = _paired(before, after, source)
    stay = source | dict(changed)
    # By index in the first list, the one in the second.
    target = {old: new for new, old in stay.items()}
    order = [target[old] for old in sorted(target)]
    arranged: list[Move | int] = list(_moves(order))
    arranged += [index for index in range(len(after)) if index not in stay]
    deleted = tuple(index for index in range(len(before)) if index not in target)
    return Alignment(bool(stay), deleted, tuple(arranged), changed)


def _equal(before: Sequence[bytes], after: Sequence[bytes]) -> dict[int, int]:
    """By index in the second list, an equal item of the first: the same one where it is, else the first unused."""
    waiting: dict[bytes, deque[int]] = defaultdict(deque)
    found: dict[int, int] = {}
    for index, form in enumerate(before):
        if index < len(after) and after[index] == form:
            found[index] = index
        else:
            waiting[form].append(index)
    for index, form in enumerate(after):
        if index not in found and waiting[form]:
            found[index] = waiting[form].popleft()
    return found


def _paired(before: Sequence[bytes], after: Sequence[bytes], source: dict[int, int]) -> tuple[tuple[int, int], ...]:
    """What is left of both lists, pairwise in their order: the items that change."""
    used = set(source.values())
    old = [index for index in range(len(before)) if index not in used]
    new = [index for index in range(len(after)) if index not in source]
    return tuple(zip(new, old, strict=False))


def _moves(order: list[int]) -> list[Move]:
    """Return the moves that sort a list of different numbers; those of a longest increasing run stay."""
    stay = _increasing(order)
    placed = sorted(stay)
    current = list(order)
    moves: list[Move] = []
    for number in sorted(set(order) - stay):
        place = current.index(number)
        current.pop(place)
        rank = bisect_left(placed, number)
        to = current.index(placed[rank - 1]) + 1 if rank else 0
        current.insert(to, number)
        placed.insert(rank, number)
        if place != to:
            moves.append(Move(place, to))
    return moves


def _increasing(numbers: Sequence[int]) -> set[int]:
    """Return the members of a longest increasing subsequence."""
    ends: list[int] = []
    previous: dict[int, int | None] = {}
    for number in numbers:
        place = bisect_left(ends, number)
        previous[number] = ends[place - 1] if place else None
        ends[place : place + 1] = [number]
    found: set[int] = set()
    last = ends[-1] if ends else None
    while last is not None:
        found.add(last)
        last = previous[last]
    return found
