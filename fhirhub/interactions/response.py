"""From a stored version to the response of a read or a write.

https://hl7.org/fhir/R4/http.html#ops, https://hl7.org/fhir/R4/http.html#versions
"""

from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime

from fhirhub.errors import Failure, FhirError, Issue, operation_outcome
from fhirhub.interactions.call import Call
from fhirhub.interactions.subset import subset
from fhirhub.model.json import encode
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.search.dates import date_range, microseconds
from fhirhub.store.stored import Stored


def entity_tag(stored: Stored) -> str:
    """Return the weak ETag of a version."""
    return f'W/"{stored.version}"'


def versions_of(tags: str) -> set[str]:
    """Return the version ids that a list of ETags names, weak or strong, quoted or bare; `*` stands for any."""
    return {tag.strip().removeprefix("W/").strip('"') for tag in tags.split(",")}


def found(stored: Stored, request: FhirRequest) -> FhirResponse:
    """Return a version as the answer of a read, or 304 when the client has it."""
    if stored.content is None:
        raise deleted(stored)
    if _client_has(stored, request):
        return FhirResponse(304, version_id=stored.version_id, last_updated=stored.last_updated)
    return FhirResponse(200, subset(stored, request), version_id=stored.version_id, last_updated=stored.last_updated)


def _client_has(stored: Stored, request: FhirRequest) -> bool:
    if request.if_none_match is not None:
        return not versions_of(request.if_none_match).isdisjoint({stored.version_id, "*"})
    if request.if_modified_since is None:
        return False
    # An entry of a Bundle has an instant, a header has an HTTP date in whole seconds.
    if (instant := date_range(request.if_modified_since, UTC)) is not None:
        return microseconds(stored.last_updated) < instant[1]
    try:
        since = parsedate_to_datetime(request.if_modified_since)
    except ValueError:
        # A date that is none is to be ignored: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.3
        return False
    return stored.last_updated - timedelta(seconds=1) < since.replace(tzinfo=since.tzinfo or UTC)


def not_found(resource_type: str, logical_id: str) -> FhirError:
    """Return the failure for a resource that does not exist."""
    return FhirError(Failure.NOT_FOUND, f"There is no {resource_type} with the id {logical_id!r}.")


def deleted(stored: Stored) -> FhirError:
    """Return the failure for a resource that is gone."""
    return FhirError(
        Failure.DELETED,
        f"{stored.resource_type}/{stored.logical_id} was deleted with version {stored.version}.",
        headers={"ETag": entity_tag(stored)},
    )


def written(stored: Stored, request: FhirRequest, call: Call, *, status: int) -> FhirResponse:
    """Return the answer of a write: headers always, the body as the Prefer header asks."""
    location = f"{call.base_url}/{stored.resource_type}/{stored.logical_id}/_history/{stored.version}"
    body: bytes | None
    if request.prefer_return == "minimal":
        body = None
    elif request.prefer_return == "OperationOutcome":
        verb = "created" if status == 201 else "stored"
        text = f"{stored.resource_type}/{stored.logical_id} {verb} as version {stored.version}."
        body = encode(operation_outcome([Issue("information", "informational", text)]))
    else:
        body = stored.content
    return FhirResponse(
        status,
        body,
        version_id=stored.version_id,
        last_updated=stored.last_updated,
        location=location,
    )


def check_if_match(request: FhirRequest, stored: Stored | None) -> None:
    """Refuse a write whose If-Match names another version than the current one.

    Raises:
        FhirError: 412, https://hl7.org/fhir/R4/http.html#concurrency.
    """
    if request.if_match is None:
        return
    wanted = versions_of(request.if_match)
    if "*" in wanted and stored is not None and not stored.is_deleted:
        return
    if stored is None or stored.version_id not in wanted:
        current = f"is version {stored.version}" if stored else "does not exist"
        named = " or ".join(map(repr, sorted(wanted)))
        raise FhirError(Failure.PRECONDITION_FAILED, f"If-Match asks for version {named}, but the resource {current}.")
