"""Writes chunks: single resources many at a time, Bundles each as the transaction or batch it is.

https://hl7.org/fhir/R4/http.html#update, https://hl7.org/fhir/R4/http.html#create

Every resource goes through the same interactions as one that comes over HTTP. A refused one is left out of the
database transaction of its chunk; the others are kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError
from fhirhub.interactions.call import Call
from fhirhub.loading.bundles import BundleLoad, entries_as_transaction, is_request
from fhirhub.loading.chunks import MOST_RESOURCES, Block, Chunk
from fhirhub.loading.items import Item, ParseXml, items
from fhirhub.loading.results import Done, Fate, Refusal
from fhirhub.model.agent import SYSTEM
from fhirhub.model.reference import is_logical_id
from fhirhub.model.request import FhirRequest, Method
from fhirhub.store.unit_of_work import Key, Unit

FHIR_JSON: Final = "application/fhir+json"

Outcome = Fate | FhirError


class Writer:
    """Loads chunks into one database.

    Arguments:
        call: the database, and how requests are run.
        parse_xml: reads FHIR XML.
        entries: load the entries of Bundles that are no batch or transaction, instead of storing the Bundle itself.
    """

    def __init__(self, call: Call, parse_xml: ParseXml, *, entries: bool) -> None:
        self._call = call
        self._parse_xml = parse_xml
        self._entries = entries

    def write(self, chunk: Chunk, *, may_wait: bool) -> tuple[Done, list[Block]]:
        """Write a chunk; also return the Bundles that found nothing for a conditional reference.

        Arguments:
            may_wait: whether such Bundles are returned, to be tried again when more is loaded, or refused.
        """
        done = Done(chunk.weight)
        waiting: list[Block] = []
        gathered: list[Item] = []
        for block in chunk.blocks:
            for item in items(block, self._parse_xml):
                if isinstance(item, Refusal):
                    _refuse(done, item)
                    continue
                if not self._is_run(item):
                    gathered.append(item)
                    if len(gathered) >= MOST_RESOURCES:
                        self._store(gathered, done)
                        gathered = []
                else:
                    # What stood before it may be what it refers to.
                    self._store(gathered, done)
                    gathered = []
                    self._run(item, block, done, waiting if may_wait else None)
                if done.stopped:
                    return done, waiting
        self._store(gathered, done)
        return done, waiting

    def _is_run(self, item: Item) -> bool:
        """Whether a resource is a Bundle to run rather than one to store."""
        return item.resource_type == "Bundle" and (self._entries or is_request(item.resource))

    def _run(self, item: Item, block: Block, done: Done, waiting: list[Block] | None) -> None:
        try:
            bundle = item.resource if is_request(item.resource) else entries_as_transaction(item.resource)
            load = BundleLoad(item.place, bundle, self._call)
        except FhirError as error:
            _refuse(done, Refusal(item.place, item.name, error.issues))
            return
        try:
            load.run(done)
        except FhirError as error:
            if error.failure is Failure.PRECONDITION_FAILED and waiting is not None:
                waiting.append(_alone(item, block))
            else:
                load.refuse(error, done)
                done.stopped = _reason_to_stop(error)
        except Exception as error:  # a mistake of ours must not cost what follows
            load.refuse(_internal(error), done)

    def _store(self, gathered: Sequence[Item], done: Done) -> None:
        """Write single resources in one transaction; when it fails as a whole, find out whose fault it is."""
        if not gathered or done.stopped:
            return
        batch = _Batch(gathered, self._call)
        try:
            outcomes: Sequence[Outcome] = batch.commit()
        except Exception as error:  # a mistake of ours must not cost the other resources of the chunk
            failure = error if isinstance(error, FhirError) else _internal(error)
            done.stopped = _reason_to_stop(failure)
            if len(gathered) > 1 and not done.stopped:
                middle = len(gathered) // 2
                self._store(gathered[:middle], done)
                self._store(gathered[middle:], done)
                return
            outcomes = [failure] * len(gathered)
        for item, outcome in zip(gathered, outcomes, strict=True):
            if isinstance(outcome, FhirError):
                _refuse(done, Refusal(item.place, item.name, outcome.issues), item.resource_type)
            else:
                done.tally[item.resource_type, outcome] += 1


class _Batch:
    """Single resources that are written in one transaction."""

    def __init__(self, gathered: Sequence[Item], call: Call) -> None:
        self._requests = [_request(item) for item in gathered]
        self._call = call

    def commit(self) -> list[Outcome]:
        """Return what became of each resource, after the commit. Raises what made the commit fail."""
        types = {request.path[0] for request in self._plain() if r4().is_resource_type(request.path[0])}
        reads: list[Key] = [
            (request.path[0], request.path[1])
            for request in self._plain()
            if len(request.path) == 2 and request.path[0] in types
        ]
        return self._call.commits.run_alone(self._act, types=types, reads=reads)

    def _plain(self) -> Iterator[FhirRequest]:
        return (request for request in self._requests if isinstance(request, FhirRequest))

    def _act(self, unit: Unit) -> list[Outcome]:
        call = self._call.within(unit)
        return [self._one(request, unit, call) for request in self._requests]

    def _one(self, request: FhirRequest | FhirError, unit: Unit, call: Call) -> Outcome:
        if isinstance(request, FhirError):
            return request
        try:
            if len(request.path) == 1:
                call.dispatch(request, call)
                return "created"
            before = unit.current(request.path[0], request.path[1]) if r4().is_resource_type(request.path[0]) else None
            response = call.dispatch(request, call)
        except FhirError as error:
            return error
        if response.status == 201:
            return "created"
        return "unchanged" if before is not None and before.version_id == response.version_id else "updated"


def _alone(item: Item, block: Block) -> Block:
    """Return a block with nothing but one Bundle, to try it again; its bytes on the disk are counted already."""
    if item.place.line is None or item.text is None:
        return replace(block, weight=0, leads=False)
    return Block(block.source, item.text, "ndjson", line=item.place.line)


def _request(item: Item) -> FhirRequest | FhirError:
    """Return the update of a resource that has an id, the create of one that has none."""
    if not item.resource_type:
        text = "There is no resourceType." if "resourceType" not in item.resource else "resourceType must be a string."
        return FhirError(Failure.INVALID, text, expression=["resourceType"])
    logical_id = item.resource.get("id")
    # Of an id that cannot be one, validation says what is wrong with it.
    path: tuple[str, ...] = (item.resource_type, str(logical_id))
    if isinstance(logical_id, str) and is_logical_id(logical_id):
        method: Method = "PUT"
    else:
        method, path = "POST", (item.resource_type,)
    return FhirRequest(method, path, body=item.resource, content_type=FHIR_JSON, source=item.document, agent=SYSTEM)


def _refuse(done: Done, refusal: Refusal, resource_type: str = "") -> None:
    done.refusals.append(refusal)
    done.tally[resource_type or refusal.resource.partition("/")[0] or "(unreadable)", "refused"] += 1


def _internal(error: Exception) -> FhirError:
    return FhirError(
        Failure.INTERNAL, f"fhirhub failed at this resource, please report it: {type(error).__name__}: {error}"
    )


def _reason_to_stop(error: FhirError) -> str | None:
    """Return why nothing that follows could be written either, None when it could."""
    return str(error) if error.failure in {Failure.UNAVAILABLE, Failure.OUTCOME_UNKNOWN} else None
