"""From the parameters of a request to a search query.

https://hl7.org/fhir/R4/search.html#parameters, #errors
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fhirhub.errors import Issue
from fhirhub.model.request import Handling
from fhirhub.search import includes, result_parameters
from fhirhub.search.filter import Filter, all_of
from fhirhub.search.includes import Include
from fhirhub.search.refusal import NotSearchableError, ignored
from fhirhub.search.result_parameters import ResultParameters, SortKey, Summary, Total
from fhirhub.search.site import Site
from fhirhub.search.syntax import bad_value, too_costly
from fhirhub.search.terms import Terms

DEFAULT_COUNT: Final = 20
MAX_COUNT: Final = 1_000
MAX_IGNORED: Final = 50
"""Most parameters that are passed over: to find the nearest names of each takes its time."""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search, understood.

    Arguments:
        filter: which resources match.
        sort: by what, () where the request does not say.
        count: entries per page: as the request says, but at most the maximum, or the default; 0 asks for a total only.
        total, summary, elements: as asked for; None or () where the request does not say.
        cursor: where the page starts, opaque here.
        includes: what is to be returned besides the matches.
        used: the parameters and values that took effect, in the order given, for the self link.
        ignored: one warning for each parameter that had no effect (lenient handling only).
    """

    resource_type: str
    filter: Filter
    sort: tuple[SortKey, ...] = ()
    count: int = DEFAULT_COUNT
    total: Total | None = None
    summary: Summary | None = None
    elements: tuple[str, ...] = ()
    cursor: str | None = None
    includes: tuple[Include, ...] = ()
    used: tuple[tuple[str, str], ...] = ()
    ignored: tuple[Issue, ...] = ()


def parse(
    resource_type: str,
    parameters: Sequence[tuple[str, str]],
    *,
    handling: Handling,
    site: Site,
    default_count: int = DEFAULT_COUNT,
    max_count: int = MAX_COUNT,
    alone: bool = True,
) -> SearchQuery:
    """Understand the parameters of a search of one type.

    Arguments:
        parameters: names and values, decoded from the URL and the form, in the order given.
        handling: `strict` refuses parameters that are unknown or not supported, `lenient` ignores them and says so.
        site: the server the search is for.
        default_count: the size of a page when the request names none.
        max_count: the largest page; a larger `_count` counts as this.
        alone: whether no other type is searched at the same time.

    Raises FhirError: everything else that is not understood or not supported: values, modifiers, repetitions.
    """
    filters: list[Filter] = []
    included: dict[Include, None] = {}
    used: list[tuple[str, str]] = []
    passed_over: list[Issue] = []
    terms = Terms(site, alone=alone)
    shape = ResultParameters(count=default_count)
    seen: set[str] = set()
    for name, value in parameters:
        if name in result_parameters.NAMES:
            if name in seen:
                raise bad_value(name, "stands more than once in the request.")
            seen.add(name)
            value = result_parameters.read(
                name, value, resource_type, max_count=max_count, into=shape, parameters=site.parameters
            )
        elif includes.is_include(name):
            included[includes.read(name, value, site, matched=(resource_type,))] = None
        elif name not in result_parameters.PRESENTATION:
            try:
                filters.append(terms.read(resource_type, name, value))
            except NotSearchableError as error:
                if len(passed_over) == MAX_IGNORED:
                    raise too_costly(name, f"more than {MAX_IGNORED} parameters would have to be ignored.") from None
                passed_over.append(ignored(name, str(error), handling))
                continue
        used.append((name, value))
    if included and shape.summary == "text":
        raise bad_value("_summary", "text cannot be joined with _include or _revinclude.")
    return SearchQuery(
        resource_type=resource_type,
        filter=all_of(filters),
        sort=shape.sort,
        count=shape.count,
        total=shape.total,
        summary=shape.summary,
        elements=shape.elements,
        cursor=shape.cursor,
        includes=tuple(included),
        used=tuple(used),
        ignored=tuple(passed_over),
    )
