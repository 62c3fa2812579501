"""The entries of a batch or transaction as requests.

https://hl7.org/fhir/R4/http.html#transaction, https://hl7.org/fhir/R4/bundle.html#Bundle.entry.request
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, cast
from urllib.parse import unquote

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError
from fhirhub.interactions.call import Call
from fhirhub.model.json import Json, decode
from fhirhub.model.request import FhirRequest, Method, Within
from fhirhub.model.url import parse_query
from fhirhub.search.result_parameters import PRESENTATION

FHIR_JSON: Final = "application/fhir+json"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


@dataclass(slots=True)
class BundleEntry:
    """One entry: where it stands, what it may be referred to by, and the request it makes."""

    index: int
    full_url: str | None
    request: FhirRequest

    @property
    def path(self) -> str:
        """The FHIRPath of the entry."""
        return f"Bundle.entry[{self.index}]"


def requests_of(bundle: Json, request: FhirRequest, call: Call) -> Iterator[BundleEntry | FhirError]:
    """Yield each entry, or what is wrong with it.

    Raises:
        FhirError: the Bundle as a whole is wrong.
    """
    _check_names(bundle, "Bundle", "Bundle")
    rows = bundle.get("entry", [])
    if not isinstance(rows, list):
        raise FhirError(Failure.MALFORMED, "Bundle.entry must be an array.", expression=["Bundle.entry"])
    if len(rows) > call.rules.max_bundle_entries:
        raise FhirError(
            Failure.TOO_LARGE, f"The Bundle has {len(rows)} entries; at most {call.rules.max_bundle_entries} are taken."
        )
    within: Within = "transaction" if bundle.get("type") == "transaction" else "batch"
    for index, row in enumerate(rows):
        try:
            yield _entry(index, row, request, call, within)
        except FhirError as error:
            yield error


def _entry(index: int, row: Any, outer: FhirRequest, call: Call, within: Within) -> BundleEntry:
    path = f"Bundle.entry[{index}]"
    facts = row.get("request") if isinstance(row, dict) else None
    if not isinstance(facts, dict):
        raise FhirError(Failure.INVALID, "The entry has no request.", expression=[f"{path}.request"])
    _check_names(row, "Bundle.entry", path)
    _check_names(facts, "Bundle.entry.request", f"{path}.request")
    texts: dict[str, str | None] = {}
    for name in ("method", "url", "ifNoneMatch", "ifModifiedSince", "ifMatch", "ifNoneExist"):
        value = facts.get(name)
        if value is not None and not isinstance(value, str):
            raise FhirError(Failure.INVALID, f"request.{name} must be a string.", expression=[f"{path}.request.{name}"])
        texts[name] = value
    method, url = texts["method"], texts["url"]
    if method not in _METHODS:
        raise FhirError(
            Failure.BAD_VALUE, f"request.method is {method!r}, not an HTTP verb.", expression=[f"{path}.request.method"]
        )
    if url is None:
        raise FhirError(Failure.INVALID, "The entry's request has no url.", expression=[f"{path}.request.url"])
    full_url = row.get("fullUrl")
    if full_url is not None and not isinstance(full_url, str):
        raise FhirError(Failure.INVALID, "fullUrl must be a string.", expression=[f"{path}.fullUrl"])
    body, content_type = _body(row.get("resource"), method, path)
    steps, query = _split(url, call.base_url, path)
    return BundleEntry(
        index,
        full_url,
        FhirRequest(
            method=cast(Method, method),
            path=steps,
            query=query,
            body=body,
            content_type=content_type,
            if_match=texts["ifMatch"],
            if_none_match=texts["ifNoneMatch"],
            if_modified_since=texts["ifModifiedSince"],
            if_none_exist=texts["ifNoneExist"],
            # A Bundle answers with bodies only where its sender asks for them: most want the ids.
            prefer_return=outer.prefer_return or "minimal",
            handling=outer.handling,
            request_id=outer.request_id,
            agent=outer.agent,
            within=within,
        ),
    )


@cache
def _names(type_name: str) -> frozenset[str]:
    """Return the JSON properties of a part of a Bundle."""
    definition = r4().type(type_name)
    own = ("resourceType",) if definition.kind == "resource" else ()
    return frozenset((*own, *definition.elements, *(f"_{name}" for name in definition.elements)))


def _check_names(node: Json, type_name: str, path: str) -> None:
    """Refuse what a part of the Bundle does not have: a misspelt condition would be no condition."""
    unknown = node.keys() - _names(type_name)
    if unknown:
        name = min(unknown)
        near = get_close_matches(name, r4().type(type_name).elements, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise FhirError(Failure.INVALID, f"{type_name} has no element {name!r}.{hint}", expression=[f"{path}.{name}"])


def _body(resource: Any, method: str, path: str) -> tuple[Any, str | None]:
    """Return the body and its media type; a Binary that is patched with carries a patch of another format."""
    if resource is None:
        return None, None
    if method != "PATCH" or not isinstance(resource, dict) or resource.get("resourceType") != "Binary":
        return resource, FHIR_JSON
    try:
        data = base64.b64decode(resource.get("data", ""), validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise FhirError(
            Failure.INVALID, "The Binary of the patch is not base64.", expression=[f"{path}.resource.data"]
        ) from None
    try:
        body = decode(data)
    except FhirError as error:
        raise error.within(f"{path}.resource.data") from None
    return body, str(resource.get("contentType", "")).partition(";")[0].strip().lower()


def _split(url: str, base_url: str, path: str) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    place, _, query = url.partition("?")
    # The slash keeps out what only begins like the base, as `https://host/fhirs` does.
    steps = f"{place}/".removeprefix(f"{base_url}/")
    if "://" in steps:
        raise FhirError(Failure.BAD_VALUE, f"{url!r} is not below {base_url}.", expression=[f"{path}.request.url"])
    try:
        pairs = parse_query(query.encode("utf-8", "surrogatepass"))
        parts = tuple(unquote(step, errors="strict") for step in steps.strip("/").split("/") if step)
    except (UnicodeDecodeError, FhirError):
        raise FhirError(Failure.BAD_VALUE, f"{url!r} is not a valid URL.", expression=[f"{path}.request.url"]) from None
    return parts, tuple(pair for pair in pairs if pair[0] not in PRESENTATION)
