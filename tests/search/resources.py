"""Small random resources over a small vocabulary, so that queries (see `queries`) meet resources often."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from fhirhub.model.json import Json

from .conftest import BASE_URL

UCUM = "http://unitsofmeasure.org"
CODES = st.sampled_from(["a", "ab", "a|b", "A", "a%7Cb", "a\\", "%", "a$b", "a,b", "x" * 250])
SYSTEMS = st.sampled_from(["http://s.example.org", "http://s.example.org/t", "urn:x"])
WORDS = st.sampled_from(
    ["Ann", "ann", "Anna", "Ånn", "张", "张三", "a,b", "a|b", "a b", "Straße", "\U0010ffff", "\ud7ff"]
)
TEXTS = st.sampled_from(
    [
        "Ann is well",
        "ann",
        "张三血压正常",
        "血压",
        "高血压 (stable)",
        "Straße in Bad Ischl",
        "a b",
        "B12",
        "ﬁne",
        "韓国의 한국",
    ]
)
DATES = st.sampled_from(
    [
        "2012", "2013", "2013-01", "2013-01-14", "2013-01-15", "2013-01-14T10:00:00Z", "2013-01-14T10:00:00.5Z",
        "2013-01-14T18:00:00+08:00", "2014-12-31",
    ]
)  # fmt: skip
NUMBERS = st.sampled_from(
    [
        "0", "1", "2", "5.4", "5.40", "5.35", "5.45", "5.449", "0.0054", "5400", "54", "100", "99.5", "100.5", "1e2",
        "-1", "-5.4", "37", "98.6", "310.15", "2.2046226218", "1e-30", "12345678901234567890.1234567890123",
        "123456789012345678901234567890.123456789012345",
    ]
)  # fmt: skip
UNITS = st.sampled_from(
    [
        "mg",
        "g",
        "kg",
        "[lb_av]",
        "mg/dL",
        "g/L",
        "mmol/L",
        "mol/L",
        "Cel",
        "[degF]",
        "K",
        "mm[Hg]",
        "kPa",
        "1",
        "%",
        "{x}/d",
    ]
)
IDS = st.sampled_from(["1", "2", "a.b"])
REFERENCES = st.one_of(
    st.builds("{}/{}".format, st.sampled_from(["Patient", "Group"]), IDS),
    st.builds(f"{BASE_URL}/Patient/{{}}".format, IDS),
    st.builds("Patient/{}/_history/1".format, IDS),
    st.sampled_from(["http://other.example.org/Patient/1", "urn:uuid:1", "#inside", "#group"]),
)
URIS = st.sampled_from(
    [
        "http://a.example.org", "http://a.example.org/", "http://a.example.org/b", "http://a.example.org/bc",
        "http://a.example.org/b/c", "http://a.example.org/b?x=1|2", "urn:oid:1.2.3", "urn:oid:1.2.34", "A/B", "%", "http://ä/",
        "http://a.example.org/" + "b/" * 200,
    ]
)  # fmt: skip
PLACES = st.sampled_from(
    [
        ("0", "0"), ("0", "1"), ("0.0001", "0"), ("10", "20"), ("90", "0"), ("-90", "5"), ("-33.87", "151.2"),
        ("0", "180"), ("0", "-179.9"),
    ]
)  # fmt: skip


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """Objects with any of the given properties and at least one."""
    return st.fixed_dictionaries({}, optional=optional).filter(bool)


def up_to(most: int, values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Lists of at least one and at most `most`."""
    return st.lists(values, min_size=1, max_size=most)


def resource(resource_type: str, optional: dict[str, st.SearchStrategy[Any]], **always: Any) -> st.SearchStrategy[Json]:
    """Resources of a type; each may have a tag, a profile and a narrative besides."""
    shared: dict[str, st.SearchStrategy[Any]] = {
        "meta": some(
            tag=up_to(1, CODINGS), security=up_to(1, CODINGS), profile=st.just(["http://p.example.org|1"]), source=URIS
        ),
        "text": NARRATIVES,
    }
    return st.fixed_dictionaries({"resourceType": st.just(resource_type), **always}, optional={**shared, **optional})


DECIMALS = NUMBERS.map(Decimal)
NARRATIVES = TEXTS.map(lambda text: {"status": "generated", "div": f"<div><p>{text}</p><b>x</b></div>"})
CODINGS = some(system=SYSTEMS, code=CODES, display=WORDS)
CONCEPTS = some(coding=up_to(2, CODINGS), text=WORDS)
IDENTIFIERS = some(system=SYSTEMS, value=CODES, type=CONCEPTS)
PERIODS = some(start=DATES, end=DATES)
POINTERS = some(reference=REFERENCES, identifier=IDENTIFIERS, display=WORDS)
COMPARATORS = st.sampled_from(["<", "<=", ">=", ">"])
MEASURED = st.builds(lambda unit, value: {"value": value, "unit": unit, "system": UCUM, "code": unit}, UNITS, DECIMALS)
QUANTITIES = st.one_of(
    MEASURED,
    st.builds(lambda measured, comparator: {**measured, "comparator": comparator}, MEASURED, COMPARATORS),
    some(value=DECIMALS, unit=UNITS),
    some(value=DECIMALS, unit=UNITS, system=SYSTEMS, code=CODES),
    st.builds(lambda value: {"value": value, "unit": "m|g", "system": UCUM, "code": "no such unit"}, DECIMALS),
)
RANGES = st.builds(lambda low, high: {"low": low, "high": high}, MEASURED, MEASURED)
NAMES = some(family=WORDS, given=up_to(2, WORDS), text=WORDS, use=st.just("official"))
TIMINGS = some(event=up_to(2, DATES), repeat=some(boundsPeriod=PERIODS))

PATIENTS = resource(
    "Patient",
    {
        "identifier": up_to(2, IDENTIFIERS),
        "active": st.booleans(),
        "name": up_to(2, NAMES),
        "telecom": up_to(2, some(system=st.sampled_from(["phone", "email"]), value=CODES)),
        "gender": st.sampled_from(["male", "female"]),
        "birthDate": DATES.filter(lambda text: "T" not in text),
        "address": up_to(1, some(city=WORDS, line=up_to(2, WORDS))),
        "generalPractitioner": up_to(2, POINTERS),
    },
)
OBSERVATIONS = resource(
    "Observation",
    {
        "category": up_to(2, CONCEPTS),
        "subject": POINTERS,
        "effectivePeriod": PERIODS,
        "valueCodeableConcept": CONCEPTS,
        "valueQuantity": QUANTITIES,
        "valueString": TEXTS,
        "note": up_to(1, some(text=TEXTS)),
        "component": up_to(
            3,
            st.fixed_dictionaries(
                {"code": CONCEPTS}, optional={"valueQuantity": QUANTITIES, "valueCodeableConcept": CONCEPTS}
            ),
        ),
    },
    contained=st.just([{"resourceType": "Patient", "id": "inside"}, {"resourceType": "Group", "id": "group"}]),
    status=st.sampled_from(["final", "amended"]),
    code=CONCEPTS,
)
DOSES = resource("ServiceRequest", {"occurrenceTiming": TIMINGS}, subject=POINTERS)
RISKS = resource(
    "RiskAssessment",
    {"prediction": up_to(2, st.one_of(some(probabilityDecimal=DECIMALS), some(probabilityRange=RANGES)))},
    subject=POINTERS,
)
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
STATUSES = st.builds(
    lambda code, system: {"coding": [{"code": code, "system": system}]},
    st.sampled_from(["active", "resolved", "a"]),
    st.sampled_from([CLINICAL, "urn:x"]),
)
CONDITIONS = resource("Condition", {"clinicalStatus": STATUSES, "onsetAge": MEASURED}, subject=POINTERS)
LOCATIONS = resource(
    "Location",
    {
        "name": WORDS,
        "position": PLACES.map(lambda at: dict(zip(("latitude", "longitude"), map(Decimal, at), strict=True))),
    },
)
VALUE_SETS = resource("ValueSet", {"url": URIS, "version": st.sampled_from(["1", "1.0"])})
RESOURCES = st.one_of(PATIENTS, OBSERVATIONS, OBSERVATIONS, DOSES, RISKS, CONDITIONS, LOCATIONS, VALUE_SETS)
