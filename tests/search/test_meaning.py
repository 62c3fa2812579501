"""What docs/conformance.md says of criteria: for each sentence a resource that is found, and one that is not.

From the resource to the answer: extraction, parsing, matching. That MongoDB finds the same, test_differential shows.
https://hl7.org/fhir/R4/search.html
"""

from dataclasses import replace
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from fhirhub.model.json import Json

from .criteria_check import SITE, finds

UCUM = "http://unitsofmeasure.org"
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"
MR = "http://terminology.hl7.org/CodeSystem/v2-0203|MR"


def person(**more: object) -> Json:
    return {"resourceType": "Patient", **more}


def named(*families: str) -> Json:
    return person(name=[{"family": family} for family in families])


def coded(code: str | None, system: str | None = None, display: str | None = None) -> Json:
    coding = {"code": code, "system": system, "display": display}
    return {"resourceType": "Observation", "code": {"coding": [{key: each for key, each in coding.items() if each}]}}


def measured(value: str, unit: str, **more: str) -> Json:
    return {"resourceType": "Observation", "valueQuantity": {"value": Decimal(value), "unit": unit, **more}}


def ucum(value: str, unit: str) -> Json:
    return measured(value, unit, system=UCUM, code=unit)


def effective(value: str | Json) -> Json:
    name = "effectivePeriod" if isinstance(value, dict) else "effectiveDateTime"
    return {"resourceType": "Observation", name: value}


def repeated(bounds: Json) -> Json:
    return {"resourceType": "ServiceRequest", "occurrenceTiming": {"repeat": {"boundsPeriod": bounds}}}


def likely(low: str, high: str | None = None) -> Json:
    span = {"low": {"value": Decimal(low)}, "high": {"value": Decimal(high)}} if high else None
    prediction = {"probabilityRange": span} if span else {"probabilityDecimal": Decimal(low)}
    return {"resourceType": "RiskAssessment", "prediction": [prediction]}


def about(reference: str | None = None, **more: Json | str) -> Json:
    return {"resourceType": "Observation", "subject": {**({"reference": reference} if reference else {}), **more}}


def identified(*identifiers: tuple[str, str]) -> Json:
    system = MR.partition("|")[0]
    typed = [{"type": {"coding": [{"system": system, "code": code}]}, "value": value} for code, value in identifiers]
    return person(identifier=typed)


def answered(canonical: str) -> Json:
    return {"resourceType": "QuestionnaireResponse", "questionnaire": canonical}


def published(url: str) -> Json:
    return {"resourceType": "ValueSet", "url": url}


def attached(mime_type: str) -> Json:
    return {"resourceType": "DocumentReference", "content": [{"attachment": {"contentType": mime_type}}]}


def marked(**meta: object) -> Json:
    return person(meta=meta)


def paired(*parts: tuple[str, str]) -> Json:
    return {
        "resourceType": "Observation",
        "component": [{**coded(code), **ucum(value, "mm[Hg]")} for code, value in parts],
    }


DAY = {"start": "2012-02-01", "end": "2012-02-29"}
A, B = {"system": "urn:x", "code": "a"}, {"system": "urn:x", "code": "b"}
M, U = {"system": "urn:m"}, {"system": "urn:u"}
ELSEWHERE = "https://other.example.org/Patient/1"


@pytest.mark.parametrize(
    ("query", "found", "other"),
    [
        # Numbers: decimals as they are, their precision, ranges.
        ("probability=0.30", likely("0.304"), likely("0.305")),
        ("probability=gt0.3", likely("0.3000000000000000001"), likely("0.3")),
        ("probability=gt0.5", likely("0.2", "0.6"), likely("0.5")),
        ("probability=0.2", likely("0.2"), likely("0.2", "0.6")),
        # Dates: what is partial is a range, as are periods and timings.
        ("date=2012", effective("2012-12-31T23:59:59Z"), effective("2013-01-01")),
        ("date=2012-02", effective("2012-02-29"), effective("2012-03-01")),
        ("date=2012-02", effective(DAY), effective({"start": "2012-02-01"})),
        ("date=gt2020", effective({"start": "2012"}), effective({"end": "2020"})),
        ("occurrence=2012-02", repeated(DAY), repeated({"start": "2012-02-01", "end": "2012-03-01"})),
        # Strings: beginnings, and what does not count.
        ("family=MULL", named("Müller"), named("Schmüll")),
        ("family=Müll", named("muller"), named("Mü ll")),
        ("family=ＶＡＮ  der", named("van\u3000der Berg"), named("vander Berg")),
        ("family=Straße", named("STRASSER"), named("Stra")),
        # Tokens.
        ("code=a", coded("a", "urn:x"), coded("A", "urn:x")),
        ("code=a", coded("a"), coded("ab")),
        ("code=urn:x|a", coded("a", "urn:x"), coded("a", "urn:y")),
        ("code=urn:x|a", coded("a", "urn:x"), coded("A", "urn:x")),
        ("code=|a", coded("a"), coded("a", "urn:x")),
        ("code=urn:x|", coded("b", "urn:x"), coded("b", "urn:y")),
        ("code=a\\,b,c\\|d", coded("c|d"), coded("a")),
        ("code=\\\\", coded("\\"), coded("\\\\")),
        # References.
        ("subject=1", about("Group/1"), about("Patient/2")),
        ("subject=1", about("Location/1"), about("Location/11")),
        ("subject=Patient/1", about(f"{SITE.base_url}/Patient/1"), about(ELSEWHERE)),
        (f"subject={ELSEWHERE}", about(ELSEWHERE), about("Patient/1")),
        ("subject:Patient=1", about("Patient/1"), about("Group/1")),
        ("subject:identifier=urn:m|7", about(identifier={**M, "value": "7"}), about(identifier={**M, "value": "8"})),
        ("subject:identifier=7", about(identifier={"value": "7"}), about("Patient/7")),
        ("subject:text=ann", about(display="Anna"), about(display="Joann")),
        ("questionnaire=http://q.example.org", answered("http://q.example.org|2"), answered("http://q.example.org/x")),
        ("questionnaire=http://q.example.org|2", answered("http://q.example.org|2"), answered("http://q.example.org|1")),
        # Composites, quantities, URIs.
        ("component-code-value-quantity=s$gt100", paired(("s", "140"), ("d", "90")), paired(("s", "90"), ("d", "140"))),
        (f"value-quantity=5.40|{UCUM}|mg", ucum("0.0054", "g"), ucum("0.005406", "g")),
        (f"value-quantity=gt1|{UCUM}|[in_i]", ucum("2.54000000000000000001", "cm"), ucum("2.54", "cm")),
        ("value-quantity=5||drops", measured("5", "drops"), measured("5", "puffs")),
        ("value-quantity=5|urn:u|d", measured("5", "x", **U, code="d"), measured("5", "d", **M, code="d")),
        ("value-quantity=5", measured("5", "puffs"), measured("6", "puffs")),
        ("url=http://a.example.org/b", published("http://a.example.org/b"), published("http://a.example.org/b/c")),
        ("url=http://a.example.org/b", published("http://a.example.org/b"), published("http://a.example.org/B")),
        # Modifiers.
        ("family:missing=false", named("x"), person(name=[{"given": ["x"]}])),
        ("birthdate:missing=true", person(_birthDate={"extension": []}), person(birthDate="2000")),
        ("family:exact=Müller", named("Müller"), named("müller")),
        ("family:exact=Müller", named("x", "Müller"), named("Müllers")),
        ("family:contains=ULL", named("Schmüll"), named("Schul")),
        ("code:text=head", coded("1", display="Headache"), coded("1", display="no headache")),
        ("contenttype:below=text/xml", attached("text/xml;charset=UTF-8"), attached("text/xml-external-parsed-entity")),
        ("gender:not=male", person(), person(gender="male")),
        ("code:not=a", coded("b"), coded("a", "urn:x")),
        (f"gender:not-in={GENDERS}", person(), person(gender="male")),
        (f"identifier:of-type={MR}|1", identified(("MR", "1")), identified(("MR", "2"), ("SS", "1"))),
        # What all resources have.
        ("_tag=urn:x|a", marked(tag=[A]), marked(security=[A])),
        ("_security=urn:x|a", marked(security=[A]), marked(security=[B], tag=[A])),
        ("_profile=http://p.example", marked(profile=["http://p.example|1"]), marked(profile=["http://p.example/x"])),
        ("_source=http://s.example.org", marked(source="http://s.example.org"), marked(source="http://s.example.org/x")),
    ],
)  # fmt: skip
def test_criterion_finds_one_resource_and_not_the_other(query: str, found: Json, other: Json) -> None:
    name, _, value = query.partition("=")
    assert finds(name, value, found)
    assert not finds(name, value, other)


def test_day_is_one_of_the_zone_of_the_site() -> None:
    shanghai = replace(SITE, zone=ZoneInfo("Asia/Shanghai"))
    assert finds("date", "2026-03-01", effective("2026-02-28T20:00:00Z"), shanghai)
    assert not finds("date", "2026-03-01", effective("2026-02-28T20:00:00Z"))
    assert finds("date", "2026-03-01", effective("2026-03-01"), shanghai)
    assert finds("date", "2026-02-28T20:00:00Z", effective("2026-03-01T04:00:00+08:00"), shanghai)
