"""`_include` and `_revinclude`: what is to be returned besides the matches.

https://hl7.org/fhir/R4/search.html#include
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from fhirhub.definitions import SearchParameter, r4
from fhirhub.errors import FhirError
from fhirhub.search.refusal import NotSearchableError, searchable
from fhirhub.search.result_parameters import nearest
from fhirhub.search.site import Site
from fhirhub.search.syntax import bad_value
from fhirhub.search.targets import targets

NAMES: Final = ("_include", "_revinclude")

_ANY: Final = "*"
_ITERATE: Final = ("iterate", "recurse")


@dataclass(frozen=True, slots=True)
class Include:
    """References to follow.

    Arguments:
        source_type: the type that refers; None: every type.
        parameter: the code of the reference parameter; None: every one of the type.
        target_type: the only type of target that is wanted; None: every one.
        reverse: whether what refers is to be returned (`_revinclude`), and not what is referred to.
        iterate: whether it is about included resources, too, and not about the matches alone.
    """

    source_type: str | None
    parameter: str | None
    target_type: str | None
    reverse: bool
    iterate: bool


def is_include(name: str) -> bool:
    """Whether a parameter of the request is one of these, with or without modifier."""
    return name.partition(":")[0] in NAMES


def read(name: str, value: str, site: Site, *, matched: Collection[str]) -> Include:
    """Understand one parameter: `[source]:[parameter][:[target]]`, `[source]:*` or `*`.

    Arguments:
        matched: the types the search can find.

    Raises FhirError: a form, type, parameter or target that is not known, or one that could never have an effect.
    """
    code, colon, modifier = name.partition(":")
    if colon and modifier not in _ITERATE:
        raise bad_value(name, f"its only modifier is :iterate, not :{modifier}.{nearest(modifier, _ITERATE)}")
    reverse, iterate = code == "_revinclude", bool(colon)
    if value == _ANY:
        return Include(None, None, None, reverse, iterate)
    source, *rest = value.split(":")
    if len(rest) not in (1, 2) or not all(rest):
        raise bad_value(name, f"expected [type]:[reference parameter] or [type]:[parameter]:[target], not {value!r}.")
    _check_type(name, source)
    if not reverse and not iterate and source not in matched:
        raise bad_value(name, f"the matches are no {source}; {code}:iterate={value} is about what is included.")
    parameter = None if rest[0] == _ANY else _parameter(name, source, rest[0], site)
    target = rest[1] if len(rest) == 2 else None
    if target is not None:
        _check_type(name, target)
    reachable = _reachable(source, parameter, site)
    if target is not None and target not in reachable:
        close = nearest(target, reachable)
        raise bad_value(name, f"{source}:{rest[0]} never refers to {target}.{close}")
    if reverse and not iterate and not any(each in matched and target in (None, each) for each in reachable):
        raise bad_value(name, f"{value} never refers to {' or '.join(sorted(matched)[:8])}, of which the matches are.")
    return Include(source, parameter.code if parameter is not None else None, target, reverse, iterate)


def references(resource_type: str, site: Site) -> dict[str, SearchParameter]:
    """Return the reference parameters of a type by code."""
    return {code: each for code, each in site.parameters.of(resource_type).items() if each.type == "reference"}


def _reachable(source: str, parameter: SearchParameter | None, site: Site) -> tuple[str, ...]:
    if parameter is not None:
        return targets(parameter, source)
    found = (name for each in references(source, site).values() for name in targets(each, source))
    return tuple(dict.fromkeys(found))


def _check_type(name: str, resource_type: str) -> None:
    if not r4().is_resource_type(resource_type):
        close = nearest(resource_type, r4().resource_types)
        raise bad_value(name, f"there is no resource type {resource_type!r}.{close}")


def _parameter(name: str, source: str, code: str, site: Site) -> SearchParameter:
    if code not in references(source, site):
        raise _unknown(name, source, code, site)
    try:
        return searchable(source, code, site)
    except NotSearchableError as error:
        raise bad_value(name, f"{source}:{code}: {error}") from None


def _unknown(name: str, source: str, code: str, site: Site) -> FhirError:
    other = site.parameters.of(source).get(code)
    if other is not None:
        return bad_value(name, f"{code} of {source} is of type {other.type}; only references can be included.")
    close = nearest(code, tuple(references(source, site)))
    return bad_value(name, f"{source} has no reference parameter {code!r}.{close}")
