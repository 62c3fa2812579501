"""A hub to talk to in the words of HTTP, without HTTP: what a test sends and what it gets back."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from pymongo import MongoClient

from fhirhub.errors import FhirError, operation_outcome
from fhirhub.hub import Hub, open_hub
from fhirhub.model.json import Json, decode, decode_trusted
from fhirhub.model.request import FhirRequest
from fhirhub.settings import Settings
from fhirhub.validation import validate_resource

BASE = "http://127.0.0.1:8080/fhir"
FHIR_JSON = "application/fhir+json"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response or a failure: `resource` is what the client would parse."""

    status: int
    content: bytes | None
    resource: Json
    version_id: str | None
    last_updated: datetime | None
    location: str | None
    headers: Mapping[str, str]

    @property
    def id(self) -> str:
        """The logical id in the location."""
        assert self.location is not None
        return self.location.removeprefix(f"{BASE}/").split("/")[1]

    @property
    def issues(self) -> list[Json]:
        """The issues of the OperationOutcome, which the resource must be."""
        assert self.resource.get("resourceType") == "OperationOutcome", self.resource
        issues: list[Json] = self.resource["issue"]
        return issues

    @property
    def issue(self) -> Json:
        """The only issue there is."""
        (issue,) = self.issues
        return issue

    @property
    def entries(self) -> list[Json]:
        """The entries of the Bundle, which the resource must be."""
        assert self.resource.get("resourceType") == "Bundle", self.resource
        entries: list[Json] = self.resource.get("entry", [])
        return entries

    @property
    def resources(self) -> list[Json]:
        """The resources in the entries of the Bundle."""
        return [entry["resource"] for entry in self.entries if "resource" in entry]

    def link(self, relation: str) -> str | None:
        """The path of a link of the Bundle, below the base."""
        for link in self.resource.get("link", []):
            if link["relation"] == relation:
                return str(link["url"]).removeprefix(BASE).removeprefix("/")
        return None


class HubClient:
    """Sends requests to a hub; paths are relative and may have a query."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    @property
    def database(self) -> Any:
        """The MongoDB database behind the hub."""
        return self.hub.database.collections.of("Patient").database

    def get(self, path: str, **more: Any) -> Answer:
        return self.send("GET", path, **more)

    def head(self, path: str, **more: Any) -> Answer:
        return self.send("HEAD", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return self.send("POST", path, body, **more)

    def put(self, path: str, body: Any = None, **more: Any) -> Answer:
        return self.send("PUT", path, body, **more)

    def patch(self, path: str, body: Any = None, content_type: str = FHIR_JSON, **more: Any) -> Answer:
        return self.send("PATCH", path, body, content_type=content_type, **more)

    def delete(self, path: str, **more: Any) -> Answer:
        return self.send("DELETE", path, **more)

    def send(self, method: Any, path: str, body: Any = None, **more: Any) -> Answer:
        """Run one request; `body` is JSON as text or bytes, or already parsed."""
        steps, _, query = path.partition("?")
        if isinstance(body, str):
            body = body.encode()
        if isinstance(body, bytes):
            more["source"], body = body, decode(body)
        if body is not None:
            more.setdefault("content_type", FHIR_JSON)
        request = FhirRequest(
            method=method,
            path=tuple(step for step in steps.split("/") if step),
            query=tuple(parse_qsl(query, keep_blank_values=True)),
            body=body,
            **more,
        )
        try:
            response = self.hub.answer(request)
        except FhirError as error:
            return Answer(error.status, None, _valid(operation_outcome(error.issues)), None, None, None, error.headers)
        return Answer(
            response.status,
            response.body,
            _valid(decode_trusted(response.body)) if response.body is not None else {},
            response.version_id,
            response.last_updated,
            response.location,
            response.headers,
        )

    def bundle(self, kind: str, *entries: Json, **more: Any) -> Answer:
        """Send a batch or transaction."""
        return self.post("", {"resourceType": "Bundle", "type": kind, "entry": list(entries)}, **more)

    def transaction(self, *entries: Json, **more: Any) -> Answer:
        return self.bundle("transaction", *entries, **more)

    def batch(self, *entries: Json, **more: Any) -> Answer:
        return self.bundle("batch", *entries, **more)

    def pages(self, path: str) -> Iterator[Answer]:
        """Follow the `next` links of a search or history to the end."""
        onward: str | None = path
        while onward is not None:
            page = self.get(onward)
            assert page.status == 200, page.resource
            yield page
            onward = page.link("next")


def _valid(resource: Json) -> Json:
    """What a hub makes itself is valid; of Bundles only those that are quickly checked."""
    if resource["resourceType"] in {"Bundle", "OperationOutcome"} and len(resource.get("entry", ())) <= 100:
        assert validate_resource(resource) == []
    return resource


@contextmanager
def hub_on(mongodb_uri: str, **options: Any) -> Iterator[HubClient]:
    """Open a hub on a database of its own, which is dropped afterwards; `now` and `new_id` go to the hub."""
    wiring = {name: options.pop(name) for name in ("now", "new_id") if name in options}
    name = f"test_{uuid.uuid4().hex[:12]}"
    hub = open_hub(Settings(mongodb_uri=mongodb_uri, database=name, **options), **wiring)
    try:
        yield HubClient(hub)
    finally:
        hub.close()
        with MongoClient[dict[str, object]](mongodb_uri) as client:
            client.drop_database(name)


def entry(method: str, url: str, resource: Any = None, full_url: str | None = None, **request: str) -> Json:
    """An entry of a batch or transaction; `request` holds ifMatch, ifNoneExist and the like."""
    row: Json = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        row["resource"] = resource
    if full_url is not None:
        row["fullUrl"] = full_url
    return row


def patient(value: str | None = None, **more: Any) -> Json:
    """A valid Patient, with the identifier `http://hospital.example/mrn|value` when one is given."""
    resource: Json = {"resourceType": "Patient"}
    if value is not None:
        resource["identifier"] = [{"system": "http://hospital.example/mrn", "value": value}]
    return resource | more


def observation(**more: Any) -> Json:
    """A valid Observation."""
    return {"resourceType": "Observation", "status": "final", "code": {"text": "Weight"}} | more


def unique() -> str:
    """A value no other test uses."""
    return uuid.uuid4().hex


def mrn(value: str) -> str:
    """The search criteria that find `patient(value)`."""
    return f"identifier=http://hospital.example/mrn|{value}"
