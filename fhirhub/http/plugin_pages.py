"""The pages of plugins, beside the FHIR service: `/plugins/<plugin>/<path>`.

Their record is `fhirhub.plugin.Page`. https://hl7.org/fhir/R4/http.html says nothing of them.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final

from flask import Blueprint, Response, abort, request
from werkzeug.exceptions import MethodNotAllowed

from fhirhub.errors import FhirError
from fhirhub.http.response import SECURITY
from fhirhub.plugin import Hub, Page, PageRequest, PageResponse

PluginPages = Sequence[tuple[str, Page]]
"""Names of plugins with a page of theirs."""

# Nothing from elsewhere, and no script that stands in the page itself: a page shows what patients have written.
POLICY: Final = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"

_log: Final = logging.getLogger("fhirhub.http")


def create_plugin_pages(pages: PluginPages, hub_of: Callable[[str], Hub], *, max_bytes: int) -> Blueprint:
    """Build the pages of all plugins.

    Arguments:
        pages: what there is.
        hub_of: makes the hub of a request to a plugin's page, by the plugin's name.
        max_bytes: largest body of a request.
    """
    blueprint = Blueprint("plugins", __name__, url_prefix="/plugins")

    @blueprint.route("/<name>/", defaults={"path": ""}, methods=["GET", "POST"])
    @blueprint.route("/<name>/<path:path>", methods=["GET", "POST"])
    def answer(name: str, path: str) -> Response:
        page = _page(pages, name, path)
        if page is None:
            abort(404, f"There is no page at /plugins/{name}/{path}.")
        methods = (*page.methods, *(["HEAD"] if "GET" in page.methods else []))
        if request.method not in methods:
            raise MethodNotAllowed(valid_methods=methods)
        request.max_content_length = max_bytes
        below = path.removeprefix(page.path).strip("/")
        asked = PageRequest(
            method=request.method,
            path=below,
            query=tuple(request.args.items(multi=True)),
            form=tuple(request.form.items(multi=True)),
            body=request.get_data(),
            hub=hub_of(name),
        )
        try:
            return _response(page.answer(asked))
        except FhirError as error:
            abort(_response(PageResponse(str(error).encode(), error.status, "text/plain; charset=utf-8")))
        except Exception as error:
            # Whose page it was is what its author needs to know.
            _log.error("The page %r of the plugin %s failed.", page.path, name, exc_info=error)
            failed = PageResponse(b"This page failed; the log says why.", 500, "text/plain; charset=utf-8")
            return _response(failed)

    return blueprint


def _page(pages: PluginPages, name: str, path: str) -> Page | None:
    """Return the page of a path: the one whose own path is the longest beginning of it."""
    fitting = [page for plugin, page in pages if plugin == name and (path == page.path or _is_below(path, page.path))]
    return max(fitting, key=lambda page: len(page.path), default=None)


def _is_below(path: str, page: str) -> bool:
    return not page or path.startswith(f"{page}/")


def _response(made: PageResponse) -> Response:
    response = Response(made.body, made.status, content_type=made.media_type)
    response.headers.extend(SECURITY)
    response.headers["Content-Security-Policy"] = POLICY
    for name, value in made.headers.items():
        response.headers[name] = value
    return response
