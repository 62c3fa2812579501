"""Chains step by step: limits, what a transaction has changed, whose view of the data counts.

What chains mean is tests/search/test_chain_differential.py's. https://hl7.org/fhir/R4/search.html#chaining
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.client_session import ClientSession

from fhirhub.errors import Failure, FhirError
from fhirhub.model.json import Json
from fhirhub.search.extract import extract
from fhirhub.search.filter import InHierarchy, all_of
from fhirhub.search.match import matches
from fhirhub.search.parse import parse
from fhirhub.search.site import Site
from fhirhub.store import resolve as resolving
from fhirhub.store.collections import Collections
from fhirhub.store.filters import to_mongo
from fhirhub.store.resolve import Uncommitted, resolve
from fhirhub.store.stored import Stored, current_document

BASE = "https://hub.example.org/fhir"
SITE = Site(BASE, lambda: datetime(2026, 1, 31, tzinfo=UTC))
TYPES = ("Patient", "Observation", "Organization", "Questionnaire", "QuestionnaireResponse")
NOTHING: Mapping[tuple[str, str], Uncommitted] = {}


@pytest.fixture
def client(mongodb_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        yield client


@pytest.fixture
def collections(client: MongoClient[dict[str, Any]], database_name: str) -> Collections:
    found = Collections(client[database_name])
    found.ensure(TYPES)
    return found


def store(collections: Collections, *resources: Json) -> None:
    for resource in resources:
        resource_type = resource["resourceType"]
        stored = Stored(resource_type, resource["id"], 1, 1, "PUT", b"{}", 1)
        entries = extract(resource, resource_type, SITE)
        collections.of(resource_type).insert_one(current_document(stored, entries))


def person(logical_id: str, gender: str = "female", **more: Any) -> Json:
    return {"resourceType": "Patient", "id": logical_id, "gender": gender, **more}


def seen(logical_id: str, *patients: str, code: str = "w") -> Json:
    performers = [{"reference": f"Patient/{each}"} for each in patients]
    return {
        "resourceType": "Observation",
        "id": logical_id,
        "code": {"coding": [{"code": code}]},
        "performer": performers,
        **({"subject": performers[0]} if patients else {}),
    }


def part(logical_id: str, whole: str) -> Json:
    return {"resourceType": "Organization", "id": logical_id, "partOf": {"reference": f"Organization/{whole}"}}


def changed(*resources: Json, updated: int = 0) -> dict[tuple[str, str], Uncommitted]:
    return {
        (each["resourceType"], each["id"]): Uncommitted(updated, extract(each, each["resourceType"], SITE))
        for each in resources
    }


def found(
    collections: Collections,
    search: str,
    uncommitted: Mapping[tuple[str, str], Uncommitted] = NOTHING,
    session: ClientSession | None = None,
) -> set[str]:
    """The ids that a search finds in the database and among what a transaction has changed."""
    resource_type, _, query = search.partition("?")
    parameters = [(name, value) for name, _, value in (pair.partition("=") for pair in query.split("&"))]
    filter = parse(resource_type, parameters, handling="strict", site=SITE).filter
    plain = resolve(filter, resource_type, collections=collections, uncommitted=uncommitted, session=session)
    rows = collections.of(resource_type).find(to_mongo(plain), projection=["_id"], session=session)
    ids = {row["_id"] for row in rows if (resource_type, row["_id"]) not in uncommitted}
    for (name, logical_id), each in uncommitted.items():
        if name == resource_type and each.entries is not None:
            ids |= {logical_id} if matches(plain, logical_id=logical_id, updated=0, entries=each.entries) else set()
    return ids


def refusal(collections: Collections, search: str) -> str:
    with pytest.raises(FhirError) as caught:
        found(collections, search)
    assert caught.value.failure is Failure.TOO_COSTLY
    assert caught.value.status == 400
    return str(caught.value)


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A step finds two resources at most, and asks among one at most."""
    monkeypatch.setattr(resolving, "MAX_IDS", 2)
    monkeypatch.setattr(resolving, "FEW", 1)
    return monkeypatch


@pytest.mark.usefixtures("limits")
def test_wide_chain_counts_among_what_the_others_find(collections: Collections) -> None:
    store(collections, person("a"), person("b"), person("c"), person("d", "male"))
    store(collections, seen("1", "a"), seen("2", "d"), *(seen(f"x{n}", "c", code="h") for n in range(3)))
    assert found(collections, "Observation?patient.gender=female&code=w") == {"1"}
    assert found(collections, "Observation?code=w&patient.gender=female,male") == {"1", "2"}
    assert "more than 2 resources of type Patient" in refusal(collections, "Observation?patient.gender=female")
    # Neither finds little alone, nor do the others.
    assert "more than 2 resources" in refusal(collections, "Observation?patient.gender=female&code=h,w,x")


@pytest.mark.usefixtures("limits")
def test_wide_reverse_chain_counts_among_what_the_others_find(collections: Collections) -> None:
    store(collections, *(person(each, "male" if each in "ab" else "female") for each in "abcd"))
    store(collections, *(seen(f"1{each}", each) for each in "acd"), seen("2", "b", code="h"))
    assert found(collections, "Patient?_has:Observation:patient:code=w&gender=male") == {"a"}
    assert found(collections, "Patient?_has:Observation:patient:code=w&_id=a,b") == {"a"}
    assert "more than 2 resources of type Observation" in refusal(
        collections, "Patient?_has:Observation:patient:code=w"
    )


@pytest.mark.usefixtures("limits")
def test_narrow_reverse_chain_is_no_reason_to_ask_for_all_others(collections: Collections) -> None:
    store(collections, *map(person, "abcd"), seen("1", "a"), seen("2", "b", code="h"))
    assert found(collections, "Patient?gender=female&_has:Observation:patient:code=w") == {"a"}


def test_as_much_as_the_limit_is_not_too_much(collections: Collections, limits: pytest.MonkeyPatch) -> None:
    store(collections, *map(person, "abc"), seen("1", "a", "b"), seen("2", "c"), seen("3", "b"))
    assert found(collections, "Observation?patient._id=a,b") == {"1", "3"}
    assert found(collections, "Patient?_has:Observation:performer:_id=1,3") == {"a", "b"}
    assert "of type Observation" in refusal(collections, "Patient?_has:Observation:performer:_id=1,2")
    limits.setattr(resolving, "MAX_SOURCES", 3)
    assert found(collections, "Patient?_has:Observation:performer:_id=1,3") == {"a", "b"}
    limits.setattr(resolving, "MAX_SOURCES", 2)
    # Three references lead to two Patients.
    assert "more than 2 resources of type Observation" in refusal(
        collections, "Patient?_has:Observation:performer:_id=1,3"
    )
    # Each of three has one reference: nobody may stop at two.
    store(collections, seen("4", "b"), seen("5", "b"))
    assert "more than 2 resources of type Observation" in refusal(
        collections, "Patient?_has:Observation:performer:_id=3,4,5"
    )


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize("direction", ["above", "below"])
def test_hierarchy_of_too_many_is_refused(collections: Collections, direction: Any) -> None:
    store(collections, part("a", "b"), part("b", "c"), part("c", "none"), part("x", "y"))
    # Three, with the one asked for and one that is not there any more.
    node = InHierarchy("organization", "Organization", "a" if direction == "above" else "c", "partof", direction)
    with pytest.raises(FhirError, match="more than 2 resources of type Organization"):
        resolve(node, "Patient", collections=collections)
    two = InHierarchy("organization", "Organization", "x" if direction == "above" else "y", "partof", direction)
    assert resolve(two, "Patient", collections=collections) == resolve(
        all_of([two, two]), "Patient", collections=collections
    )


def test_hierarchy_is_walked_to_its_end(collections: Collections) -> None:
    store(collections, *(part(f"{number}", f"{number + 1}") for number in range(6)))
    store(collections, *(person(f"p{n}", managingOrganization={"reference": f"Organization/{n}"}) for n in range(7)))
    assert found(collections, "Patient?organization:above=1") == {f"p{number}" for number in range(1, 7)}
    assert found(collections, "Patient?organization:below=5") == {f"p{number}" for number in range(6)}


@pytest.mark.usefixtures("limits")
def test_what_a_transaction_has_changed_takes_no_place_of_others(collections: Collections) -> None:
    store(collections, *map(person, "abcde"), *(seen(f"o{each}", each) for each in "abcde"))
    gone: dict[tuple[str, str], Uncommitted] = {("Patient", each): Uncommitted(0, None) for each in "abc"}
    assert found(collections, "Observation?patient.gender=female", gone) == {"od", "oe"}
    others = changed(*(person(each, "male") for each in "abc"))
    assert found(collections, "Observation?patient.gender=female", others) == {"od", "oe"}
    unseen = changed(*(seen(f"o{each}") for each in "abc"))
    assert found(collections, "Patient?_has:Observation:patient:code=w", unseen) == {"d", "e"}


def test_what_a_transaction_has_changed_is_found_as_changed(collections: Collections) -> None:
    store(collections, person("a"), person("b"), seen("1", "a"), seen("2", "b"))
    moved = changed(person("a", "male"), seen("2", "a"))
    assert found(collections, "Observation?patient.gender=female", moved) == set()
    assert found(collections, "Observation?patient.gender=male", moved) == {"1", "2"}
    assert found(collections, "Patient?_has:Observation:patient:_id=2", moved) == {"a"}
    assert found(collections, "Patient?_has:Observation:patient:_id=2") == {"b"}
    now = changed(person("a"), updated=1_700_000_000_000_000)
    assert found(collections, "Observation?patient._lastUpdated=gt2020", now) == {"1"}
    assert found(collections, "Observation?patient._lastUpdated=lt2020", now) == {"2"}


def test_chain_leads_through_each_type_by_its_own_references(collections: Collections) -> None:
    store(collections, person("a"), seen("1", "a"), part("a", "none"))
    # An Organization of the id of a Patient is another resource.
    assert found(collections, "Patient?organization:Organization._id=a") == set()
    assert found(collections, "Observation?performer:Organization._id=a") == set()
    assert found(collections, "Observation?performer:Patient._id=a") == {"1"}


def test_canonical_reference_to_this_server_leads_there_by_id(collections: Collections) -> None:
    url = "http://forms.example.org/two"
    one: Json = {"resourceType": "Questionnaire", "id": "one", "title": "one"}
    two = {**one, "id": "two", "title": "two", "url": url}
    answers = {"resourceType": "QuestionnaireResponse", "id": "r", "questionnaire": f"{BASE}/Questionnaire/one"}
    store(collections, one, two, answers, {**answers, "id": "s", "questionnaire": url})
    assert found(collections, "QuestionnaireResponse?questionnaire.title=one") == {"r"}
    assert found(collections, "QuestionnaireResponse?questionnaire.title=two") == {"s"}
    assert found(collections, "QuestionnaireResponse?questionnaire.title:missing=false") == {"r", "s"}
    assert found(collections, "Questionnaire?_has:QuestionnaireResponse:questionnaire:_id=r") == {"one"}
    assert found(collections, "Questionnaire?_has:QuestionnaireResponse:questionnaire:_id=r,s") == {"one", "two"}


@pytest.mark.usefixtures("limits")
def test_wide_chain_of_canonicals_is_refused_where_looking_from_the_others_would_miss_some(
    collections: Collections,
) -> None:
    urls = [f"http://forms.example.org/{name}" for name in ("a", "b", "c")]
    for number, url in enumerate(urls):
        store(
            collections,
            {"resourceType": "Questionnaire", "id": f"q{number}", "url": url, "title": "Form"},
            {"resourceType": "QuestionnaireResponse", "id": f"r{number}", "questionnaire": url, "status": "completed"},
        )
    response = "QuestionnaireResponse?questionnaire.title=form"
    assert "more than 2 resources of type Questionnaire" in refusal(collections, f"{response}&_id=r1")
    form = "Questionnaire?_has:QuestionnaireResponse:questionnaire:status=completed"
    assert "more than 2 resources of type QuestionnaireResponse" in refusal(collections, f"{form}&_id=q1")
    one = "Questionnaire?_has:QuestionnaireResponse:questionnaire:_id=r1"
    assert found(collections, f"{one}&title=form&_id=q1") == {"q1"}


def test_question_asked_twice_is_answered_for_each_who_asks(collections: Collections) -> None:
    url = "http://forms.example.org/a"
    form = {"resourceType": "Questionnaire", "id": "q", "url": url, "title": "Form"}
    about = {"resourceType": "QuestionnaireResponse", "id": "r", "subject": {"reference": "Questionnaire/q"}}
    store(collections, form, {**about, "questionnaire": url})
    for names in (("subject:Questionnaire", "questionnaire"), ("questionnaire", "subject:Questionnaire")):
        criteria = "&".join(f"{name}.title=form" for name in names)
        assert found(collections, f"QuestionnaireResponse?{criteria}") == {"r"}


@pytest.mark.parametrize(
    "search", ["Observation?patient.gender=male", "Patient?_has:Observation:patient:code=h", "Patient?gender=male"]
)
def test_chain_sees_what_its_session_sees(
    client: MongoClient[dict[str, Any]], collections: Collections, search: str
) -> None:
    store(collections, person("a", "male"), seen("a", "a", code="h"))
    with client.start_session(snapshot=True) as session:
        assert found(collections, search, session=session) == {"a"}
        for resource_type in ("Patient", "Observation"):
            collections.of(resource_type).delete_many({})
        store(collections, person("b", "male"), seen("b", "b", code="h"))
        assert found(collections, search, session=session) == {"a"}
    assert found(collections, search) == {"b"}


def test_one_search_keeps_what_it_asked_apart_by_type(collections: Collections) -> None:
    store(collections, person("a"), {"resourceType": "Organization", "id": "a", "name": "x"}, seen("1", "a"))
    rows = {"resourceType": "Observation", "id": "2", "performer": [{"reference": "Organization/a"}]}
    store(collections, rows)
    assert found(collections, "Observation?performer:Organization._id=a") == {"2"}
    assert found(collections, "Observation?performer:Organization._id=a&performer:Patient._id=a") == set()
    assert found(collections, "Observation?performer:Organization._id=b,a&performer:Organization._id=a") == {"2"}
