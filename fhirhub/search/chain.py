"""Chained parameters: what a resource refers to is searched by its own parameters.

https://hl7.org/fhir/R4/search.html#chaining
"""

from collections.abc import Callable
from functools import partial

from fhirhub.search.filter import Filter, Refers, any_of
from fhirhub.search.refusal import NotSearchableError, searchable
from fhirhub.search.result_parameters import nearest
from fhirhub.search.site import Site
from fhirhub.search.targets import some, targets

Inner = Callable[[str], Filter]
"""Reads what follows in a name, as one for a resource type."""


def chained(resource_type: str, link: str, rest: str, site: Site, inner: Inner) -> Filter:
    """Return the filter of `link.rest` for a type.

    Arguments:
        link: a reference parameter, `subject` or `subject:Patient`; without a type it leads to each type it can have.
        rest: what follows the full stop, to say what a type does not know.
        inner: reads it.

    Raises NotSearchableError: no such reference parameter or target type, or none of them knows the rest.
    """
    code, named, parameter_targets = reference(resource_type, link, site)
    if named is not None:
        return Refers(code, named, inner(named))
    found: list[Filter] = []
    first = rest.partition(".")[0].partition(":")[0]
    reasons: list[NotSearchableError] = []
    for target in parameter_targets:
        # Cheaper than to find out the nearest names of each of some 145 types.
        if not first.startswith("_") and first not in site.parameters.of(target):
            continue
        try:
            found.append(Refers(code, target, inner(target)))
        except NotSearchableError as error:
            reasons.append(error)
    if found:
        return any_of(found)
    if len(parameter_targets) == 1 and not reasons:
        searchable(parameter_targets[0], first, site)
    if len(reasons) == 1:
        raise reasons[0]

    def close() -> str:
        return nearest(first, sorted({name for target in parameter_targets for name in site.parameters.of(target)}))

    raise NotSearchableError(
        f"{code} refers to {some(parameter_targets)}, of which none can be searched by {rest!r}.", close
    )


def reference(resource_type: str, link: str, site: Site) -> tuple[str, str | None, tuple[str, ...]]:
    """Return the code of a reference parameter, the type it is narrowed to, and all types it can lead to."""
    code, colon, named = link.partition(":")
    parameter = searchable(resource_type, code, site)
    if parameter.type != "reference":
        raise NotSearchableError(
            f"{code} of {resource_type} is of type {parameter.type}; only references lead to other resources."
        )
    known = targets(parameter, resource_type)
    if colon and named not in known:
        raise NotSearchableError(
            f"{named!r} is none of the target types of {code} ({some(known)}).", partial(nearest, named, known)
        )
    return code, named or None, known
