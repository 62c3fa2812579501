"""$match: who is whom, and how sure that is. https://hl7.org/fhir/R4/patient-operation-match.html"""

from decimal import Decimal

import pytest

from fhirhub.builtin.match_comparison import compare
from fhirhub.builtin.match_identity import SYSTEM
from fhirhub.builtin.match_person import person
from fhirhub.model.json import Json
from tests.builtin.patient_register import (
    JANE,
    MRN,
    NUMBER,
    WANG,
    Register,
    by_phone,
    explained,
    grade,
    identified,
    outcome,
)
from tests.interactions.hub_client import patient


def test_answer_is_graded_scored_and_explained(register: Register) -> None:
    register.has("wang", **WANG, telecom=by_phone("+86 138-0013-8000"))
    answer = register.asked(**WANG, telecom=by_phone("13800138000"))
    assert (answer.resource["type"], answer.resource["total"]) == ("searchset", 1)
    row = answer.entries[0]
    assert row["fullUrl"].endswith(f"/Patient/{register.key}-wang")
    assert grade(row["search"]) == "certain"
    prior, elements, notes = explained(row["search"])
    assert {name for name, (result, _) in elements.items() if result == "agrees"} == {
        *("family", "given", "birthDate", "gender", "phone")
    }
    assert {name for name, (result, _) in elements.items() if result == "missing"} == {
        *("residentNumber", "identifier", "email", "address", "multipleBirth")
    }
    assert all(weight == 0 for result, weight in elements.values() if result == "missing")
    assert notes == []
    bits = prior + sum(weight for _, weight in elements.values())
    assert abs(Decimal(row["search"]["score"]) - 1 / (1 + Decimal(2) ** -bits)) <= Decimal("0.0001")
    assert "1 patients were compared; 0 of them are no match." in outcome(answer)


def test_score_is_that_of_the_printed_weights() -> None:
    """By hand: -16.61 + 3.72 (family 王) + 7.49 + 0.97 = -4.43; 1 / (1 + 2 ** 4.43) = 0.0443; then + 14.20."""
    found = compare(person(patient(**WANG)), person(patient(**WANG)))
    assert [str(each.weight) for each in found.findings if each.weight] == ["3.72", "7.49", "14.20", "0.97"]
    assert (found.score, found.grade) == (Decimal("0.98"), "probable")
    without = compare(person(patient(**WANG)), person({key: WANG[key] for key in ("name", "gender")}))
    assert (without.score, without.grade) == (Decimal("0.0443"), None)


def test_name_birth_date_and_sex_alone_are_not_certain(register: Register) -> None:
    register.has("one", **WANG)
    register.has("two", **WANG)
    assert register.grades(**WANG) == {"one": "probable", "two": "probable"}


@pytest.mark.parametrize(
    "name",
    [
        {"text": "王秀英"},
        {"text": "王 秀英"},
        {"family": "王", "given": ["秀英"]},
        {"family": "王", "given": ["秀", "英"]},
        {"family": "秀英", "given": ["王"]},
        {"given": ["王秀英"]},
        {"family": "王秀英"},
        {"family": "王", "given": ["王秀英"]},
    ],
)
@pytest.mark.parametrize("is_stored", [True, False])
def test_chinese_name_is_known_however_it_is_entered(register: Register, name: Json, is_stored: bool) -> None:
    usual, other = WANG, {**WANG, "name": [name]}
    register.has("wang", **(other if is_stored else usual))
    found = register.rows(**(usual if is_stored else other))
    assert grade(found["wang"]) == "probable"
    _, elements, _ = explained(found["wang"])
    assert (elements["family"][0], elements["given"][0]) == ("agrees", "agrees")


@pytest.mark.parametrize(
    ("name", "outcomes"),
    [
        ({"family": "OKONKWO", "given": ["jane mary"]}, ("agrees", "agrees")),
        ({"text": "Jane Mary Okonkwo"}, ("agrees", "agrees")),
        ({"text": "Okonkwo, Jane Mary"}, ("agrees", "agrees")),
        ({"family": "Okonkwo", "given": ["Jane"]}, ("agrees", "partial")),
        ({"family": "Okonkwo", "given": ["J."]}, ("agrees", "partial")),
        ({"family": "Okonkwu", "given": ["Jane", "Mary"]}, ("close", "agrees")),
        ({"family": "Okonkwo", "given": ["Jnae", "Mary"]}, ("agrees", "close")),
        ({"family": "Smith", "given": ["Jane", "Mary"]}, ("disagrees", "agrees")),
        ({"family": "Okonkwo", "given": ["Peter"]}, ("agrees", "disagrees")),
        ({"text": "王芳"}, ("missing", "missing")),
    ],
)
def test_latin_names_are_compared_part_by_part(register: Register, name: Json, outcomes: tuple[str, str]) -> None:
    both = {"telecom": by_phone("020 7946 0000")}
    register.has("jane", **JANE, **both)
    found = register.rows(**{**JANE, "name": [name]}, **both)
    _, elements, _ = explained(found["jane"])
    assert (elements["family"][0], elements["given"][0]) == outcomes


@pytest.mark.parametrize(
    ("asked", "result"),
    [
        ("1985-03-04", "agrees"),
        ("1985-04-03", "close"),
        ("1985-03-05", "close"),
        ("1958-03-04", "close"),
        ("1985-03", "partial"),
        ("1985", "partial"),
        ("1986", "disagrees"),
        ("1990-11-23", "disagrees"),
    ],
)
def test_birth_date_agrees_is_alike_or_disagrees(register: Register, asked: str, result: str) -> None:
    both = {"telecom": [{"system": "email", "value": "Jane@Example.org"}]}
    register.has("jane", **JANE, **both)
    found = register.rows(**{**JANE, "birthDate": asked}, telecom=[{"system": "email", "value": "jane@example.org"}])
    _, elements, notes = explained(found["jane"])
    assert elements["birthDate"][0] == result
    wanted = {
        "agrees": [],
        "partial": ["Not certain: two people can well have in common what agrees."],
    }
    assert notes == wanted.get(result, ["Not certain, whatever agrees: birthDate."])


def test_transposed_birth_date_is_found_without_anything_else_but_a_name(register: Register) -> None:
    register.has("jane", **JANE)
    assert register.grades(name=[{"family": "Okonkwo"}], birthDate="1985-04-03") == {}
    assert register.grades(**{**JANE, "birthDate": "1985-04-03"}) == {"jane": "probable"}


@pytest.mark.parametrize("stored", [NUMBER, NUMBER.lower(), "110105491231002", f" {NUMBER} "])
def test_resident_number_is_one_under_any_system_and_in_its_old_form(register: Register, stored: str) -> None:
    if stored != stored.strip():
        stored = stored.strip()
    register.has("wang", identifier=identified(("http://other.example/id", stored)))
    answered = register.rows(identifier=identified((SYSTEM, NUMBER)))
    assert {name: grade(search) for name, search in answered.items()} == {"wang": "certain"}
    _, elements, _ = explained(answered["wang"])
    # Birth date and sex are in the number: they do not count once more.
    assert (elements["birthDate"][0], elements["gender"][0]) == ("missing", "missing")


def test_resident_number_tells_birth_date_and_sex(register: Register) -> None:
    register.has("wang", **WANG)
    found = register.rows(identifier=identified((SYSTEM, NUMBER)), name=WANG["name"])
    _, elements, _ = explained(found["wang"])
    assert (elements["birthDate"][0], elements["gender"][0]) == ("agrees", "agrees")
    assert (elements["residentNumber"][0], grade(found["wang"])) == ("missing", "probable")


def test_two_resident_numbers_are_two_people(register: Register) -> None:
    register.has("wang", **WANG, identifier=identified((SYSTEM, "440524188001010014")), telecom=by_phone("13800138000"))
    found = register.rows(**WANG, identifier=identified((SYSTEM, NUMBER)), telecom=by_phone("13800138000"))
    assert grade(found["wang"]) == "certainly-not"
    assert Decimal(found["wang"]["score"]) <= Decimal("0.01")
    assert "residentNumber" in explained(found["wang"])[2][0]


def test_contradictions_of_what_was_sent_are_told(register: Register) -> None:
    wrong = register.asked(identifier=identified((SYSTEM, "110105194912310021")), **WANG)
    assert "The resident number is not valid" in outcome(wrong)
    other = register.asked(identifier=identified((SYSTEM, NUMBER)), gender="male", birthDate="1950-01-01")
    assert "number and birthDate contradict" in outcome(other)
    assert "number and gender contradict" in outcome(other)


def test_identifier_counts_within_its_system(register: Register) -> None:
    register.has("jane", **JANE, identifier=identified((MRN, "A-1")))
    number = register.rows(identifier=identified((MRN, "A-1")))
    assert grade(number["jane"]) == "probable"
    assert register.grades(identifier=identified(("http://other.example", "A-1"))) == {}
    assert register.grades(identifier=identified((MRN, "A-1")), **JANE) == {"jane": "certain"}
    other = register.rows(identifier=identified((MRN, "B-22")), **JANE)
    assert explained(other["jane"])[1]["identifier"][0] == "disagrees"
    slip = register.rows(identifier=identified((MRN, "A-2")), **JANE)
    assert explained(slip["jane"])[1]["identifier"][0] == "missing"
    elsewhere = register.rows(identifier=identified(("http://other.example", "B-22")), **JANE)
    assert explained(elsewhere["jane"])[1]["identifier"][0] == "missing"


TWIN = {"telecom": by_phone("13800138000"), "address": [{"city": "北京", "line": ["朝阳区建国路88号5栋1201室"]}]}


@pytest.mark.parametrize(
    ("elements", "more"),
    [
        # A twin: the same family name, birth date, phone, address and sex.
        ({**WANG, "name": [{"family": "王", "given": ["秀兰"]}]}, TWIN),
        # Father and son of one name.
        ({**WANG, "birthDate": "1975-06-01"}, TWIN),
        # Brother and sister.
        ({**WANG, "gender": "male"}, TWIN),
        # Twins, told by their order.
        ({**WANG, "multipleBirthInteger": 2}, TWIN),
        ({**WANG, "name": [{"text": "李秀英"}]}, {**TWIN, "identifier": identified((MRN, "A-1"))}),
        ({**WANG, "birthDate": "1949-12-30"}, {**TWIN, "identifier": identified((MRN, "A-1"))}),
        ({**WANG, "birthDate": "1949"}, TWIN),
        ({"name": WANG["name"]}, TWIN),
    ],
)
def test_somebody_like_them_is_never_certain(register: Register, elements: Json, more: Json) -> None:
    register.has("wang", **WANG, **TWIN, identifier=identified((MRN, "A-1")), multipleBirthInteger=1)
    (found,) = register.rows(**elements, **more).values()
    assert grade(found) == "probable"
    assert Decimal(found["score"]) <= Decimal("0.98")


def test_number_that_went_to_somebody_else_is_no_match(register: Register) -> None:
    register.has("wang", **WANG, identifier=identified((MRN, "A-1")))
    answer = register.asked(**{**JANE, "gender": "male"}, identifier=identified((MRN, "A-1")))
    assert answer.resource["total"] == 0
    assert "1 patients were compared; 1 of them are no match." in outcome(answer)


def test_replaced_record_leads_to_the_one_that_replaced_it(register: Register) -> None:
    key = register.key
    link = {"type": "replaced-by", "other": {"reference": f"Patient/{key}-new"}}
    register.has("new", **{**WANG, "birthDate": "1950-01-31"})
    register.has("old", **WANG, active=False, link=[link], telecom=by_phone("13800138000"))
    found = register.rows(**WANG, telecom=by_phone("13800138000"))
    assert list(found) == ["new"]
    assert grade(found["new"]) == "probable"
    assert Decimal(found["new"]["score"]) <= Decimal("0.95")
    assert f"Found by Patient/{key}-old, which was replaced by this record." in explained(found["new"])[2]


@pytest.mark.parametrize("target", ["Patient/{key}-gone", "Patient/{key}-old", "http://other.example/Patient/1"])
def test_replaced_record_that_leads_nowhere_is_answered_itself(register: Register, target: str) -> None:
    link = {"type": "replaced-by", "other": {"reference": target.format(key=register.key)}}
    register.has("old", **WANG, link=[link], telecom=by_phone("13800138000"))
    found = register.rows(**WANG, telecom=by_phone("13800138000"))
    assert grade(found["old"]) == "probable"
    assert "was replaced by" in explained(found["old"])[2][0]


def test_deceased_and_unused_records_are_told(register: Register) -> None:
    register.has("dead", **WANG, deceasedDateTime="2020", telecom=by_phone("13800138000"))
    register.has("unused", **WANG, active=False, telecom=by_phone("13800138000"))
    found = register.rows(**WANG, telecom=by_phone("13800138000"))
    assert explained(found["dead"])[2] == ["The patient is recorded as deceased."]
    assert explained(found["unused"])[2] == ["The record is not in use (active is false)."]
    assert (grade(found["dead"]), grade(found["unused"])) == ("certain", "probable")
