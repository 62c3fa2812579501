"""What goes in and out of an interaction, whether it came over HTTP, from a bundle entry or from a plugin.

https://hl7.org/fhir/R4/http.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Literal

from fhirhub.model.agent import ANONYMOUS, Agent

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Return = Literal["minimal", "representation", "OperationOutcome"]
Handling = Literal["strict", "lenient"]
Within = Literal["batch", "transaction"]

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FhirRequest:
    """One request, already decoded.

    Arguments:
        method: the HTTP method, upper case.
        path: the segments below the base URL (`("Patient", "1", "_history", "2")`), percent-decoded.
        query: the parameters of the URL (and of a form body) in the order given, decoded.
        body: a resource (`dict`), a JSON Patch (`list`) or None.
        content_type: the media type of the body without parameters, lower case; FHIR JSON and XML bodies are both
            `application/fhir+json` here because both have become a `dict`.
        if_match, if_none_match, if_modified_since, if_none_exist: the conditional headers, as sent.
        prefer_return, handling: what the Prefer header asks for; None where it says nothing.
        source: the bytes of a JSON body, to say the line of an error; None for others.
        request_id: the id the logs carry.
        presentation: what of the URL says how the answer is written (`_format`, `_pretty`), for links to more of it.
        agent: who asks.
        within: the kind of Bundle it is an entry of; None: it stands for itself.
    """

    method: Method
    path: tuple[str, ...]
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    content_type: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_none_exist: str | None = None
    prefer_return: Return | None = None
    handling: Handling = "strict"
    source: bytes | None = None
    request_id: str = ""
    presentation: tuple[tuple[str, str], ...] = ()
    agent: Agent = ANONYMOUS
    within: Within | None = None

    def parameter(self, name: str) -> str | None:
        """Return the last value of a URL parameter, None where it is absent."""
        for key, value in reversed(self.query):
            if key == name:
                return value
        return None


@dataclass(frozen=True, slots=True)
class FhirResponse:
    """One response; `body` is the JSON of a resource (`None`: no content) until HTTP turns it into what was accepted.

    `version_id` and `last_updated` become ETag and Last-Modified, `location` is absolute.
    """

    status: int
    body: bytes | None = None
    version_id: str | None = None
    last_updated: datetime | None = None
    location: str | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS)
