"""The composition root of a web worker: the hub behind HTTP.

https://hl7.org/fhir/R4/http.html, docs/architecture.md
"""

import gc
from collections.abc import Callable, Iterable
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from fhirhub.http.application import create_flask_app
from fhirhub.http.logs import RequestLog
from fhirhub.http.metrics import RequestMetrics
from fhirhub.http.negotiation import Offers
from fhirhub.hub import open_hub
from fhirhub.interactions.openapi import openapi
from fhirhub.interactions.routes import ROUTES
from fhirhub.model.agent import ANONYMOUS
from fhirhub.settings import Settings
from fhirhub.store.reindex import Pace
from fhirhub.worker.metrics import Installation
from fhirhub.worker.process import pace_of

WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_COLLECT_AFTER = (100_000, 20, 50)


def web_application(settings: Settings, metrics_folder: Path) -> WsgiApplication:
    """Build the WSGI application of one web worker.

    Arguments:
        metrics_folder: shared by the workers, so that any of them can answer `/metrics` for all.
    """
    hub = open_hub(settings)
    reindexer = hub.reindexer(Pace(pause_share=settings.reindex_pause))

    def end() -> None:
        reindexer.stop()
        hub.close()

    # Granian's worker comes back to multiprocessing when it ends, which does this then.
    Finalize(None, end, exitpriority=1)
    hub.start()
    pages = [(plugin, page) for plugin, found in hub.hooks.call("fhirhub_register_pages") for page in found or ()]
    owners = {plugin.name: plugin for plugin, _ in pages}
    reindexer.start()
    # A Bundle makes a million short-lived objects without a cycle: looking for cycles that often finds nothing.
    gc.set_threshold(*_COLLECT_AFTER)
    return create_flask_app(
        hub.answer,
        base_url=settings.public_url,
        max_request_bytes=settings.max_request_bytes,
        cors_origins=settings.cors_origins,
        ready=hub.database.unavailable,
        metrics=RequestMetrics(metrics_folder, Installation(hub, pace_of(settings))),
        log=RequestLog(settings.log_level, settings.log_format),
        pages=[(plugin.name, page) for plugin, page in pages],
        page_hub=lambda name: hub.hub_for(ANONYMOUS, owners[name]),
        offers=Offers(hub.call.formats),
        openapi=lambda: openapi(ROUTES, hub.call.site, hub.call.operations),
    )
