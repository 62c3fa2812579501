"""`_include` and `_revinclude` over a whole hub: https://hl7.org/fhir/R4/search.html#include."""

from collections import Counter
from urllib.parse import unquote

import pytest

from fhirhub.interactions import include as including
from fhirhub.model.json import Json
from tests.interactions.hub_client import BASE, Answer, HubClient, entry, observation, patient, unique


def to(target: str) -> Json:
    return {"reference": target}


def named(answer: Answer, mode: str) -> list[str]:
    """The entries of a mode as `Type/id`, sorted; no entry stands twice, and the matches come first."""
    assert answer.status == 200, answer.resource
    names = [f"{each['resource']['resourceType']}/{each['resource'].get('id')}" for each in answer.entries]
    assert max(Counter(names).values(), default=1) == 1
    modes = [each["search"]["mode"] for each in answer.entries]
    assert modes == sorted(modes, key=["match", "include", "outcome"].index)
    return sorted(name for name, each in zip(names, modes, strict=True) if each == mode)


@pytest.fixture(scope="module")
def ward(hub: HubClient) -> None:
    resources: list[Json] = [
        {"resourceType": "Organization", "id": "trust"},
        {"resourceType": "Organization", "id": "clinic", "partOf": to("Organization/trust")},
        {"resourceType": "Organization", "id": "ring-a", "partOf": to("Organization/ring-b")},
        {"resourceType": "Organization", "id": "ring-b", "partOf": to("Organization/ring-a")},
        {"resourceType": "Practitioner", "id": "who"},
        {"resourceType": "Practitioner", "id": "gone"},
        patient(
            id="ann",
            managingOrganization=to("Organization/clinic"),
            generalPractitioner=[to(f"{BASE}/Practitioner/who"), to("Practitioner/gone")],
        ),
        patient(id="bob", link=[{"other": to("Patient/ann"), "type": "seealso"}]),
        observation(id="a", subject=to("Patient/ann"), performer=[to("Practitioner/who"), to("Organization/trust")]),
        observation(id="b", subject=to(f"{BASE}/Patient/ann/_history/1"), hasMember=[to("Observation/a")]),
        observation(id="c", subject=to("https://elsewhere.example/Patient/ann"), hasMember=[to("Observation/b")]),
        observation(
            id="d", subject=to("#held"), contained=[{"resourceType": "Patient", "id": "held"}], focus=[to("Patient/x")]
        ),
        {
            "resourceType": "Provenance",
            "id": "proof",
            "target": [to("Observation/a"), to("Patient/bob")],
            "recorded": "2024-01-01T00:00:00Z",
            "agent": [{"who": to("Practitioner/who")}],
        },
    ]
    for each in resources:
        assert hub.put(f"{each['resourceType']}/{each['id']}", each).status == 201, each
    assert hub.delete("Practitioner/gone").status == 204


@pytest.mark.usefixtures("ward")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Observation?_id=a&_include=Observation:subject", ["Patient/ann"]),
        ("Observation?_id=a,b&_include=Observation:patient", ["Patient/ann"]),
        ("Observation?_id=a&_include=Observation:subject:Group", []),
        (
            "Observation?_id=a&_include=Observation:performer&_include=Observation:subject",
            ["Organization/trust", "Patient/ann", "Practitioner/who"],
        ),
        ("Observation?_id=a&_include=Observation:performer:Organization", ["Organization/trust"]),
        ("Observation?_id=a&_include=*", ["Organization/trust", "Patient/ann", "Practitioner/who"]),
        ("Observation?_id=b&_include=Observation:*", ["Observation/a", "Patient/ann"]),
        # Another server's, contained ones and those that are not there.
        ("Observation?_id=c,d&_include=Observation:subject&_include=Observation:focus", []),
        ("Patient?_id=ann&_include=Patient:general-practitioner", ["Practitioner/who"]),
        # What matches is not included, what is included not followed without :iterate.
        ("Observation?_id=a,b&_include=Observation:has-member", []),
        ("Observation?_id=c&_include=Observation:has-member", ["Observation/b"]),
        ("Observation?_id=c&_include:iterate=Observation:has-member", ["Observation/a", "Observation/b"]),
        ("Observation?_id=c&_include:recurse=Observation:has-member", ["Observation/a", "Observation/b"]),
        (
            "Observation?_id=a&_include=Observation:patient&_include:iterate=Patient:organization",
            ["Organization/clinic", "Patient/ann"],
        ),
        (
            "Observation?_id=a&_include=Observation:patient&_include:iterate=Patient:organization"
            "&_include:iterate=Organization:partof",
            ["Organization/clinic", "Organization/trust", "Patient/ann"],
        ),
        ("Organization?_id=ring-a&_include:iterate=Organization:partof", ["Organization/ring-b"]),
        ("Organization?_id=ring-a,ring-b&_include:iterate=*", []),
        ("Patient?_id=ann&_revinclude=Observation:subject", ["Observation/a", "Observation/b"]),
        (
            "Patient?_id=ann&_revinclude=Observation:patient&_revinclude=Patient:link",
            ["Observation/a", "Observation/b", "Patient/bob"],
        ),
        ("Observation?_id=a&_revinclude=Provenance:target", ["Provenance/proof"]),
        ("Observation?_id=a&_revinclude=Provenance:target:Observation", ["Provenance/proof"]),
        ("Patient?_id=ann&_revinclude=Observation:*", ["Observation/a", "Observation/b"]),
        ("Patient?_id=bob&_revinclude=*", ["Provenance/proof"]),
        (
            "Patient?_id=ann&_revinclude=Observation:patient&_revinclude:iterate=Provenance:target",
            ["Observation/a", "Observation/b", "Provenance/proof"],
        ),
        (
            "Organization?_id=trust&_revinclude:iterate=Organization:partof&_revinclude:iterate=Patient:organization",
            ["Organization/clinic", "Patient/ann"],
        ),
        (
            "Patient?_id=bob&_revinclude=Provenance:target&_include:iterate=Provenance:agent",
            ["Practitioner/who", "Provenance/proof"],
        ),
        ("Organization?_id=ring-a&_revinclude:iterate=Organization:partof", ["Organization/ring-b"]),
    ],
)  # fmt: skip
def test_what_is_around_the_matches_is_included(hub: HubClient, query: str, expected: list[str]) -> None:
    answer = hub.get(query)
    assert named(answer, "include") == expected
    assert answer.resource["total"] == len(named(answer, "match"))
    assert unquote(str(answer.link("self"))) == query
    for each in answer.entries:
        kind, logical_id = each["resource"]["resourceType"], each["resource"]["id"]
        assert each["fullUrl"] == f"{BASE}/{kind}/{logical_id}"
        assert each["resource"] == hub.get(f"{kind}/{logical_id}").resource


@pytest.mark.usefixtures("ward")
def test_each_page_includes_what_is_around_its_own_matches(hub: HubClient) -> None:
    pages = list(hub.pages("Observation?_id=a,c&_include=*&_count=1&_sort=_id"))
    assert [named(page, "match") for page in pages] == [["Observation/a"], ["Observation/c"]]
    assert named(pages[0], "include") == ["Organization/trust", "Patient/ann", "Practitioner/who"]
    assert named(pages[1], "include") == ["Observation/b"]


@pytest.mark.usefixtures("ward")
def test_count_of_none_includes_nothing(hub: HubClient) -> None:
    assert hub.get("Observation?_id=a&_include=*&_count=0").entries == []


@pytest.mark.usefixtures("ward")
def test_summary_is_one_of_what_is_included_too(hub: HubClient) -> None:
    answer = hub.get("Observation?_id=a&_include=Observation:patient&_summary=true")
    assert [each["resource"]["meta"]["tag"][0]["code"] for each in answer.entries] == ["SUBSETTED", "SUBSETTED"]


def test_canonicals_are_included_by_url_and_version(hub: HubClient) -> None:
    url = f"https://forms.example/{unique()}"
    for version in ("1", "2"):
        form = {"resourceType": "Questionnaire", "id": f"q{version}", "status": "active", "url": url}
        hub.put(f"Questionnaire/q{version}", form | {"version": version})
    for name, reference in (("any", url), ("first", f"{url}|1"), ("third", f"{url}|3")):
        response = {"resourceType": "QuestionnaireResponse", "id": name, "status": "completed"}
        hub.put(f"QuestionnaireResponse/{name}", response | {"questionnaire": reference})

    def around(query: str) -> list[str]:
        return named(hub.get(query), "include")

    asked = "_include=QuestionnaireResponse:questionnaire"
    assert around(f"QuestionnaireResponse?_id=any&{asked}") == ["Questionnaire/q1", "Questionnaire/q2"]
    assert around(f"QuestionnaireResponse?_id=first&{asked}") == ["Questionnaire/q1"]
    assert around(f"QuestionnaireResponse?_id=third&{asked}") == []
    asked = "_revinclude=QuestionnaireResponse:questionnaire"
    assert around(f"Questionnaire?_id=q1&{asked}") == ["QuestionnaireResponse/any", "QuestionnaireResponse/first"]
    assert around(f"Questionnaire?_id=q2&{asked}") == ["QuestionnaireResponse/any"]


@pytest.mark.parametrize("room", [1, 2, 3])
def test_more_than_a_page_can_hold_is_cut_and_said_so(
    hub: HubClient, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    value = unique()
    for number in range(3):
        hub.put(f"Observation/{value}-{number}", observation(id=f"{value}-{number}", subject=to(f"Patient/{value}")))
    hub.put(f"Patient/{value}", patient(id=value))
    monkeypatch.setattr(including, "MAX_INCLUDED", room)
    answer = hub.get(f"Patient?_id={value}&_revinclude=Observation:subject")
    newest = [f"Observation/{value}-{number}" for number in (2, 1, 0)]
    assert named(answer, "match") == [f"Patient/{value}"]
    assert named(answer, "include") == sorted(newest[:room])
    outcomes = [each["resource"] for each in answer.entries if each["search"]["mode"] == "outcome"]
    if room == 3:
        assert outcomes == []
        return
    (issue,) = outcomes[0]["issue"]
    assert (issue["severity"], issue["code"]) == ("warning", "too-costly")
    assert f"first {room} resources" in issue["diagnostics"]
    # The cut ends an iteration as well.
    again = hub.get(f"Patient?_id={value}&_revinclude:iterate=Observation:subject&_include:iterate=*")
    assert len(named(again, "include")) == room


@pytest.mark.usefixtures("ward")
def test_batch_and_transaction_include_what_they_wrote(hub: HubClient) -> None:
    value = unique()
    answer = hub.transaction(
        entry("PUT", f"Patient/{value}", patient(id=value)),
        entry("PUT", f"Observation/{value}", observation(id=value, subject=to(f"Patient/{value}"))),
        entry("GET", f"Observation?_id={value}&_include=Observation:subject"),
    )
    assert answer.status == 200, answer.resource
    found = answer.entries[2]["resource"]["entry"]
    assert [each["search"]["mode"] for each in found] == ["match", "include"]
    assert found[1]["resource"]["id"] == value


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("_include=Observation:subjet", "Did you mean subject?"),
        ("_include=Observaton:subject", "Did you mean Observation"),
        ("_include=Observation:subject:Practitioner", "never refers to Practitioner"),
        ("_revinclude=Encounter:patient", "never refers to Observation"),
    ],
)
def test_include_that_cannot_be_meant_is_refused(hub: HubClient, query: str, reason: str) -> None:
    answer = hub.get(f"Observation?{query}")
    assert (answer.status, answer.issue["code"]) == (400, "value")
    assert reason in answer.issue["diagnostics"]


def test_conditional_criteria_take_no_includes(hub: HubClient) -> None:
    answer = hub.delete("Observation?code=x&_include=*")
    assert answer.status == 400
    assert "_include, which does not select resources" in answer.issue["diagnostics"]
