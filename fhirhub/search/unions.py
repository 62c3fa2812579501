"""Parameters of R4 that find what several others find together: `combo-code` is `code` and `component-code`.

They have no index entries. Whoever searches or sorts by one asks those of the others, so that a value is indexed once:
of an Observation's entries they would be a quarter.

https://hl7.org/fhir/R4/observation.html#search
"""

from functools import cache
from typing import Final

from fhirhub.definitions import SearchParameter, r4
from fhirhub.search.components import components
from fhirhub.search.parameters import r4_parameters
from fhirhub.search.paths import branches

_KINDS: Final = frozenset({"token", "number", "quantity", "composite"})
"""Of other types there are operators, chains and orders that look for the entries of one parameter."""


@cache
def sources(parameter: SearchParameter, resource_type: str) -> tuple[SearchParameter, ...]:
    """Return the parameters whose index entries are those of `parameter`: itself, unless others find all it finds.

    What was added to R4 is never among them: it can be taken away again.
    """
    known = r4().search_parameters(resource_type)
    if parameter.type not in _KINDS or known.get(parameter.code) != parameter:
        return (parameter,)
    own = _finds(parameter, resource_type)
    narrower = [
        each for each in known.values() if each.type == parameter.type and set() < _finds(each, resource_type) < own
    ]
    if not narrower or own != frozenset().union(*(_finds(each, resource_type) for each in narrower)):
        return (parameter,)
    return tuple(dict.fromkeys(source for each in narrower for source in sources(each, resource_type)))


def is_union(parameter: SearchParameter, resource_type: str) -> bool:
    """Whether the values of a parameter are indexed as those of others alone."""
    return sources(parameter, resource_type) != (parameter,)


def _finds(parameter: SearchParameter, resource_type: str) -> frozenset[object]:
    """What a parameter finds: where, and in a composite, what of it."""
    parts: tuple[object, ...] = ()
    if parameter.type == "composite":
        found = components(parameter, resource_type, r4_parameters())
        if not found:
            return frozenset()
        parts = tuple((each.parameter.type, each.expression) for each in found)
    return frozenset((branch.expression, branch.only, parts) for branch in branches(parameter, resource_type))
