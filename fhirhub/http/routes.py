"""The shape of a URL without its types, ids and names: few enough to count requests by.

https://hl7.org/fhir/R4/http.html#3.1.0.1
"""

from typing import Final

OTHER: Final = "other"

ROUTES: Final = (
    "/",
    "/metadata",
    "/_history",
    "/_search",
    "/$operation",
    "/{type}",
    "/{type}/_search",
    "/{type}/_history",
    "/{type}/$operation",
    "/{type}/{id}",
    "/{type}/{id}/_history",
    "/{type}/{id}/_history/{vid}",
    "/{type}/{id}/$operation",
    "/{type}/{id}/{type}",
    "/{type}/{id}/{type}/_search",
    OTHER,
)


def route_of(path: tuple[str, ...]) -> str:
    """The one of `ROUTES` that has the shape of `path`; nothing a client chooses gets into it."""
    match path:
        case ():
            return "/"
        case ("metadata" | "_history" | "_search" as name,):
            return f"/{name}"
        case (name,):
            return "/$operation" if name.startswith("$") else "/{type}"
        case (_, "_search" | "_history" as name):
            return "/{type}/" + name
        case (_, name):
            return "/{type}/$operation" if name.startswith("$") else "/{type}/{id}"
        case (_, _, "_history"):
            return "/{type}/{id}/_history"
        case (_, _, name):
            return "/{type}/{id}/$operation" if name.startswith("$") else "/{type}/{id}/{type}"
        case (_, _, "_history", _):
            return "/{type}/{id}/_history/{vid}"
        case (_, _, _, "_search"):
            return "/{type}/{id}/{type}/_search"
        case _:
            return OTHER
