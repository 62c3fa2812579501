"""From the parameters of a request to a search query.

https://hl7.org/fhir/R4/search.html#parameters, #errors
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.model.request import Handling
from fhirhub.search import result_parameters
from fhirhub.search.criterion import Criterion
from fhirhub.search.filter import Filter, all_of, leaves
from fhirhub.search.predicates import MODIFIERS, is_supported, predicate
from fhirhub.search.result_parameters import ResultParameters, SortKey, Summary, Total, nearest
from fhirhub.search.site import Site
from fhirhub.search.syntax import bad_value, too_costly

NOT_SUPPORTED: Final = (
    "_contained", "_containedType", "_content", "_filter", "_has", "_include", "_list", "_query", "_revinclude",
    "_score", "_text", "_type", "phonetic",
)  # fmt: skip
"""Parameters that stand for more than values of the resource, and have no support here yet."""

DEFAULT_COUNT: Final = 20
MAX_COUNT: Final = 1_000
MAX_COMPARISONS: Final = 10_000
"""Most comparisons of one search; a bare id of a reference with many target types takes one for each."""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search, understood.

    Arguments:
        filter: which resources match.
        sort: by what, () where the request does not say.
        count: entries per page: as the request says, but at most the maximum, or the default; 0 asks for a total only.
        total, summary, elements: as asked for; None or () where the request does not say.
        cursor: where the page starts, opaque here.
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
) -> SearchQuery:
    """Understand the parameters of a search of one type.

    Arguments:
        parameters: names and values, decoded from the URL and the form, in the order given.
        handling: `strict` refuses parameters that are unknown or not supported, `lenient` ignores them and says so.
        site: the server the search is for.
        default_count: the size of a page when the request names none.
        max_count: the largest page; a larger `_count` counts as this.

    Raises FhirError: everything else that is not understood or not supported: values, modifiers, repetitions.
    """
    filters: list[Filter] = []
    used: list[tuple[str, str]] = []
    ignored: list[Issue] = []
    comparisons = 0
    shape = ResultParameters(count=default_count)
    seen: set[str] = set()
    for name, value in parameters:
        if name in result_parameters.NAMES:
            if name in seen:
                raise bad_value(name, "stands more than once in the request.")
            seen.add(name)
            value = result_parameters.read(name, value, resource_type, max_count=max_count, into=shape)
        elif name not in result_parameters.PRESENTATION:
            if (reason := _refusal(resource_type, name, site)) is not None:
                ignored.append(_ignored(name, reason, handling))
                continue
            filters.append(predicate(_criterion(resource_type, name, value, site)))
            comparisons += leaves(filters[-1])
            if comparisons > MAX_COMPARISONS:
                raise too_costly(name, f"the search takes more than {MAX_COMPARISONS} comparisons; split it.")
        used.append((name, value))
    return SearchQuery(
        resource_type=resource_type,
        filter=all_of(filters),
        sort=shape.sort,
        count=shape.count,
        total=shape.total,
        summary=shape.summary,
        elements=shape.elements,
        cursor=shape.cursor,
        used=tuple(used),
        ignored=tuple(ignored),
    )


def _refusal(resource_type: str, name: str, site: Site) -> str | None:
    """Return why a parameter of this name cannot be searched by, None where it can."""
    code, _, modifier = name.partition(":")
    known = site.parameters.of(resource_type)
    parameter = known.get(code)
    if code.partition(".")[0] in known and ("." in code or "." in modifier):
        return "chained parameters are not supported yet."
    if code in NOT_SUPPORTED:
        return "it is not supported yet."
    if parameter is not None and parameter.type not in MODIFIERS:
        return f"parameters of type {parameter.type} are not supported yet."
    if parameter is None:
        supported = [each.code for each in known.values() if is_supported(each, resource_type)]
        close = nearest(code, [*supported, *result_parameters.NAMES])
        return f"{resource_type} has no such search parameter.{close}"
    if not is_supported(parameter, resource_type):
        return f"not supported: R4 does not say where its values stand in a {resource_type}."
    return None


def _ignored(name: str, reason: str, handling: Handling) -> Issue:
    """Return the warning of lenient handling; strict handling raises the error it stands for."""
    text, expression = f"Search parameter {name}: {reason}", (f"http.{name}",)
    if handling == "strict":
        raise FhirError(Failure.NOT_SUPPORTED, text, expression=expression)
    return Issue("warning", Failure.NOT_SUPPORTED.issue_code, f"{text} It was ignored.", expression)


def _criterion(resource_type: str, name: str, value: str, site: Site) -> Criterion:
    code, colon, modifier = name.partition(":")
    if colon and not modifier:
        raise bad_value(name, "a modifier is missing after the colon.")
    parameter = site.parameters.of(resource_type)[code]
    return Criterion(parameter, resource_type, modifier or None, value, site)
