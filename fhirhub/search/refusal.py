"""Why a search parameter cannot be searched by, and saying so.

https://hl7.org/fhir/R4/search.html#errors
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

from fhirhub.definitions import SearchParameter, r4
from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.model.request import Handling
from fhirhub.search import text_query
from fhirhub.search.predicates import is_supported
from fhirhub.search.result_parameters import nearest
from fhirhub.search.site import Site


class NotSearchableError(Exception):
    """The name of a parameter stands for nothing here; strict handling refuses it, lenient handling passes it over.

    Arguments:
        reason: what is said.
        hint: gives the end of what is said. It is asked only when that is read: of a chain through many types, many
            fail and few are told of.
    """

    def __init__(self, reason: str, hint: Callable[[], str] = str) -> None:
        super().__init__(reason)
        self._hint = hint

    def __str__(self) -> str:
        return f"{self.args[0]}{self._hint()}"


def searchable(resource_type: str, code: str, site: Site, *, also: Collection[str] = ()) -> SearchParameter:
    """Return the parameter of a type that can be searched by.

    Arguments:
        also: further names the client may have meant.

    Raises NotSearchableError: it is unknown, not supported, or its index is still being made.
    """
    known = site.parameters.of(resource_type)
    parameter = known.get(code)
    if parameter is None:

        def close() -> str:
            supported = [each.code for each in known.values() if is_supported(each, resource_type, site.parameters)]
            return nearest(code, [*supported, *also])

        raise NotSearchableError(f"{resource_type} has no such search parameter.", close)
    if (resource_type, code) in site.parameters.building:
        percent = site.parameters.building[resource_type, code]
        raise NotSearchableError(
            f"its index for {resource_type} is still being made, {percent} % of it is; try again later."
        )
    if not is_supported(parameter, resource_type, site.parameters):
        raise NotSearchableError(f"not supported: R4 does not say where its values stand in a {resource_type}.")
    if code in text_query.CODES and not site.full_text:
        raise NotSearchableError("not supported: the words of resources are not indexed on this server.")
    return parameter


def known_type(name: str, problem: str) -> str:
    """Return the name of a resource type. Raises NotSearchableError with `problem` and the nearest names."""
    if not r4().is_resource_type(name):
        raise NotSearchableError(problem, partial(nearest, name, r4().resource_types))
    return name


def ignored(name: str, reason: str, handling: Handling) -> Issue:
    """Return the warning of lenient handling; strict handling raises the error it stands for."""
    text, expression = f"Search parameter {name}: {reason}", (f"http.{name}",)
    if handling == "strict":
        raise FhirError(Failure.NOT_SUPPORTED, text, expression=expression)
    return Issue("warning", Failure.NOT_SUPPORTED.issue_code, f"{text} It was ignored.", expression)


def about(name: str, error: FhirError, where: str = "") -> FhirError:
    """Return an error as one of the parameter the client wrote, of which another (the end of a chain) is a part.

    Arguments:
        where: which part, for parameters in which that is not plain to see.
    """
    return FhirError(
        error.failure, issues=[_about(name, issue, where) for issue in error.issues], headers=error.headers
    )


def _about(name: str, issue: Issue, where: str) -> Issue:
    head, colon, text = issue.diagnostics.partition(": ")
    text = text if colon and head.startswith("Search parameter ") else issue.diagnostics
    text = f"{where}: {text}" if where else text
    return replace(issue, diagnostics=f"Search parameter {name}: {text}", expression=(f"http.{name}",))
