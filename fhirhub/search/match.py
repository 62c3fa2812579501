"""Whether one resource fulfils a filter, decided from its index entries alone.

https://hl7.org/fhir/R4/search.html#combining
"""

from typing import assert_never

from fhirhub.search.filter import (
    All,
    And,
    DateIs,
    Filter,
    IdIn,
    Not,
    Nothing,
    Or,
    TokenIs,
    TokenStartsWith,
    Updated,
)
from fhirhub.search.values import DateEntry, IndexEntries


def matches(filter: Filter, *, logical_id: str, updated: int, entries: IndexEntries) -> bool:
    """Return whether the resource is found.

    Arguments:
        logical_id: its logical id.
        updated: its `meta.lastUpdated` in microseconds since 1970 UTC, whole milliseconds as the store keeps them.
        entries: what `extract` found in it.
    """

    def fulfilled(node: Filter) -> bool:
        match node:
            case All():
                return True
            case Nothing():
                return False
            case And(parts):
                return all(map(fulfilled, parts))
            case Or(parts):
                return any(map(fulfilled, parts))
            case Not(part):
                return not fulfilled(part)
            case TokenIs(key):
                return key in entries.tokens
            case TokenStartsWith(prefix):
                return any(token.startswith(prefix) for token in entries.tokens)
            case DateIs():
                return any(_covers(node, entry) for entry in entries.dates)
            case IdIn(ids):
                return logical_id in ids
            case Updated(low, high):
                return (low is None or updated >= low) and (high is None or updated < high)
            case _:
                assert_never(node)

    return fulfilled(filter)


def _covers(node: DateIs, entry: DateEntry) -> bool:
    return (
        entry.parameter == node.parameter
        and (node.low_at_least is None or entry.low >= node.low_at_least)
        and (node.low_below is None or entry.low < node.low_below)
        and (node.high_at_most is None or entry.high <= node.high_at_most)
        and (node.high_above is None or entry.high > node.high_above)
    )
