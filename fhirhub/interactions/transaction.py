"""transaction: all entries or none.

https://hl7.org/fhir/R4/http.html#transaction, https://hl7.org/fhir/R4/http.html#trules
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.interactions.bundle import answered, render
from fhirhub.interactions.bundle_links import Candidates, EntryLink, Targets, rewritable
from fhirhub.interactions.call import Call
from fhirhub.interactions.conditional import is_conditional, resolve
from fhirhub.interactions.entries import BundleEntry, requests_of
from fhirhub.model.json import Json
from fhirhub.model.request import FhirRequest, FhirResponse
from fhirhub.search.criteria import parse_criteria
from fhirhub.store.unit_of_work import Key, Unit

_TURN: Final = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
_READS: Final = 3
_MOST_REPORTED: Final = 100


def transaction(bundle: Json, request: FhirRequest, call: Call) -> FhirResponse:
    """Run a transaction Bundle. Raises FhirError naming the entries that made it fail; then nothing has changed."""
    entries: list[BundleEntry] = []
    failures: list[FhirError] = []
    for found in requests_of(bundle, request, call):
        if isinstance(found, FhirError):
            failures.append(found)
        else:
            entries.append(found)
    _raise_together(failures)
    _refuse_nesting(entries)
    _refuse_shared_full_urls(entries)
    to_rewrite = rewritable(entries)
    # A name that is no type has no collection; its entry fails when its turn comes.
    types = {entry.request.path[0] for entry in entries if _TURN[entry.request.method] < _READS and entry.request.path}
    responses = call.commits.run_alone(
        lambda unit: _Attempt(entries, to_rewrite, unit, call.within(unit)).run(),
        types=[name for name in types if r4().is_resource_type(name)],
    )
    rows = [answered(responses[entry.index], call.base_url) for entry in entries]
    return FhirResponse(200, render("transaction-response", rows, bundle_id=call.new_id()))


class _Attempt:
    """One try at the whole transaction; after a conflict with another writer a new one starts from scratch."""

    def __init__(self, entries: list[BundleEntry], to_rewrite: list[EntryLink], unit: Unit, call: Call) -> None:
        self._entries = entries
        self._to_rewrite = to_rewrite
        self._unit = unit
        self._call = call
        self._candidates = Candidates(call.base_url)
        self._plain: dict[int, tuple[FhirRequest, ...]] = {}
        self._settled: dict[int, FhirResponse] = {}
        self._new_ids: dict[int, str] = {}
        self._targets: dict[str, str] = {}
        self._failures: list[FhirError] = []

    def run(self) -> dict[int, FhirResponse]:
        """Return the response of every entry by its index."""
        in_order = sorted(self._entries, key=lambda entry: _TURN[entry.request.method])
        for entry in in_order:
            self._guarded(entry, self._identify)
        _raise_together(self._failures)
        self._refuse_overlap()
        self._rewrite()
        self._prefetch()
        writes = [entry for entry in in_order if _TURN[entry.request.method] < _READS]
        for entry in writes:
            self._guarded(entry, self._perform)
        _raise_together(self._failures)
        if len(writes) < len(in_order):
            # Reads come last and see what the transaction has written.
            self._call = replace(self._call, find=self._call.find.within(self._unit.flush()))
            for entry in in_order[len(writes) :]:
                self._guarded(entry, self._perform)
            _raise_together(self._failures)
        return self._settled

    def _guarded(self, entry: BundleEntry, step: Callable[[BundleEntry], None]) -> None:
        try:
            step(entry)
        except FhirError as error:
            self._failures.append(_located(error, entry))

    def _identify(self, entry: BundleEntry) -> None:
        """Find out which resource an entry is about, and where its fullUrl will lead."""
        request = entry.request
        self._plain[entry.index] = (request,)
        if is_conditional(request):
            self._resolve(entry)
        elif request.method == "POST" and len(request.path) == 1:
            self._new_ids[entry.index] = self._call.new_id()
        self._register(entry)

    def _resolve(self, entry: BundleEntry) -> None:
        earlier = _earlier_match(entry.request, self._candidates, self._call)
        if earlier is not None:
            path = (*entry.request.path, earlier)
            self._settled[entry.index] = FhirResponse(200, location="/".join((self._call.base_url, *path)))
            self._plain[entry.index] = ()
            if entry.full_url:
                self._targets[entry.full_url] = "/".join(path)
            return
        resolution = resolve(entry.request, self._call, self._unit)
        self._plain[entry.index] = resolution.requests
        if resolution.new_id is not None:
            self._new_ids[entry.index] = resolution.new_id
        if resolution.settled is not None:
            self._settled[entry.index] = resolution.settled
            location = resolution.settled.location
            if location is not None and entry.full_url:
                below = location.removeprefix(f"{self._call.base_url}/")
                self._targets[entry.full_url] = below.partition("/_history/")[0]

    def _register(self, entry: BundleEntry) -> None:
        for plain in self._plain[entry.index]:
            key = self._key(entry, plain)
            if key is None:
                continue
            if entry.full_url:
                self._targets[entry.full_url] = "/".join(key)
            if plain.method in {"POST", "PUT"}:
                self._candidates.add(key[1], plain.body)

    def _key(self, entry: BundleEntry, plain: FhirRequest) -> Key | None:
        if entry.index in self._new_ids:
            return plain.path[0], self._new_ids[entry.index]
        if _TURN[plain.method] < _READS and len(plain.path) == 2:
            return plain.path[0], plain.path[1]
        return None

    def _refuse_overlap(self) -> None:
        first: dict[Key, BundleEntry] = {}
        for entry in self._entries:
            for plain in self._plain[entry.index]:
                key = self._key(entry, plain)
                if key is None:
                    continue
                other = first.setdefault(key, entry)
                if other is not entry:
                    raise FhirError(
                        Failure.INVALID,
                        f"Entries {other.index} and {entry.index} both change {'/'.join(key)}.",
                        expression=[other.path, entry.path],
                    )

    def _rewrite(self) -> None:
        gone = frozenset(
            (plain.path[0], plain.path[1])
            for requests in self._plain.values()
            for plain in requests
            if plain.method == "DELETE" and len(plain.path) == 2
        )
        targets = Targets(self._unit, self._call, self._candidates, self._targets, gone)
        for found in self._to_rewrite:
            try:
                targets.rewrite(found)
            except FhirError as error:
                self._failures.append(error)
        _raise_together(self._failures)

    def _prefetch(self) -> None:
        keys = [self._key(entry, plain) for entry in self._entries for plain in self._plain[entry.index]]
        for index, logical_id in self._new_ids.items():
            for plain in self._plain[index]:
                self._unit.will_create(plain.path[0], [logical_id])
        self._unit.prefetch(key for key in keys if key is not None and r4().is_resource_type(key[0]))

    def _perform(self, entry: BundleEntry) -> None:
        if entry.index in self._settled:
            return
        call = self._call
        new_id = self._new_ids.get(entry.index)
        if new_id is not None:
            call = replace(call, new_id=lambda: new_id)
        responses = [call.dispatch(plain, call) for plain in self._plain[entry.index]]
        self._settled[entry.index] = responses[0] if len(responses) == 1 else FhirResponse(204)


def _earlier_match(request: FhirRequest, candidates: Candidates, call: Call) -> str | None:
    """Return the id an earlier entry of the transaction gives to what a conditional create asks for."""
    if request.method != "POST" or request.if_none_exist is None:
        return None
    criteria = request.if_none_exist.partition("?")[2] or request.if_none_exist
    found = candidates.find(
        request.path[0], parse_criteria(request.path[0], criteria, base_url=call.base_url, now=call.now)
    )
    if len(found) > 1:
        raise FhirError(Failure.MULTIPLE_MATCHES, f"Several entries match ifNoneExist {request.if_none_exist}.")
    return found[0] if found else None


def _located(error: FhirError, entry: BundleEntry) -> FhirError:
    if all(place.startswith("Bundle.") for issue in error.issues for place in issue.expression) and any(
        issue.expression for issue in error.issues
    ):
        return error
    return error.within(f"{entry.path}.resource" if error.failure is Failure.INVALID else entry.path)


def _raise_together(failures: list[FhirError]) -> None:
    """Raise what went wrong in any entry as one failure: its status is that of the first."""
    if not failures:
        return
    issues = [issue for failure in failures for issue in failure.issues]
    if len(issues) > _MOST_REPORTED:
        text = f"{len(issues) - _MOST_REPORTED} more issues are not listed."
        issues = [*issues[:_MOST_REPORTED], Issue("information", "informational", text)]
    first = failures[0]
    raise FhirError(first.failure, issues=issues, headers=first.headers)


def _refuse_nesting(entries: list[BundleEntry]) -> None:
    for entry in entries:
        if not entry.request.path:
            raise FhirError(
                Failure.INVALID, "A transaction cannot contain a batch or transaction.", expression=[entry.path]
            )


def _refuse_shared_full_urls(entries: list[BundleEntry]) -> None:
    seen: dict[str, BundleEntry] = {}
    for entry in entries:
        if entry.full_url is not None and entry.request.method in {"POST", "PUT"}:
            other = seen.setdefault(entry.full_url, entry)
            if other is not entry:
                raise FhirError(
                    Failure.INVALID,
                    f"Entries {other.index} and {entry.index} have the same fullUrl {entry.full_url}.",
                    expression=[f"{entry.path}.fullUrl"],
                )
