"""Token modifiers: texts, types of identifiers, value sets, hierarchies."""

from dataclasses import dataclass, replace

import pytest

from fhirhub.definitions import r4, r4_code_systems
from fhirhub.model.json import Json
from fhirhub.search.filter import Nothing, TokenHas, TokenStartsWith
from fhirhub.search.parameters import SearchParameters
from fhirhub.search.terminology import R4Terminology, r4_terminology
from fhirhub.search.terminology_expansion import Coding

from .criteria_check import SITE, filter_of, finds, refusal

CONDITION_STATUS = "http://terminology.hl7.org/CodeSystem/condition-clinical"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"


def observed(*codings: tuple[str, str], text: str | None = None, display: str | None = None) -> Json:
    found = [{"system": system, "code": code} | ({"display": display} if display else {}) for system, code in codings]
    return {"resourceType": "Observation", "code": {"coding": found} | ({"text": text} if text else {})}


def condition(status: str) -> Json:
    return {"resourceType": "Condition", "clinicalStatus": {"coding": [{"system": CONDITION_STATUS, "code": status}]}}


PATIENT: Json = {
    "resourceType": "Patient",
    "gender": "female",
    "identifier": [
        {"type": {"coding": [{"system": IDENTIFIER_TYPE, "code": "MR"}], "text": "Medical record"}, "value": "4|4"},
        {"type": {"coding": [{"system": IDENTIFIER_TYPE, "code": "SS"}]}, "value": "12345"},
    ],
}


def test_text_finds_the_beginning_of_what_a_code_is_called() -> None:
    pressure = observed(("http://loinc.org", "8480-6"), text="Systolic Pressure", display="Système artériel")
    assert finds("code:text", "systolic", pressure)
    assert finds("code:text", "SYSTEME ART", pressure)
    assert not finds("code:text", "pressure", pressure)
    assert finds("identifier:text", "medical", PATIENT)
    assert filter_of("Observation", "code:text", "a\\|b") == TokenStartsWith("code:text=a\x1fb")


def test_of_type_takes_type_and_value_of_one_identifier() -> None:
    assert finds("identifier:of-type", f"{IDENTIFIER_TYPE}|MR|4\\|4", PATIENT)
    assert finds("identifier:of-type", f"{IDENTIFIER_TYPE}|SS|12345", PATIENT)
    assert not finds("identifier:of-type", f"{IDENTIFIER_TYPE}|MR|12345", PATIENT)
    for value in ("12345", f"{IDENTIFIER_TYPE}|MR", f"|MR|{12345}", f"{IDENTIFIER_TYPE}||12345", "a|b|c|d"):
        assert "system|code|value" in refusal("Patient", "identifier:of-type", value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("clinical-status:below", f"{CONDITION_STATUS}|active", {"active", "recurrence", "relapse"}),
        ("clinical-status:above", f"{CONDITION_STATUS}|recurrence", {"active", "recurrence"}),
        ("clinical-status:below", f"{CONDITION_STATUS}|recurrence", {"recurrence"}),
        ("clinical-status:in", "http://hl7.org/fhir/ValueSet/condition-clinical", {"all"}),
        ("clinical-status:in", "http://hl7.org/fhir/ValueSet/condition-clinical|4.0.1", {"all"}),
        ("clinical-status:not-in", "http://hl7.org/fhir/ValueSet/condition-clinical", {"unheard-of"}),
        ("clinical-status:in", "http://hl7.org/fhir/ValueSet/condition-ver-status", set()),
    ],
)
def test_hierarchies_and_value_sets_of_r4_are_known(name: str, value: str, expected: set[str]) -> None:
    known = {"active", "recurrence", "relapse", "inactive", "remission", "resolved"}
    expected = known if expected == {"all"} else expected
    assert {status for status in {*known, "unheard-of"} if finds(name, value, condition(status))} == expected


def test_a_mere_code_has_the_system_of_its_binding() -> None:
    genders = "http://hl7.org/fhir/ValueSet/administrative-gender"
    assert finds("gender:in", genders, PATIENT)
    assert not finds("gender:not-in", genders, PATIENT)
    assert not finds("gender:in", "http://hl7.org/fhir/ValueSet/observation-status", PATIENT)
    assert finds("gender:not-in", genders, {"resourceType": "Patient"})
    assert finds("gender:below", "female", PATIENT)
    assert finds("gender:above", "http://hl7.org/fhir/administrative-gender|female", PATIENT)
    assert "no code 'femail'" in refusal("Patient", "gender:below", "femail")


def test_not_in_asks_for_resources_without_any_code_of_the_set() -> None:
    both = observed((ACT_CODE, "AMB"), ("http://other.example.org", "x"))
    name, encounters = "code", "http://terminology.hl7.org/ValueSet/v3-ActEncounterCode"
    assert finds(f"{name}:in", encounters, both)
    assert not finds(f"{name}:not-in", encounters, both)
    assert finds(f"{name}:not-in", encounters, observed(("http://other.example.org", "AMB")))


def test_codes_below_one_of_v3_are_found() -> None:
    encounter: Json = {"resourceType": "Encounter", "class": {"system": ACT_CODE, "code": "ACUTE"}}
    assert finds("class:below", f"{ACT_CODE}|IMP", encounter)
    assert not finds("class:above", f"{ACT_CODE}|IMP", encounter)
    assert finds("class:above", f"{ACT_CODE}|ACUTE", {**encounter, "class": {"system": ACT_CODE, "code": "IMP"}})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("code:in", "http://example.org/nowhere", "'http://example.org/nowhere' is not known here"),
        ("code:in", "http://hl7.org/fhir/ValueSet/observation-categry", "Did you mean http://hl7.org/fhir/ValueSet/observation-category"),
        ("code:not-in", "http://hl7.org/fhir/ValueSet/condition-clinical|3.0.0", "|3.0.0' is not known here"),
        ("code:in", "ValueSet/nowhere", "'ValueSet/nowhere' is not known here"),
        ("code:in", "Patient/1", "refers to no ValueSet"),
        ("code:below", "http://snomed.info/sct|73211009", "'http://snomed.info/sct' is not known here completely"),
        ("code:below", f"{ACT_CODE}|no-such-code", "no code 'no-such-code'"),
        ("code:below", "73211009", "is not of the form system|code"),
        ("code:above", f"{ACT_CODE}|", "is not of the form system|code"),
        ("code:above", "|AMB", "is not of the form system|code"),
    ],
)  # fmt: skip
def test_what_terminology_does_not_know_is_refused_by_name(name: str, value: str, says: str) -> None:
    assert says in refusal("Observation", name, value)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A terminology of one value set of any size."""

    size: int

    def members(self, value_set: str) -> frozenset[Coding] | None:
        if value_set not in ("ValueSet/1", "http://example.org/vs"):
            return None
        return frozenset(("http://example.org", f"c{number}") for number in range(self.size))

    def subsumed(self, system: str, code: str) -> frozenset[str] | None:
        return r4_terminology().subsumed(system, code)

    def subsuming(self, system: str, code: str) -> frozenset[str] | None:
        return r4_terminology().subsuming(system, code)


def test_value_set_may_be_named_by_a_reference() -> None:
    site = replace(SITE, terminology=Numbered(3))
    resource = observed(("http://example.org", "c1"))
    for value in (
        "ValueSet/1",
        f"{SITE.base_url}/ValueSet/1",
        "http://example.org/vs",
        "http://example.org/vs,ValueSet/1",
    ):
        assert finds("code:in", value, resource, site)
        assert not finds("code:in", value, observed(("http://example.org", "c3")), site)
    assert "not known" in refusal("Observation", "code:in", "http://other.example.org/fhir/ValueSet/1", site)


def test_value_set_of_too_many_codes_is_refused() -> None:
    largest = replace(SITE, terminology=Numbered(10_000))
    assert finds("code:in", "ValueSet/1", observed(("http://example.org", "c9999")), largest)
    larger = replace(SITE, terminology=Numbered(10_001))
    assert "more than 10000 codes" in refusal("Observation", "code:in", "ValueSet/1", larger, code="too-costly")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("image", True), ("image/*", True), ("image/png", True), ("image/jpeg", False), ("im", False), ("text", False)],
)
def test_mime_types_are_below_their_kind(value: str, expected: bool) -> None:
    document: Json = {
        "resourceType": "DocumentReference",
        "content": [{"attachment": {"contentType": "image/png;transparent=yes"}}],
    }
    assert finds("contenttype:below", value, document) is expected


@pytest.mark.parametrize(
    ("name", "valid", "invalid"),
    [
        ("gender:text", ":missing, :not, :in, :not-in, :above, :below.", "text"),
        ("active:in", ":missing, :not.", "in"),
        ("telecom:below", ":missing, :not.", "below"),
        ("identifier:in", ":missing, :not, :text, :of-type.", "in"),
        ("_id:text", ":missing, :not.", "text"),
        ("general-practitioner:of-type", ":missing, :identifier, :text, :above, :below and its", "of-type"),
    ],
)
def test_modifier_without_meaning_for_what_is_found_is_refused(name: str, valid: str, invalid: str) -> None:
    text = refusal("Patient", name, "a", code="not-supported")
    assert f"the modifier :{invalid} is not supported" in text
    assert f"supported: {valid}" in text


@pytest.mark.parametrize(
    ("resource_type", "name", "hint"),
    [
        ("Patient", "name:contain", ":contains"),
        ("Patient", "name:Exact", ":exact"),
        ("Observation", "code:notin", ":not-in"),
        ("Observation", "subject:Patients", ":Patient"),
        ("Observation", "subject:identifer", ":identifier"),
        ("Observation", "value-quantity:mising", ":missing"),
    ],
)
def test_misspelt_modifier_gets_the_nearest_name(resource_type: str, name: str, hint: str) -> None:
    assert f"Did you mean {hint}" in refusal(resource_type, name, "a", code="not-supported")


def test_contains_is_a_part_of_a_folded_text() -> None:
    assert filter_of("Patient", "name:contains", "ÉL") == TokenHas("name=", "el")
    patient: Json = {"resourceType": "Patient", "name": [{"family": "Vélez", "text": "王 小明"}]}
    assert finds("name:contains", "ELE", patient)
    assert finds("name:contains", "小", patient)
    assert not finds("name:contains", "elen", patient)
    assert "no character that counts" in refusal("Patient", "name:contains", "\u0301")
    assert "first 200 characters" in refusal("Patient", "name:contains", "x" * 201)


def test_value_sets_of_r4_agree_with_the_codes_of_required_bindings() -> None:
    told = 0
    for url, systems in r4().codings.items():
        known = r4_terminology().members(url)
        if not systems or any(codes is None for codes in systems.values()):
            assert known is None, url
        else:
            assert known == frozenset((system, code) for system, codes in systems.items() for code in codes or ()), url
            told += 1
    assert told > 200


def test_codes_above_and_below_are_each_others_opposite() -> None:
    with_hierarchy = [system for system in r4_code_systems().values() if any(system.parents.values())]
    assert len(with_hierarchy) > 60
    for system in with_hierarchy[:30]:
        for code in list(system.parents)[:50]:
            assert all(code in (system.above(each) or ()) for each in system.below(code) or ())


def test_system_of_a_mere_code_is_the_one_its_binding_tells() -> None:
    genders = "http://hl7.org/fhir/administrative-gender"
    assert finds("gender", f"{genders}|female", PATIENT)
    assert not finds("gender", f"{genders}|male", PATIENT)
    assert not finds("gender:not", f"{genders}|female", PATIENT)
    assert finds("gender", f"{genders}|", PATIENT)
    assert not finds("gender", f"{genders}|", {"resourceType": "Patient", "gender": "unheard-of"})
    assert genders in refusal("Patient", "gender", "http://example.org|female")
    assert "cannot all be told" in refusal("DocumentReference", "contenttype", "urn:ietf:bcp:13|")


def test_alternatives_that_are_repeated_are_read_once() -> None:
    asked: list[str] = []

    class Asked(R4Terminology):
        def members(self, value_set: str) -> frozenset[Coding] | None:
            asked.append(value_set)
            return super().members(value_set)

    one, site = "http://terminology.hl7.org/ValueSet/v3-ActCode", replace(SITE, terminology=Asked())
    expected = filter_of("Observation", "code:in", one)
    assert filter_of("Observation", "code:in", ",".join([one] * 1000), site) == expected
    assert asked == [one]


def test_alternatives_that_take_too_many_comparisons_are_refused_before_all_are_read() -> None:
    asked: list[str] = []

    class Large(R4Terminology):
        def members(self, value_set: str) -> frozenset[Coding] | None:
            asked.append(value_set)
            return frozenset(("http://example.org", f"{number}") for number in range(6_000))

    value = ",".join(f"http://example.org/{number}" for number in range(1000))
    site = replace(SITE, terminology=Large())
    assert "10000 comparisons" in refusal("Observation", "code:in", value, site, code="too-costly")
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ("Patient?gender=mael", "no Patient can have the code 'mael' there. Did you mean male or female?"),
        ("Patient?gender:not=Female", "Did you mean female or male?"),
        ("Patient?gender=|femal", "Did you mean female or male?"),
        ("Patient?gender=http://hl7.org/fhir/administrative-gender|x", "The codes are female, male, other, unknown."),
        ("Patient?active=maybe", "The codes are true, false."),
        ("Patient?deceased=yes", "The codes are true, false."),
        ("Observation?status=finl", "Did you mean final?"),
        ("ValueSet?status=\u96ea", "The codes are active, draft, retired, unknown."),
        ("StructureDefinition?type=Patient&base-path=x", None),
        ("Observation?code=mael", None),
        ("DocumentReference?contenttype=text/plian", None),
        ("DocumentReference?language=xx-nowhere", None),
        ("Patient?gender=http://hl7.org/fhir/administrative-gender|", None),
    ],
)
def test_code_that_nothing_can_have_is_refused_with_the_nearest(search: str, says: str | None) -> None:
    resource_type, _, rest = search.partition("?")
    for criterion in rest.split("&"):
        name, _, value = criterion.partition("=")
        if says is None:
            filter_of(resource_type, name, value)
        else:
            assert says in refusal(resource_type, name, value)


def test_condition_within_a_path_tells_no_code() -> None:
    added = replace(
        r4().search_parameters("Patient")["gender"],
        code="old-gender",
        expression="Patient.contact.where(gender != 'male').gender",
    )
    site = replace(SITE, parameters=SearchParameters([added]))
    assert filter_of("Patient", "old-gender", "mael", site) != Nothing()
