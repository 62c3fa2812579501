"""$match: what is asked, what is answered. https://hl7.org/fhir/R4/patient-operation-match.html"""

from urllib.parse import urlencode

import pytest

from fhirhub.builtin import match_candidates
from fhirhub.builtin.match_candidates import blocks
from fhirhub.builtin.match_person import person
from fhirhub.model.json import Json
from tests.builtin.parameters import sent
from tests.builtin.patient_register import (
    MRN,
    WANG,
    Register,
    by_phone,
    identified,
    outcome,
)
from tests.interactions.hub_client import HubClient, entry, patient, unique


def test_only_certain_matches_are_one_or_none(register: Register) -> None:
    register.has("one", **WANG, identifier=identified((MRN, "A-1")))
    register.has("two", **WANG)
    answer = register.asked(only_certain=True, **WANG, identifier=identified((MRN, "A-1")))
    assert [row["id"] for row in answer.resources[:-1]] == [f"{register.key}-one"]
    assert "1 matches that are not certain are left out" in outcome(answer)
    register.has("three", **WANG, identifier=identified((MRN, "A-1")))
    answer = register.asked(only_certain=True, **WANG, identifier=identified((MRN, "A-1")))
    assert answer.resource["total"] == 0
    assert "2 records match with certainty" in outcome(answer)
    assert len(register.rows(**WANG, identifier=identified((MRN, "A-1")))) == 3


def test_most_probable_come_first_and_count_cuts(register: Register) -> None:
    register.has("a", **WANG)
    register.has("b", **WANG, telecom=by_phone("13800138000"))
    register.has("c", **{**WANG, "birthDate": "1949-12-30"})
    assert list(register.rows(**WANG, telecom=by_phone("13800138000"))) == ["b", "a", "c"]
    answer = register.asked(1, **WANG, telecom=by_phone("13800138000"))
    assert [row["id"] for row in answer.resources[:-1]] == [f"{register.key}-b"]
    assert "2 more matches are left out by count" in outcome(answer)


def test_what_too_many_share_is_not_followed_but_told(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match_candidates, "MAX_SHARING", 3)
    for day in range(1, 6):
        register.has(f"p{day}", **{**WANG, "birthDate": f"1960-01-0{day}"})
    assert list(register.rows(**{**WANG, "birthDate": "1960-01-03"})) == ["p3"]
    answer = register.asked(name=WANG["name"], gender="female")
    assert answer.resource["total"] == 0
    assert "Too many patients share the family and given name" in outcome(answer)


def test_nobody_is_an_empty_answer_and_no_error(register: Register) -> None:
    answer = register.asked(identifier=identified((MRN, unique())))
    assert (answer.resource["total"], answer.entries[0]["search"]["mode"]) == (0, "outcome")


@pytest.mark.parametrize(
    "elements",
    [
        {},
        {"gender": "male"},
        {"birthDate": "1980-01-01", "gender": "male"},
        {"name": [{"family": "Smith"}]},
        {"name": [{"family": "Smith", "given": ["Jane"]}]},
        {"name": [{"text": "…!?"}], "birthDate": "1980-01-01"},
        {"identifier": [{"value": "1"}]},
        {"identifier": [{"system": MRN}]},
        {"identifier": [{"system": MRN, "value": "9" * 5000}]},
        {"telecom": [{"system": "phone", "value": "12"}]},
        {"telecom": [{"system": "email"}]},
    ],
)
def test_too_little_is_refused_and_says_what_is_needed(hub: HubClient, elements: Json) -> None:
    answer = hub.post("Patient/$match", sent(resource=patient(**elements)))
    assert (answer.status, answer.issue["code"]) == (400, "required")
    assert "Needed is one of" in answer.issue["diagnostics"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"resourceType": "Parameters"}, "resource: it is missing"),
        (sent(resource={"resourceType": "Observation", "status": "final", "code": {"text": "x"}}), "takes a Patient"),
        (sent(resource=patient(**WANG), valueInteger_count=0), "at least one"),
        (sent(resource=patient(**WANG), valueInteger_count=-5), "at least one"),
        (sent(resource=patient(**WANG), valueString_count="5"), "valueInteger"),
        (sent(resource=patient(birthDate=5)), "birthDate"),
        (sent(resource=patient(name=[{"family": ["x"]}])), "name"),
        (sent(resource=patient(nmae=[])), "nmae"),
        (sent(resource=patient(**WANG), valueBoolean_certain=True), "certain"),
    ],
)
def test_wrong_calls_are_refused_by_name(hub: HubClient, body: Json, says: str) -> None:
    answer = hub.post("Patient/$match", body)
    assert answer.status == 400
    assert says in " ".join(f"{each.get('expression')} {each['diagnostics']}" for each in answer.issues)


def test_patient_may_be_the_body_itself_and_get_cannot_ask(register: Register) -> None:
    register.has("wang", **WANG)
    answer = register.hub.post("Patient/$match", patient(**WANG))
    assert (answer.status, answer.resource["total"]) == (200, 1)
    refused = register.hub.get("Patient/$match")
    assert (refused.status, refused.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "text",
    ["\\", "a,b|c$d\\e", "'; drop", "%00", "é" * 300, "\u202e王", "👩‍👩‍👧", "𠮷野家", "Ａ" * 90, "-", "a" * 70_000],
)
def test_strange_texts_are_texts(hub: HubClient, text: str) -> None:
    asked = patient(
        name=[{"family": text, "given": [text, "b"], "text": f"{text} {text}"}],
        identifier=identified((f"urn:x:{'y'}", text), ("urn:z", "1")),
        telecom=[{"system": "phone", "value": text}, {"system": "email", "value": text}],
        address=[{"line": [text], "city": text, "postalCode": text}],
        birthDate="1980-02-01",
    )
    hub.post("Patient", asked)
    answer = hub.post("Patient/$match", sent(resource=asked))
    assert answer.status == 200, answer.resource
    assert answer.resource["total"] >= 1


def test_candidates_are_found_by_indexes(register: Register) -> None:
    rows = [
        patient(
            id=f"{register.key}-{number}",
            name=[{"family": f"Family{number}", "given": [f"Given{number}"]}],
            birthDate=f"{1950 + number % 60}-01-{number % 28 + 1:02}",
            identifier=identified((MRN, f"A-{number}")),
            telecom=by_phone(f"138{number:08}"),
        )
        for number in range(600)
    ]
    made = register.hub.transaction(*(entry("PUT", f"Patient/{row['id']}", row) for row in rows))
    assert made.status == 200
    queries = [query for block in blocks(rows[7], person(rows[7])) for query in (block.query, *block.narrower)]
    assert len(queries) >= 6
    for query in queries:
        told = register.hub.get(f"Patient?{urlencode([*query, ('_explain', 'true')])}").resource["parameter"]
        value = {row["name"]: row.get("valueInteger", row.get("valueBoolean")) for row in told}
        assert value["scansCollection"] is False
        assert value["documentsExamined"] <= 100, query
    assert register.grades(**{key: rows[7][key] for key in ("name", "birthDate", "telecom")}) == {"7": "probable"}
