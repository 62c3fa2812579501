"""Index entries of resources: which values of which types become which keys."""

from collections.abc import Iterable
from datetime import UTC

import pytest

from fhirhub.definitions import r4
from fhirhub.model.json import Json
from fhirhub.search.dates import date_range
from fhirhub.search.extract import extract
from fhirhub.search.keys import string_key, system_id
from fhirhub.search.paths import branches
from fhirhub.search.site import Site
from fhirhub.search.values import RangeEntry

from .conftest import BASE_URL

LOINC = "http://loinc.org"


def tokens(resource: Json, *codes: str) -> set[str]:
    """The tokens of a resource, those of the named parameters if any are named."""
    found = extract(resource, resource["resourceType"], Site(BASE_URL)).tokens
    assert len(found) == len(set(found))
    return {token for token in found if not codes or token.partition("=")[0] in codes}


def strings(code: str, *texts: str) -> set[str]:
    return {f"{code}={string_key(text)}" for text in texts}


def observation(**elements: object) -> Json:
    return {"resourceType": "Observation", **elements}


def test_coding_gives_its_code_and_its_system() -> None:
    coding = {"system": LOINC, "code": "8480-6", "display": "Systolic"}
    loinc = system_id(LOINC)
    expected = {f"code=8480-6|{loinc}", f"code=|{loinc}"}
    assert tokens(observation(code={"coding": [coding], "text": "BP"}), "code") == expected


def test_coding_with_half_its_parts_gives_half_its_keys() -> None:
    assert tokens(observation(code={"coding": [{"code": "a"}]}), "code") == {"code=a|"}
    assert tokens(observation(code={"coding": [{"system": LOINC}]}), "code") == {f"code=|{system_id(LOINC)}"}


def test_element_without_a_key_is_still_present() -> None:
    resource = observation(code={"text": "only words"}, subject={"display": "somebody"})
    assert tokens(resource, "code", "subject") == {"code=", "subject="}
    assert "date=" in tokens(observation(effectivePeriod={"extension": [{"url": "http://x", "valueCode": "a"}]}))


def test_what_combined_parameters_find_is_indexed_once() -> None:
    resource = observation(code={"coding": [{"code": "a"}]}, component=[{"code": {"coding": [{"code": "b"}]}}])
    assert tokens(resource, "code", "combo-code", "component-code") == {"code=a|", "component-code=b|"}


def test_patient_gives_one_key_per_part_of_a_name() -> None:
    name = {"use": "official", "text": "Ann Lee Müller", "family": "Müller", "given": ["Ann", None, "Lee"]}
    resource: Json = {"resourceType": "Patient", "name": [name, {"text": "安妮"}]}
    assert tokens(resource, "name") == strings("name", "Ann Lee Müller", "Müller", "Ann", "Lee", "安妮")
    assert tokens(resource, "family") == strings("family", "Müller")
    assert tokens(resource, "given") == strings("given", "Ann", "Lee")


def test_names_are_found_by_their_sound() -> None:
    resource: Json = {
        "resourceType": "Patient",
        "name": [{"family": "Smith", "given": ["Jon", None], "prefix": ["Dr"]}],
    }
    assert tokens(resource, "phonetic") == {"phonetic=SNAT", "phonetic=JAN"}
    resource = {"resourceType": "Patient", "name": [{"text": "张三"}]}
    assert tokens(resource, "phonetic") == {"phonetic=zhang", "phonetic=san", "phonetic=zhangsan"}
    assert tokens({"resourceType": "Patient", "name": [{"text": "?"}]}, "phonetic") == {"phonetic="}
    assert tokens({"resourceType": "Organization", "name": "Knight & Sons"}, "phonetic") == {
        "phonetic=NAGT",
        "phonetic=SAN",
    }


def test_address_gives_one_key_per_part() -> None:
    address = {"line": ["1 High St"], "city": "Leeds", "postalCode": "LS1", "country": "GB", "use": "home"}
    resource: Json = {"resourceType": "Patient", "address": [address]}
    assert tokens(resource, "address") == strings("address", "1 High St", "Leeds", "LS1", "GB")
    assert tokens(resource, "address-city", "address-use") == {*strings("address-city", "Leeds"), "address-use=home|"}


def test_contact_points_are_sorted_by_system() -> None:
    telecom = [{"system": "phone", "value": "+44 1"}, {"system": "email", "value": "a@example.org", "use": "work"}]
    resource: Json = {"resourceType": "Patient", "telecom": telecom}
    assert tokens(resource) == {
        "telecom=+44 1|",
        "telecom=a@example.org|",
        "phone=+44 1|",
        "email=a@example.org|",
        "deceased=false|",
    }


def test_booleans_and_codes_have_no_system() -> None:
    resource: Json = {"resourceType": "Patient", "active": False, "gender": "other", "deceasedBoolean": True}
    assert tokens(resource) == {"active=false|", "gender=other|", "deceased=true|"}


@pytest.mark.parametrize(
    ("elements", "expected"),
    [({}, "false"), ({"deceasedBoolean": False}, "false"), ({"deceasedDateTime": "2020"}, "true")],
)
def test_deceased_is_computed(elements: Json, expected: str) -> None:
    assert tokens({"resourceType": "Patient", **elements}, "deceased") == {f"deceased={expected}|"}


def test_meta_gives_the_parameters_of_every_resource() -> None:
    meta = {
        "tag": [{"system": "urn:t", "code": "x"}],
        "security": [{"code": "R"}],
        "profile": ["http://p.example.org/a|1.0"],
        "source": "http://source.example.org#req",
        "versionId": "3",
        "lastUpdated": "2020-01-01T00:00:00Z",
    }
    resource: Json = {"resourceType": "Basic", "id": "1", "meta": meta}
    assert tokens(resource) == {
        f"_tag=x|{system_id('urn:t')}",
        f"_tag=|{system_id('urn:t')}",
        "_security=R|",
        "_profile=http://p.example.org/a",
        "_profile=http://p.example.org/a\x1f1.0",
        "_source=http://source.example.org#req",
    }
    assert extract(resource, "Basic", Site(BASE_URL)).dates == []


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("Patient/1", "Patient/1"),
        ("Patient/1/_history/2", "Patient/1"),
        (f"{BASE_URL}/Patient/1", "Patient/1"),
        ("http://other.example.org/Patient/1", "http://other.example.org/Patient/1"),
    ],
)
def test_reference_feeds_every_parameter_of_its_type(reference: str, key: str) -> None:
    found = tokens(observation(subject={"reference": reference}))
    assert found == {f"subject={key}", f"patient={key}"}


def test_reference_to_another_type_is_no_patient() -> None:
    assert tokens(observation(subject={"reference": "Group/1"})) == {"subject=Group/1"}


def test_reference_into_the_resource_counts_by_what_is_contained() -> None:
    contained = [{"resourceType": "Patient", "id": "p"}, {"resourceType": "Group", "id": "g"}]
    assert tokens(observation(contained=contained, subject={"reference": "#p"})) == {"subject=", "patient="}
    assert tokens(observation(contained=contained, subject={"reference": "#g"})) == {"subject="}


def test_reference_by_identifier_has_keys_of_its_own() -> None:
    pointer = {"type": "Patient", "identifier": {"system": "urn:mrn", "value": "7"}}
    mrn = system_id("urn:mrn")
    assert tokens(observation(subject=pointer)) == {
        "subject=",
        "patient=",
        f"subject:identifier=7|{mrn}",
        f"subject:identifier=|{mrn}",
        f"patient:identifier=7|{mrn}",
        f"patient:identifier=|{mrn}",
    }


def test_canonical_reference_is_found_with_and_without_its_version() -> None:
    resource: Json = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": "http://q.example.org/Questionnaire/q|2",
    }
    assert tokens(resource, "questionnaire") == {
        "questionnaire=http://q.example.org/Questionnaire/q",
        "questionnaire=http://q.example.org/Questionnaire/q\x1f2",
    }
    resource["questionnaire"] = f"{BASE_URL}/Questionnaire/q"
    assert tokens(resource, "questionnaire") == {"questionnaire=Questionnaire/q"}


def test_first_entry_of_a_document_is_its_composition() -> None:
    entry = [
        {"resource": {"resourceType": "Composition", "id": "c"}},
        {"resource": {"resourceType": "Patient", "id": "p"}},
    ]
    found = tokens({"resourceType": "Bundle", "type": "document", "entry": entry})
    assert {"type=document|", "composition=Composition/c"} <= found
    assert not any("Patient" in token for token in found)


def test_concepts_and_codings_are_found_by_what_they_are_called() -> None:
    coding = {"system": LOINC, "code": "8480-6", "display": "Systolic blood pressure"}
    resource = observation(code={"coding": [coding, {"display": "BP"}], "text": "BP"})
    assert tokens(resource, "code:text") == strings("code:text", "BP", "Systolic blood pressure")
    resource = {"resourceType": "Basic", "meta": {"tag": [{"code": "x", "display": "Extra"}]}}
    assert tokens(resource, "_tag:text") == strings("_tag:text", "Extra")


def test_references_are_found_by_their_display() -> None:
    pointer = {"reference": "Patient/1", "display": "Müller, Ann"}
    found = tokens(observation(subject=pointer), "subject:text", "patient:text")
    assert found == strings("subject:text", "Müller, Ann") | strings("patient:text", "Müller, Ann")
    found = tokens(observation(subject={**pointer, "reference": "Group/1"}), "subject:text", "patient:text")
    assert found == strings("subject:text", "Müller, Ann")


def test_identifiers_are_found_by_their_type() -> None:
    types = "http://terminology.hl7.org/CodeSystem/v2-0203"
    coding = {"system": types, "code": "M|R", "display": "Medical record number"}
    identifier = {"value": "7|8", "type": {"coding": [coding, {"code": "x"}, {"system": types}], "text": "MRN"}}
    resource: Json = {"resourceType": "Patient", "identifier": [identifier, {"type": {"coding": [coding]}}]}
    assert tokens(resource, "identifier:of-type") == {f"identifier:of-type=M\x1fR|{system_id(types)}|7\x1f8"}
    assert tokens(resource, "identifier:text") == strings("identifier:text", "Medical record number", "MRN")
    assert tokens(resource, "identifier") == {"identifier=7\x1f8|"}


def test_a_text_alone_is_no_key_of_the_parameter_itself() -> None:
    resource = observation(code={"text": "only words"}, subject={"display": "somebody"})
    assert tokens(resource, "code", "subject") == {"code=", "subject="}
    assert tokens(resource, "code:text") == strings("code:text", "only words")


def test_extension_is_called_what_its_value_is_called() -> None:
    url = "http://hl7.org/fhir/StructureDefinition/observation-geneticsGene"
    gene = {"coding": [{"code": "BRCA1", "display": "Breast cancer 1"}]}
    resource = observation(extension=[{"url": url, "valueCodeableConcept": gene}])
    assert tokens(resource, "gene-identifier:text") == strings("gene-identifier:text", "Breast cancer 1")
    resource = observation(extension=[{"url": url, "valueString": "BRCA1"}])
    assert tokens(resource) == {"gene-identifier=BRCA1|"}


def test_uri_keeps_a_thousand_characters() -> None:
    url = "http://example.org/" + "x" * 981
    resource: Json = {"resourceType": "ValueSet", "url": url, "status": "draft"}
    assert tokens(resource, "url") == {f"url={url}"}
    (longer,) = tokens({**resource, "url": url + "x"}, "url")
    assert longer.startswith("url=http://example.org/xxx")
    assert len(longer) < 600
    (other,) = tokens({**resource, "url": url + "y"}, "url")
    assert other != longer


def test_extension_gives_its_value() -> None:
    url = "http://hl7.org/fhir/StructureDefinition/observation-geneticsGene"
    gene = {"coding": [{"system": "urn:g", "code": "BRCA1"}]}
    resource = observation(extension=[{"url": url, "valueCodeableConcept": gene}, {"url": "urn:x", "valueCode": "y"}])
    assert tokens(resource) == {
        f"gene-identifier=BRCA1|{system_id('urn:g')}",
        f"gene-identifier=|{system_id('urn:g')}",
    }


def dates(resource: Json) -> Iterable[RangeEntry]:
    return extract(resource, resource["resourceType"], Site(BASE_URL)).dates


def test_dates_of_all_kinds_become_ranges() -> None:
    day = date_range("2013-01-14", UTC)
    assert day is not None
    assert dates(observation(effectiveDateTime="2013-01-14")) == [RangeEntry("date", *day)]
    assert dates(observation(effectivePeriod={"start": "2013-01-14", "end": "2013-01-14"})) == [
        RangeEntry("date", *day)
    ]
    assert dates(observation(effectiveTiming={"event": ["2013-01-14"]})) == [RangeEntry("date", *day)]
    assert dates({"resourceType": "Patient", "birthDate": "2013-01-14"}) == [RangeEntry("birthdate", *day)]


def test_free_text_where_a_date_may_stand_is_present_but_no_date() -> None:
    resource: Json = {"resourceType": "Procedure", "performedString": "last summer"}
    assert tokens(resource) == {"date="}
    assert dates(resource) == []


def test_primitive_without_a_value_is_missing() -> None:
    resource: Json = {
        "resourceType": "Patient",
        "_birthDate": {"extension": [{"url": "urn:x", "valueCode": "unknown"}]},
    }
    assert tokens(resource) == {"deceased=false|"}
    assert dates(resource) == []


def test_parts_that_have_extensions_only_are_passed_over() -> None:
    unknown = {"extension": [{"url": "urn:x", "valueCode": "unknown"}]}
    resource = observation(
        _status=unknown,
        code={"coding": [{"system": LOINC, "_code": unknown, "_display": unknown}], "_text": unknown},
        identifier=[{"_value": unknown, "type": {"coding": [{"system": LOINC, "code": "a"}]}}],
        subject={"_reference": unknown},
    )
    loinc = system_id(LOINC)
    assert tokens(resource) == {f"code=|{loinc}", "identifier=", "subject="}
    resource = {"resourceType": "Patient", "name": [{"given": [None, "Ann"], "_given": [unknown, None]}, {}]}
    assert tokens(resource, "given", "phonetic") == {*strings("given", "Ann"), "phonetic=AN"}


def test_order_of_entries_is_that_of_the_resource() -> None:
    resource = observation(code={"coding": [{"code": "a"}, {"code": "b"}]}, status="final")
    found = extract(resource, "Observation", Site(BASE_URL)).tokens
    assert found == ["code=a|", "code=b|", "status=final|"]


@pytest.mark.parametrize("resource_type", r4().resource_types)
def test_expressions_of_every_type_are_compiled(resource_type: str) -> None:
    entries = extract({"resourceType": resource_type}, resource_type, Site(BASE_URL))
    assert entries.tokens == (["deceased=false|"] if resource_type == "Patient" else [])
    assert entries.dates == []


def test_branches_know_where_they_start_and_end() -> None:
    known = r4().search_parameters("Observation")
    value, extension = known["value-concept"], known["gene-identifier"]
    (branch,) = branches(value, "Observation")
    assert branch.properties == {"valueCodeableConcept"}
    assert [element.type for element in branch.elements] == ["CodeableConcept"]
    (branch,) = branches(known["patient"], "Observation")
    assert (branch.expression, branch.only, set(branch.properties)) == ("Observation.subject", "Patient", {"subject"})
    (branch,) = branches(extension, "Observation")
    assert (set(branch.properties), branch.elements) == ({"extension"}, ())
    (branch,) = branches(r4().search_parameters("Patient")["deceased"], "Patient")
    assert branch.properties == frozenset()
    names = branches(r4().search_parameters("InsurancePlan")["name"], "InsurancePlan")
    assert [branch.properties for branch in names] == [{"name"}, {"alias"}]
