"""transaction: all entries or none.

https://hl7.org/fhir/R4/http.html#transaction, https://hl7.org/fhir/R4/http.html#trules
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.interactions.body import check_type
from fhirhub.interactions.bundle import answered, render
from fhirhub.interactions.bundle_links import Candidates, EntryLink, Targets, is_located, plain_criteria, rewritable
from fhirhub.interactions.call import Call
from fhirhub.interactions.conditional import criteria_of, is_conditional, resolve, together
from fhirhub.interactions.entries import BundleEntry, requests_of
from fhirhub.interactions.response import written
from fhirhub.model.json import Json
from fhirhub.model.request import FhirRequest, FhirResponse
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
    types = {entry.request.path[0] for entry in entries if _turn(entry.request) < _READS}
    responses = call.commits.run_alone(
        lambda unit: _Attempt(entries, to_rewrite, unit, call.within(unit)).run(),
        types=[name for name in types if r4().is_resource_type(name)],
    )
    rows = [answered(responses[entry.index]) for entry in entries]
    return FhirResponse(200, render("transaction-response", rows, bundle_id=call.new_id()))


class _Attempt:
    """One try at the whole transaction; after a conflict with another writer a new one starts from scratch."""

    def __init__(self, entries: list[BundleEntry], to_rewrite: list[EntryLink], unit: Unit, call: Call) -> None:
        self._entries = entries
        self._to_rewrite = to_rewrite
        self._unit = unit
        self._call = call
        self._candidates = Candidates(call.site)
        self._plain: dict[int, tuple[FhirRequest, ...]] = {}
        self._settled: dict[int, FhirResponse] = {}
        self._new_ids: dict[int, str] = {}
        self._targets: dict[str, str] = {}
        self._twins: dict[int, Key] = {}

    def run(self) -> dict[int, FhirResponse]:
        """Return the response of every entry by its index."""
        turns: list[list[BundleEntry]] = [[] for _ in range(_READS + 1)]
        for entry in self._entries:
            turns[_turn(entry.request)].append(entry)
        deletions, reads = turns[0], turns[_READS]
        changes = [entry for turn in turns[1:_READS] for entry in turn]
        # What is deleted first is no match for the criteria of the others.
        self._each(deletions, self._identify)
        self._prefetch(deletions)
        self._each(deletions, self._perform)
        self._each(changes, self._identify)
        self._refuse_overlap(deletions + changes)
        self._rewrite()
        self._prefetch(changes)
        self._each(changes, self._perform)
        if reads:
            # Reads come last and see what the transaction has written.
            self._call = replace(self._call, find=self._call.find.within(self._unit.flush()))
            self._each(reads, self._read)
        return self._settled

    def _each(self, entries: list[BundleEntry], step: Callable[[BundleEntry], None]) -> None:
        """Take a step with every entry. Raises what went wrong with any of them."""
        failures = []
        for entry in entries:
            try:
                step(entry)
            except FhirError as error:
                failures.append(_located(error, entry))
        _raise_together(failures)

    def _identify(self, entry: BundleEntry) -> None:
        """Find out which resource an entry is about, and where its fullUrl will lead."""
        request = entry.request
        check_type(request.path[0])
        self._plain[entry.index] = (request,)
        if is_conditional(request):
            self._resolve(entry)
        elif request.method == "POST" and len(request.path) == 1:
            self._new_ids[entry.index] = self._call.new_id()
        self._register(entry)

    def _resolve(self, entry: BundleEntry) -> None:
        twin = self._match_among_entries(entry)
        if twin is not None:
            self._twins[entry.index] = twin
            self._plain[entry.index] = ()
            if entry.full_url:
                self._targets[entry.full_url] = "/".join(twin)
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

    def _match_among_entries(self, entry: BundleEntry) -> Key | None:
        """Return what an earlier entry creates and a conditional create asks for."""
        request = entry.request
        criteria = criteria_of(request)
        parsed = plain_criteria(request.path[0], criteria, self._call, self._unit, self._candidates)
        found = self._candidates.find(request.path[0], parsed)
        if not found:
            return None
        logical_id, other = next(iter(found.items()))
        if request.method != "POST":
            raise _overlap(other, entry, (request.path[0], logical_id))
        if len(found) > 1:
            raise FhirError(Failure.MULTIPLE_MATCHES, f"Several entries match ifNoneExist {criteria}.")
        return request.path[0], logical_id

    def _register(self, entry: BundleEntry) -> None:
        for plain in self._plain[entry.index]:
            key = self._key(entry, plain)
            if key is None:
                continue
            if entry.full_url:
                self._targets[entry.full_url] = "/".join(key)
            if plain.method in {"POST", "PUT"}:
                self._candidates.add(key, entry, plain.body)

    def _key(self, entry: BundleEntry, plain: FhirRequest) -> Key | None:
        if entry.index in self._new_ids:
            return plain.path[0], self._new_ids[entry.index]
        return (plain.path[0], plain.path[1]) if len(plain.path) == 2 else None

    def _refuse_overlap(self, entries: list[BundleEntry]) -> None:
        first: dict[Key, BundleEntry] = {}
        for entry in entries:
            for plain in self._plain[entry.index]:
                key = self._key(entry, plain)
                if key is None:
                    continue
                other = first.setdefault(key, entry)
                if other is not entry:
                    raise _overlap(other, entry, key)

    def _rewrite(self) -> None:
        targets = Targets(self._unit, self._call, self._candidates, self._targets)
        failures = []
        for found in self._to_rewrite:
            try:
                targets.rewrite(found)
            except FhirError as error:
                failures.append(error)
        _raise_together(failures)

    def _prefetch(self, entries: list[BundleEntry]) -> None:
        keys = []
        for entry in entries:
            for plain in self._plain[entry.index]:
                key = self._key(entry, plain)
                if entry.index in self._new_ids:
                    self._unit.will_create(plain.path[0], [self._new_ids[entry.index]])
                elif key is not None:
                    keys.append(key)
        self._unit.prefetch(keys)

    def _read(self, entry: BundleEntry) -> None:
        self._settled[entry.index] = self._call.dispatch(entry.request, self._call)

    def _perform(self, entry: BundleEntry) -> None:
        if entry.index in self._settled:
            return
        if entry.index in self._twins:
            # There is none where the entry that was to create it failed, which fails all.
            if (stored := self._unit.current(*self._twins[entry.index])) is not None:
                self._settled[entry.index] = written(stored, entry.request, self._call, status=200)
            return
        call = self._call
        new_id = self._new_ids.get(entry.index)
        if new_id is not None:
            call = replace(call, new_id=lambda: new_id)
        responses = [call.dispatch(_relinked(plain, entry), call) for plain in self._plain[entry.index]]
        self._settled[entry.index] = together(responses)


def _turn(request: FhirRequest) -> int:
    """Return when a request has its turn, https://hl7.org/fhir/R4/http.html#trules.

    A search by POST is a read. So is an operation: one that changes anything refuses to be part of a transaction.
    """
    last = request.path[-1] if request.path else ""
    return _READS if last == "_search" or last.startswith("$") else _TURN[request.method]


def _relinked(plain: FhirRequest, entry: BundleEntry) -> FhirRequest:
    """Return a plain request with the links of its entry: one that got its id here has a root object of its own."""
    if plain.method != "PUT" or plain.body is entry.request.body:
        return plain
    return replace(plain, body={**plain.body, **entry.request.body})


def _overlap(one: BundleEntry, other: BundleEntry, key: Key) -> FhirError:
    one, other = sorted((one, other), key=lambda entry: entry.index)
    return FhirError(
        Failure.INVALID,
        f"Entries {one.index} and {other.index} both change {'/'.join(key)}.",
        expression=[one.path, other.path],
    )


def _located(error: FhirError, entry: BundleEntry) -> FhirError:
    if is_located(error):
        return error
    return error.within(f"{entry.path}.resource" if error.failure is Failure.INVALID else entry.path)


def _raise_together(failures: list[FhirError]) -> None:
    """Raise what went wrong in any entry as one failure: its status is that of the first."""
    if not failures:
        return
    issues = list(dict.fromkeys(issue for failure in failures for issue in failure.issues))
    if len(issues) > _MOST_REPORTED:
        text = f"{len(issues) - _MOST_REPORTED} more issues are not listed."
        issues = [*issues[:_MOST_REPORTED], Issue("information", "informational", text)]
    first = failures[0]
    raise FhirError(first.failure, issues=issues, headers=first.headers)


def _refuse_nesting(entries: list[BundleEntry]) -> None:
    for entry in entries:
        if not entry.request.path and entry.request.method not in {"GET", "HEAD"}:
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
