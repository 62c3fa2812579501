"""dispatch: from a request to its interaction, with the checks that are the same for all.

https://hl7.org/fhir/R4/http.html#general
"""

from collections import defaultdict
from dataclasses import replace
from typing import Final

from fhirhub.errors import Failure, FhirError
from fhirhub.interactions.body import check_id, check_type
from fhirhub.interactions.call import Call
from fhirhub.interactions.checkpoints import guarded
from fhirhub.interactions.conditional import conditional, is_conditional
from fhirhub.interactions.route import ID, MEMBER, TYPE, VERSION, Route
from fhirhub.interactions.routes import OPERATIONS, ROUTES
from fhirhub.model.request import FhirRequest, FhirResponse

_Shape = tuple[str, ...]


def _table() -> dict[_Shape, dict[str, Route]]:
    table: dict[_Shape, dict[str, Route]] = defaultdict(dict)
    for route in ROUTES:
        table[route.path][route.method] = route
    return dict(table)


_TABLE: Final = _table()
_WORDS: Final = frozenset(
    (index, step) for route in ROUTES for index, step in enumerate(route.path) if not step.startswith("[")
)
_PLACES: Final = {0: TYPE, 1: ID, 2: MEMBER, 3: VERSION}


def dispatch(request: FhirRequest, call: Call) -> FhirResponse:
    """Run the interaction a request asks for.

    Raises:
        FhirError: whatever keeps it from being answered.
    """
    route = find_route(request)
    if route.path[:1] == (TYPE,):
        check_type(request.path[0])
    if route.path[1:2] == (ID,):
        check_id(request.path[1])
    if route.interaction.startswith("search-") and request.body is not None:
        # Only an entry of a Bundle has one here: of a form HTTP has made parameters.
        raise FhirError(Failure.INVALID, "A search in a Bundle has its parameters in its URL and no resource.")
    request = _check_parameters(request, route)
    # If-None-Exist makes a create conditional; the URL stays the same.
    handler = conditional if is_conditional(request) else route.handler
    response = guarded(request, call, route.interaction, lambda: handler(request, call))
    return replace(response, body=None) if request.method == "HEAD" else response


def find_route(request: FhirRequest) -> Route:
    """Return the row of the table for a request.

    Raises:
        FhirError: 404 for a path that leads nowhere, 405 for a method the path does not take.
    """
    methods = _TABLE.get(_shape(request.path))
    if methods is None:
        if request.path[-1].startswith("$") and len(request.path) in OPERATIONS:
            return OPERATIONS[len(request.path)]
        raise FhirError(Failure.NOT_FOUND, f"There is nothing at {'/'.join(request.path)!r}.")
    route = methods.get("GET" if request.method == "HEAD" else request.method)
    if route is None:
        allowed = ", ".join(sorted(methods) + (["HEAD"] if "GET" in methods else []))
        where = "/".join(request.path) or "the base URL"
        raise FhirError(
            Failure.METHOD_NOT_ALLOWED, f"{where} does not take {request.method}.", headers={"Allow": allowed}
        )
    return route


def _shape(path: tuple[str, ...]) -> _Shape:
    return tuple(
        step if (index, step) in _WORDS or step.startswith("$") else _PLACES.get(index, step)
        for index, step in enumerate(path)
    )


def _check_parameters(request: FhirRequest, route: Route) -> FhirRequest:
    known = route.parameters
    if known is None or not request.query:
        return request
    unknown = [name for name, _ in request.query if name not in known]
    if not unknown:
        return request
    if request.handling == "lenient":
        return replace(request, query=tuple(pair for pair in request.query if pair[0] in known))
    listed = f"It knows {', '.join(sorted(known))}." if known else "It takes none."
    called = route.path[-1] if route.interaction == "operation" else route.interaction
    raise FhirError(
        Failure.NOT_SUPPORTED,
        f"{called} does not know the parameter {unknown[0]!r}. {listed}",
        expression=[f"http.{unknown[0]}"],
    )
