"""Loads one Bundle: as the batch or transaction it is, or its entries as a transaction made of them.

https://hl7.org/fhir/R4/http.html#transaction, https://hl7.org/fhir/R4/bundle.html
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.interactions.call import Call
from fhirhub.loading.items import named
from fhirhub.loading.results import Done, Fate, Place, Refusal
from fhirhub.model.agent import SYSTEM
from fhirhub.model.json import Json, decode_trusted
from fhirhub.model.reference import is_logical_id
from fhirhub.model.request import FhirRequest

_TO_RUN: Final = frozenset({"batch", "transaction"})
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def is_request(bundle: Json) -> bool:
    """Whether a Bundle is one to be run, not one to be stored."""
    return bundle.get("type") in _TO_RUN


def entries_as_transaction(bundle: Json) -> Json:
    """Return a transaction that writes the resources in a Bundle of another type, keeping the links between them.

    Raises:
        FhirError: a history, which holds several versions of one resource; entries without a resource.
    """
    if bundle.get("type") == "history":
        raise FhirError(
            Failure.NOT_SUPPORTED,
            "A Bundle of the type 'history' holds versions; its entries cannot be loaded as resources.",
            expression=["Bundle.type"],
        )
    rows = bundle.get("entry", [])
    if not isinstance(rows, list):
        raise FhirError(Failure.MALFORMED, "Bundle.entry must be an array.", expression=["Bundle.entry"])
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(_requests(rows))}


def _requests(rows: list[Any]) -> Iterator[Json]:
    for index, row in enumerate(rows):
        resource = row.get("resource") if isinstance(row, dict) else None
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            path = f"Bundle.entry[{index}]"
            raise FhirError(Failure.INVALID, "The entry has no resource.", expression=[path])
        if resource["resourceType"] == "OperationOutcome" and _mode(row) == "outcome":
            continue
        logical_id = resource.get("id")
        identified = isinstance(logical_id, str) and is_logical_id(logical_id)
        url = f"{resource['resourceType']}/{logical_id}" if identified else resource["resourceType"]
        entry: Json = {"resource": resource, "request": {"method": "PUT" if identified else "POST", "url": url}}
        if "fullUrl" in row:
            entry["fullUrl"] = row["fullUrl"]
        yield entry


def _mode(row: Json) -> object:
    search = row.get("search")
    return search.get("mode") if isinstance(search, dict) else None


class BundleLoad:
    """One batch or transaction on its way into the database.

    Arguments:
        place: where the Bundle stands.
        bundle: of the type batch or transaction.
    """

    def __init__(self, place: Place, bundle: Json, call: Call) -> None:
        self._place = place
        self._bundle = bundle
        self._call = call

    def run(self, done: Done) -> None:
        """Run it and count what became of each entry. Raises FhirError when it was refused as a whole."""
        began = _milliseconds(self._call.now())
        request = FhirRequest("POST", (), body=self._bundle, content_type="application/fhir+json", agent=SYSTEM)
        response = self._call.dispatch(request, self._call)
        answers = decode_trusted(response.body or b"{}").get("entry", [])
        for index, (row, answer) in enumerate(zip(self._rows(), answers, strict=True)):
            facts = answer["response"]
            if int(facts["status"]) >= 400:
                self._refuse_entry(index, row, facts, done)
            elif (fate := _fate(row["request"]["method"], facts, began)) is not None:
                done.tally[_type_of(row), fate] += 1

    def refuse(self, error: FhirError, done: Done) -> None:
        """Count all entries as refused, and say why."""
        for row in self._rows():
            done.tally[_type_of(row), "refused"] += 1
        count = len(self._rows())
        done.refusals.append(Refusal(self._place, f"Bundle with {count} entries", error.issues))

    def _rows(self) -> list[Any]:
        rows = self._bundle.get("entry", [])
        return rows if isinstance(rows, list) else []

    def _refuse_entry(self, index: int, row: Any, facts: Json, done: Done) -> None:
        done.tally[_type_of(row), "refused"] += 1
        outcome = facts.get("outcome", {})
        issues = tuple(_issue(each) for each in outcome.get("issue", ()))
        resource = row.get("resource") if isinstance(row, dict) else None
        place = Place(self._place.source, self._place.line, index)
        done.refusals.append(Refusal(place, named(resource), issues))


def _fate(method: str, facts: Json, began: datetime) -> Fate | None:
    """Return what became of an entry; None for one that only reads."""
    if method not in _WRITES:
        return None
    if method == "DELETE":
        return "deleted"
    if facts["status"] == "201":
        return "created"
    # A create that was not needed found its like; any other version older than this run was there before it.
    written = facts.get("lastModified")
    changed = method != "POST" and written is not None and datetime.fromisoformat(written) >= began
    return "updated" if changed else "unchanged"


def _milliseconds(instant: datetime) -> datetime:
    """Return the millisecond an instant falls into: versions know no finer time."""
    return instant - timedelta(microseconds=instant.microsecond % 1000)


def _type_of(row: Any) -> str:
    """Return the resource type an entry is about."""
    if not isinstance(row, dict):
        return "(unreadable)"
    resource, request = row.get("resource"), row.get("request")
    if isinstance(resource, dict) and isinstance(resource.get("resourceType"), str):
        return str(resource["resourceType"])
    url = request.get("url") if isinstance(request, dict) else None
    return url.lstrip("/").partition("/")[0].partition("?")[0] if isinstance(url, str) else "(unreadable)"


def _issue(row: Json) -> Issue:
    """Read an issue of an OperationOutcome this server wrote."""
    return Issue(
        row["severity"],
        row["code"],
        row.get("diagnostics", ""),
        tuple(row.get("expression", ())),
        tuple(row.get("location", ())),
        row.get("details", {}).get("text"),
    )
