"""batch: every entry on its own; and the entry point that tells batches from transactions.

https://hl7.org/fhir/R4/http.html#transaction
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from fhirhub.errors import Failure, FhirError, operation_outcome
from fhirhub.interactions.body import resource_of
from fhirhub.interactions.bundle import Entry, answered, render
from fhirhub.interactions.call import Call
from fhirhub.interactions.entries import BundleEntry, requests_of
from fhirhub.interactions.transaction import transaction
from fhirhub.model.json import Json, encode
from fhirhub.model.request import FhirRequest, FhirResponse

_log: Final = logging.getLogger("fhirhub.batch")


def system(request: FhirRequest, call: Call) -> FhirResponse:
    """Run the Bundle that was sent to the base URL."""
    bundle = resource_of(request, "Bundle")
    match bundle.get("type"):
        case "transaction":
            return transaction(bundle, request, call)
        case "batch":
            return batch(bundle, request, call)
        case other:
            raise FhirError(
                Failure.INVALID,
                f"The base URL takes Bundles of the type 'batch' or 'transaction', not {other!r}.",
                expression=["Bundle.type"],
            )


def batch(bundle: Json, request: FhirRequest, call: Call) -> FhirResponse:
    """Run a batch Bundle. Entries do not depend on each other, so several are worked on at a time."""

    def run(found: BundleEntry | FhirError) -> Entry:
        try:
            if isinstance(found, FhirError):
                raise found
            if not found.request.path and found.request.method not in {"GET", "HEAD"}:
                raise FhirError(Failure.INVALID, "A batch cannot contain a batch or transaction.")
            return answered(call.dispatch(found.request, call))
        except FhirError as error:
            failure = error
        except Exception:
            # The entries before this one are done; their answers must reach the client.
            _log.exception("request %s: a batch entry failed", request.request_id)
            failure = FhirError(Failure.INTERNAL, "The server failed on this entry; its log says why.")
        return answered(FhirResponse(failure.status, encode(operation_outcome(failure.issues))))

    with ThreadPoolExecutor(call.rules.batch_threads) as threads:
        rows = list(threads.map(run, requests_of(bundle, request, call)))
    return FhirResponse(200, render("batch-response", rows, bundle_id=call.new_id()))
