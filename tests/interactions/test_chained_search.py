"""Chains, `_has`, `_list` and `_filter` over a whole hub: https://hl7.org/fhir/R4/search.html#chaining."""

from collections.abc import Iterator

import pytest

from fhirhub.errors import Failure, FhirError
from fhirhub.model.json import Json
from fhirhub.search.filter import Refers, TokenIs
from fhirhub.store import resolve as resolving
from fhirhub.store.failures import reading
from tests.interactions.hub_client import BASE, Answer, HubClient, entry, mrn, observation, patient, unique


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.resource
    return sorted(resource["id"] for resource in answer.resources)


def to(target: str) -> dict[str, str]:
    return {"reference": target}


@pytest.fixture(scope="module")
def ward(hub: HubClient) -> None:
    """Two doctors, three patients, some observations of them, a list."""
    puts: list[Json] = [
        {"resourceType": "Practitioner", "id": "who", "name": [{"family": "Who"}]},
        {"resourceType": "Practitioner", "id": "gone", "name": [{"family": "Gone"}]},
        {"resourceType": "Organization", "id": "clinic", "name": "Clinic", "partOf": to("Organization/trust")},
        {"resourceType": "Organization", "id": "trust", "name": "Trust"},
        patient(id="ann", name=[{"family": "Ann"}], gender="female", generalPractitioner=[to("Practitioner/who")]),
        patient(
            id="bob",
            name=[{"family": "Bob"}],
            gender="male",
            generalPractitioner=[to(f"{BASE}/Practitioner/who"), to("Practitioner/gone")],
            managingOrganization=to("Organization/clinic"),
        ),
        patient(id="cid", name=[{"family": "Cid"}], generalPractitioner=[to("https://elsewhere.example/Practitioner/who")]),
        observation(id="ann-1", subject=to("Patient/ann"), code={"coding": [{"code": "w"}]}),
        observation(id="ann-2", subject=to(f"{BASE}/Patient/ann/_history/1"), code={"coding": [{"code": "h"}]}),
        observation(id="bob-1", subject=to("Patient/bob"), code={"coding": [{"code": "w"}]}),
        observation(id="nobody", code={"coding": [{"code": "w"}]}),
        {
            "resourceType": "AuditEvent",
            "id": "looked",
            "type": {"code": "rest"},
            "recorded": "2024-01-01T00:00:00Z",
            "agent": [{"requestor": True, "who": to("Practitioner/who")}],
            "source": {"observer": to("Practitioner/who")},
            "entity": [{"what": to("Observation/bob-1")}],
        },
        {
            "resourceType": "List",
            "id": "round",
            "status": "current",
            "mode": "working",
            "entry": [{"item": to(each)} for each in ("Patient/ann", f"{BASE}/Patient/cid", "Observation/ann-1")],
        },
    ]  # fmt: skip
    answers = [hub.put(f"{each['resourceType']}/{each['id']}", each) for each in puts]
    assert [answer.status for answer in answers] == [201] * len(puts), [answer.resource for answer in answers]
    assert hub.delete("Practitioner/gone").status == 204


@pytest.mark.usefixtures("ward")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Observation?patient.name=ann", ["ann-1", "ann-2"]),
        ("Observation?subject:Patient.name=ann", ["ann-1", "ann-2"]),
        ("Observation?subject.name=ann,bob", ["ann-1", "ann-2", "bob-1"]),
        ("Observation?patient.name=ann&code=w", ["ann-1"]),
        ("Observation?patient.gender=female&patient.name=bob", []),
        ("Observation?patient.gender:not=female", ["bob-1"]),
        ("Observation?patient.name:missing=true", []),
        ("Observation?patient._id=bob", ["bob-1"]),
        ("Observation?patient._id=nobody-like-that", []),
        ("Observation?patient.general-practitioner:Practitioner.family=who", ["ann-1", "ann-2", "bob-1"]),
        ("Observation?subject:Patient.organization.partof.name=trust", ["bob-1"]),
        # What was deleted leads nowhere, though references to it are found.
        ("Patient?general-practitioner.family=gone", []),
        ("Patient?general-practitioner:Practitioner._id=gone", []),
        ("Patient?general-practitioner=Practitioner/gone", ["bob"]),
        # A reference to another server is not one to the resource of the same id here.
        ("Patient?general-practitioner.family=who", ["ann", "bob"]),
        ("Patient?_has:Observation:patient:code=w", ["ann", "bob"]),
        ("Patient?_has:Observation:patient:code=h&gender=female", ["ann"]),
        ("Patient?_has:Observation:patient:code:not=h", ["ann", "bob"]),
        ("Patient?_has:Observation:patient:_has:AuditEvent:entity:agent=Practitioner/who", ["bob"]),
        ("Practitioner?_has:Patient:general-practitioner:organization.name=clinic", ["who"]),
        ("Observation?patient._has:Patient:link:_id=x", []),
        ("Patient?_list=round", ["ann", "cid"]),
        ("Observation?_list=round,nothing", ["ann-1"]),
        ("Observation?patient._list=List/round", ["ann-1", "ann-2"]),
        ("Patient?_list=none", []),
        ('Observation?_filter=patient.name eq "ann" and not(code eq w)', ["ann-2"]),
        ("Patient?_filter=name co nn or _has:Observation:patient:code eq w", ["ann", "bob"]),
        ("Observation?_filter=subject[gender eq male].name sw bo", ["bob-1"]),
    ],
)
def test_chain_finds(hub: HubClient, query: str, expected: list[str]) -> None:
    answer = hub.get(query)
    assert ids(answer) == expected
    assert answer.resource["total"] == len(expected)
    assert ids(hub.post(query.replace("?", "/_search?", 1))) == expected


@pytest.mark.usefixtures("ward")
def test_chain_has_pages_totals_and_a_self_link(hub: HubClient) -> None:
    query = "Observation?patient.general-practitioner.family=who&_count=2&_total=accurate"
    pages = list(hub.pages(query))
    assert [page.resource["total"] for page in pages] == [3, 3]
    assert sorted(resource["id"] for page in pages for resource in page.resources) == ["ann-1", "ann-2", "bob-1"]
    assert pages[0].link("self") == query


@pytest.mark.usefixtures("ward")
def test_canonical_references_are_followed_by_url_and_version(hub: HubClient) -> None:
    url = f"https://forms.example/{unique()}"
    for version in ("1", "2"):
        form = {"resourceType": "Questionnaire", "id": f"q{version}", "status": "active", "url": url}
        assert (
            hub.put(f"Questionnaire/q{version}", form | {"version": version, "title": f"Form {version}"}).status == 201
        )
    for name, reference in (("any", url), ("first", f"{url}|1"), ("third", f"{url}|3")):
        response = {"resourceType": "QuestionnaireResponse", "id": name, "status": "completed"}
        assert hub.put(f"QuestionnaireResponse/{name}", response | {"questionnaire": reference}).status == 201
    assert ids(hub.get("QuestionnaireResponse?questionnaire.title=form 1")) == ["any", "first"]
    assert ids(hub.get("QuestionnaireResponse?questionnaire:Questionnaire.title=form 2")) == ["any"]
    assert ids(hub.get("Questionnaire?_has:QuestionnaireResponse:questionnaire:_id=first")) == ["q1"]
    assert ids(hub.get("Questionnaire?_has:QuestionnaireResponse:questionnaire:_id=any")) == ["q1", "q2"]
    assert ids(hub.get("Questionnaire?_has:QuestionnaireResponse:questionnaire:_id=third")) == []


@pytest.mark.usefixtures("ward")
def test_cycle_of_references_ends(hub: HubClient) -> None:
    for one, other in (("ring-a", "ring-b"), ("ring-b", "ring-a")):
        ring = {"resourceType": "Organization", "id": one, "name": one, "partOf": to(f"Organization/{other}")}
        assert hub.put(f"Organization/{one}", ring).status == 201
    assert ids(hub.get("Organization?partof.partof.partof.name=ring-a")) == ["ring-b"]
    assert ids(hub.get("Organization?_has:Organization:partof:partof.name=ring-a")) == ["ring-a"]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Chains may find no more than two resources a step."""
    monkeypatch.setattr(resolving, "MAX_IDS", 2)
    yield


@pytest.mark.usefixtures("ward", "few")
def test_chain_that_finds_too_much_is_refused(hub: HubClient) -> None:
    answer = hub.get("Observation?patient.name:missing=false")
    assert (answer.status, answer.issue["code"]) == (400, "too-costly")
    assert answer.issue["expression"] == ["http.patient"]
    assert "more than 2 resources of type Patient" in answer.issue["diagnostics"]
    assert "add criteria for Patient" in answer.issue["diagnostics"]


@pytest.mark.usefixtures("ward", "few")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Observation?patient.name:missing=false&code=w", ["ann-1", "bob-1"]),
        ("Observation?patient.name:missing=false&_id=ann-1,nobody", ["ann-1"]),
        ("Observation?patient.name:missing=false&patient.gender=female", ["ann-1", "ann-2"]),
        ("Patient?_has:Observation:patient:status=final&gender=female", ["ann"]),
        ("Patient?_has:Observation:patient:_has:AuditEvent:entity:_id=looked&gender=male", ["bob"]),
    ],
)
def test_chain_may_find_much_where_other_criteria_find_little(hub: HubClient, query: str, expected: list[str]) -> None:
    hub.put("Observation/cid-1", observation(id="cid-1", subject=to("Patient/cid")))
    assert ids(hub.get(query)) == expected
    hub.delete("Observation/cid-1")


@pytest.mark.usefixtures("ward", "few")
def test_chain_after_one_that_finds_nothing_costs_nothing(hub: HubClient) -> None:
    assert ids(hub.get("Observation?patient._id=unknown&patient.name:missing=false")) == []


@pytest.mark.usefixtures("ward", "few")
def test_reverse_chain_that_finds_too_much_is_refused(hub: HubClient) -> None:
    hub.put("Observation/cid-1", observation(id="cid-1", subject=to("Patient/cid")))
    answer = hub.get("Patient?_has:Observation:patient:status=final")
    assert (answer.status, answer.issue["code"]) == (400, "too-costly")
    assert "more than 2 resources" in answer.issue["diagnostics"]
    hub.delete("Observation/cid-1")


@pytest.mark.usefixtures("ward")
def test_chain_takes_no_longer_than_a_search_may(hub: HubClient) -> None:
    chain = Refers("patient", "Patient", TokenIs("gender=male|"))
    with pytest.raises(FhirError, match="longer than allowed") as caught, reading():
        resolving.resolve(chain, "Observation", collections=hub.hub.database.collections, seconds=1e-6)
    assert caught.value.failure is Failure.TOO_COSTLY


@pytest.mark.usefixtures("ward")
def test_conditional_interactions_take_chains(hub: HubClient) -> None:
    value = unique()
    criteria = f"{mrn(value)}&organization.name=clinic"
    body = patient(value, managingOrganization=to("Organization/clinic"))
    created = hub.post("Patient", body, if_none_exist=criteria)
    again = hub.post("Patient", body, if_none_exist=criteria)
    assert (created.status, again.status, again.id) == (201, 200, created.id)
    assert hub.put(f"Patient?{criteria}", body | {"active": True}).status == 200
    assert hub.delete(f"Patient?{mrn(value)}&organization.name=trust").status == 204
    assert hub.get(f"Patient/{created.id}").status == 200
    assert hub.delete(f"Patient?{criteria}").status == 204
    assert hub.get(f"Patient/{created.id}").status == 410


@pytest.mark.usefixtures("ward")
def test_transaction_sees_in_chains_what_it_will_write(hub: HubClient) -> None:
    value = unique()
    doctor = {"resourceType": "Practitioner", "id": f"d-{value}", "name": [{"family": f"Fresh{value}"}]}
    own = patient(value, id=f"p-{value}", generalPractitioner=[to(f"Practitioner/d-{value}")])
    answer = hub.transaction(
        entry("PUT", f"Practitioner/d-{value}", doctor),
        entry("PUT", f"Patient/p-{value}", own),
        entry("POST", "Observation", observation(subject=to(f"Patient?general-practitioner.family=fresh{value}"))),
    )
    assert answer.status == 200, answer.resource
    location = answer.entries[2]["response"]["location"]
    written = hub.get(location.removeprefix(f"{BASE}/").partition("/_history")[0]).resource
    assert written["subject"]["reference"] == f"Patient/p-{value}"


@pytest.mark.usefixtures("ward")
def test_transaction_reads_chains_over_what_it_wrote(hub: HubClient) -> None:
    value = unique()
    answer = hub.transaction(
        entry("PUT", f"Patient/r-{value}", patient(id=f"r-{value}", name=[{"family": f"Ra{value}"}])),
        entry("POST", "Observation", observation(subject=to(f"Patient/r-{value}"))),
        entry("GET", f"Observation?patient.name=ra{value}"),
    )
    assert answer.status == 200, answer.resource
    assert answer.entries[2]["resource"]["total"] == 1


@pytest.mark.usefixtures("ward")
def test_chain_of_an_unknown_name_is_passed_over_when_lenient(hub: HubClient) -> None:
    answer = hub.get("Observation?patient.nmae=x&patient.name=bob", handling="lenient")
    assert [each["id"] for each in answer.resources if each["resourceType"] == "Observation"] == ["bob-1"]
    (issue,) = answer.entries[-1]["resource"]["issue"]
    assert issue["expression"] == ["http.patient.nmae"]
    assert answer.link("self") == "Observation?patient.name=bob"
