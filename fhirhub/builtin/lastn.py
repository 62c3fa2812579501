"""$lastn: the newest observations of a subject, so many of each code.

https://hl7.org/fhir/R4/observation-operation-lastn.html

Codes that stand together in one Observation mean the same, and so do those that they stand together with elsewhere:
which groups there are is only known when all observations that match have been seen.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final
from urllib.parse import urlencode

from fhirhub.builtin.observed import issued_at, observed_at
from fhirhub.builtin.references import local_reference
from fhirhub.plugin import (
    Failure,
    FhirError,
    Hub,
    Json,
    Operation,
    OperationCall,
    OperationResult,
    hook,
    r4_operation,
)

MAX_SEARCHED: Final = 10_000
"""Most observations that may match: all of them are looked at."""
MAX_ANSWERED: Final = 2_000
"""Most observations of one answer, which has no pages."""

_SUBJECTS: Final = ("patient", "subject")
_OF_CODES: Final = ("category", "code", "combo-code", "component-code")
"""Search parameters whose expressions have a category or code; so have composites that begin with the latter three."""
_RESULT: Final = frozenset(
    {"_count", "_sort", "_total", "_summary", "_elements", "_include", "_revinclude", "_contained", "_containedType"}
    | {"_cursor", "_explain"}
)
"""What shapes the result of a search has no meaning here: this operation says what it answers with."""
_NEVER: Final = datetime.min.replace(tzinfo=UTC)

Moment = tuple[datetime, datetime]
"""When it was observed and when that was issued; `_NEVER` where that is not told."""


@hook
def fhirhub_register_operations(settings: Any) -> Sequence[Operation]:
    """Return the operation."""
    return [Operation(r4_operation("Observation-lastn"), lastn, search_parameters=True)]


def lastn(call: OperationCall) -> OperationResult:
    """Answer with a searchset, the newest first.

    Raises FhirError: no subject, neither category nor code, a parameter that cannot be used, or too much to answer.
    """
    _check(call.query)
    most: int = call.parameters.get("max", 1)
    found = list(islice(call.hub.search("Observation", call.query), MAX_SEARCHED + 1))
    if len(found) > MAX_SEARCHED:
        raise _too_costly(f"more than {MAX_SEARCHED} observations match; narrow them by code, category or date.")
    times = {each["id"]: _moment(each, call.hub) for each in found}
    newest_first = sorted(sorted(found, key=_id), key=lambda each: times[each["id"]], reverse=True)
    taken = {each["id"] for group in _groups(newest_first, call.hub) for each in _last(group, most, times)}
    if len(taken) > MAX_ANSWERED:
        raise _too_costly(f"the answer would have {len(taken)} observations, and at most {MAX_ANSWERED} are given.")
    return _bundle([each for each in newest_first if each["id"] in taken], call)


def _check(query: Sequence[tuple[str, str]]) -> None:
    names = [name for name, value in query if value and not name.endswith(":missing")]
    for name, _ in query:
        if _plain(name) in _RESULT:
            raise FhirError(
                Failure.NOT_SUPPORTED,
                f"Parameter {name[:80]!r} cannot be used: $lastn answers with whole observations, the newest first, "
                "in one page.",
                expression=[f"http.{name[:80]}"],
            )
    if not any(_plain(name) in _SUBJECTS for name in names):
        raise _missing("patient or subject", "$lastn is asked of a subject.")
    if not any(_is_of_codes(_plain(name)) for name in names):
        raise _missing("category or code", "Without one, the groups would be all that there is of the subject.")


def _plain(name: str) -> str:
    """The name of a search parameter without modifier and chain."""
    return name.partition(":")[0].partition(".")[0]


def _is_of_codes(name: str) -> bool:
    return name in _OF_CODES or name.startswith(tuple(f"{each}-value-" for each in _OF_CODES[1:]))


def _missing(name: str, text: str) -> FhirError:
    issue_text = f"A search parameter {name} is missing. {text}"
    return FhirError(Failure.INVALID, issue_text, expression=["http"])


def _too_costly(text: str) -> FhirError:
    return FhirError(Failure.TOO_COSTLY, f"Too costly: {text}")


def _id(observation: Json) -> str:
    text: str = observation["id"]
    return text


def _moment(observation: Json, hub: Hub) -> Moment:
    return observed_at(observation, hub.zone) or _NEVER, issued_at(observation) or _NEVER


def _last(group: Sequence[Json], most: int, times: dict[str, Moment]) -> Iterator[Json]:
    """Yield the first of a group, and those that were observed at the same time as the last one of them.

    Those without a time are not known to be of the same one.
    """
    yield from group[:most]
    if len(group) > most and (end := times[group[most - 1]["id"]][0]) != _NEVER:
        for each in group[most:]:
            if times[each["id"]][0] != end:
                return
            yield each


def _groups(observations: Iterable[Json], hub: Hub) -> Iterable[list[Json]]:
    """Return the observations of one subject whose codes mean the same, each in the order in which they come."""
    same: dict[Hashable, Hashable] = {}
    firsts: list[tuple[Json, Hashable]] = []
    for each in observations:
        subject = _subject(each, hub)
        keys: list[Hashable] = [(subject, *code) for code in _codes(each)]
        for other in keys[1:]:
            same[_leader(same, other)] = _leader(same, keys[0])
        firsts.append((each, keys[0]))
    groups: dict[Hashable, list[Json]] = defaultdict(list)
    for each, first in firsts:
        groups[_leader(same, first)].append(each)
    return groups.values()


def _leader(same: dict[Hashable, Hashable], key: Hashable) -> Hashable:
    """Return the code that stands for all those that mean the same."""
    end = key
    while (onward := same.get(end, end)) != end:
        end = onward
    while key != end:
        onward = same.get(key, key)
        same[key] = end
        key = onward
    return end


def _codes(observation: Json) -> list[tuple[str | None, ...]]:
    code = observation["code"]
    codings: list[tuple[str | None, ...]] = [
        (each.get("system"), each["code"]) for each in code.get("coding", ()) if "code" in each
    ]
    return codings or [(code.get("text"),)]


def _subject(observation: Json, hub: Hub) -> Hashable:
    subject = observation.get("subject", {})
    reference = subject.get("reference", "")
    place = local_reference(reference, hub.base_url)
    identifier = subject.get("identifier", {})
    return place[:2] if place else (reference, identifier.get("system"), identifier.get("value"))


def _bundle(observations: Sequence[Json], call: OperationCall) -> Json:
    base = call.hub.base_url
    asked = [*call.query, *([("max", str(call.parameters["max"]))] if "max" in call.parameters else [])]
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(observations)}
    bundle["link"] = [{"relation": "self", "url": f"{base}/Observation/$lastn?{urlencode(asked)}"}]
    if observations:
        bundle["entry"] = [
            {"fullUrl": f"{base}/Observation/{each['id']}", "resource": each, "search": {"mode": "match"}}
            for each in observations
        ]
    return bundle
