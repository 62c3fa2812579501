"""Which pages of other origins may call the server.

https://hl7.org/fhir/R4/security.html#cors
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from fhirhub.http.request import ALLOW

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_EXPOSED: Final = (
    "Content-Length, Content-Location, ETag, Last-Modified, Location, Retry-After, X-Request-Id, X-Security-Context"
)
_ALLOWED: Final = (
    "Accept, Authorization, Content-Encoding, Content-Type, If-Match, If-Modified-Since, If-None-Exist, If-None-Match, "
    "Prefer, X-Request-Id, X-Requested-With, X-Security-Context"
)
_REMEMBERED_SECONDS: Final = "600"

Headers = list[tuple[str, str]]


class CrossOrigin:
    """The rule for other origins. `origins`: those allowed, as browsers write them; `*` is any.

    Credentials are never allowed: tokens travel in Authorization, which a page adds itself.
    """

    def __init__(self, origins: Collection[str]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origins)

    def headers(self, environ: "WSGIEnvironment") -> Headers:
        """What an answer carries."""
        allowed = self._allowed(environ)
        if allowed is None:
            return []
        return [("Access-Control-Allow-Origin", allowed), ("Access-Control-Expose-Headers", _EXPOSED)]

    def preflight(self, environ: "WSGIEnvironment") -> Headers:
        """What the answer to OPTIONS carries."""
        headers = [("Allow", ALLOW), ("Vary", "Origin"), *self.headers(environ)]
        if self._allowed(environ) is None:
            return headers
        return [
            *headers,
            ("Access-Control-Allow-Methods", ALLOW),
            ("Access-Control-Allow-Headers", _ALLOWED),
            ("Access-Control-Max-Age", _REMEMBERED_SECONDS),
        ]

    def _allowed(self, environ: "WSGIEnvironment") -> str | None:
        """What Access-Control-Allow-Origin says; None: nothing."""
        origin: str | None = environ.get("HTTP_ORIGIN")
        if origin is None:
            return None
        if self._any:
            return "*"
        return origin if origin in self._origins else None
