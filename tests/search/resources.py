"""Small random resources and queries over a small vocabulary, so that queries meet resources often."""

from typing import Any

from hypothesis import strategies as st

from fhirhub.model.json import Json

from .conftest import BASE_URL

CODES = st.sampled_from(["a", "ab", "a|b", "A", "a%7Cb", "a\\", "%", "x" * 250])
SYSTEMS = st.sampled_from(["http://s.example.org", "http://s.example.org/t", "urn:x"])
WORDS = st.sampled_from(
    ["Ann", "ann", "Anna", "Ånn", "张", "张三", "a,b", "a|b", "a b", "Straße", "\U0010ffff", "\ud7ff"]
)
DATES = st.sampled_from(
    [
        "2012", "2013", "2013-01", "2013-01-14", "2013-01-15", "2013-01-14T10:00:00Z", "2013-01-14T10:00:00.5Z",
        "2013-01-14T18:00:00+08:00", "2014-12-31",
    ]
)  # fmt: skip
IDS = st.sampled_from(["1", "2", "a.b"])
REFERENCES = st.one_of(
    st.builds("{}/{}".format, st.sampled_from(["Patient", "Group"]), IDS),
    st.builds(f"{BASE_URL}/Patient/{{}}".format, IDS),
    st.builds("Patient/{}/_history/1".format, IDS),
    st.sampled_from(["http://other.example.org/Patient/1", "urn:uuid:1", "#inside", "#group"]),
)


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """Objects with any of the given properties and at least one."""
    return st.fixed_dictionaries({}, optional=optional).filter(bool)


CODINGS = some(system=SYSTEMS, code=CODES)
CONCEPTS = some(coding=st.lists(CODINGS, min_size=1, max_size=2), text=WORDS)
IDENTIFIERS = some(system=SYSTEMS, value=CODES)
PERIODS = some(start=DATES, end=DATES)
POINTERS = some(reference=REFERENCES, identifier=IDENTIFIERS, display=WORDS)
NAMES = some(
    family=WORDS,
    given=st.lists(WORDS, min_size=1, max_size=2),
    text=WORDS,
    use=st.just("official"),
)
TIMINGS = some(event=st.lists(DATES, min_size=1, max_size=2), repeat=some(boundsPeriod=PERIODS))

PATIENTS = st.fixed_dictionaries(
    {"resourceType": st.just("Patient")},
    optional={
        "meta": some(tag=st.lists(CODINGS, min_size=1, max_size=1), profile=st.just(["http://p.example.org|1"])),
        "identifier": st.lists(IDENTIFIERS, min_size=1, max_size=2),
        "active": st.booleans(),
        "name": st.lists(NAMES, min_size=1, max_size=2),
        "telecom": st.lists(some(system=st.sampled_from(["phone", "email"]), value=CODES), min_size=1, max_size=2),
        "gender": st.sampled_from(["male", "female"]),
        "birthDate": DATES.filter(lambda text: "T" not in text),
        "address": st.lists(some(city=WORDS, line=st.lists(WORDS, min_size=1, max_size=2)), min_size=1, max_size=1),
        "generalPractitioner": st.lists(POINTERS, min_size=1, max_size=2),
    },
)
OBSERVATIONS = st.fixed_dictionaries(
    {
        "resourceType": st.just("Observation"),
        "contained": st.just([{"resourceType": "Patient", "id": "inside"}, {"resourceType": "Group", "id": "group"}]),
        "status": st.sampled_from(["final", "amended"]),
        "code": CONCEPTS,
    },
    optional={
        "category": st.lists(CONCEPTS, min_size=1, max_size=2),
        "subject": POINTERS,
        "effectivePeriod": PERIODS,
        "valueCodeableConcept": CONCEPTS,
        "component": st.lists(st.fixed_dictionaries({"code": CONCEPTS}), min_size=1, max_size=2),
    },
)
DOSES = st.fixed_dictionaries(
    {"resourceType": st.just("ServiceRequest"), "subject": POINTERS}, optional={"occurrenceTiming": TIMINGS}
)
RESOURCES = st.one_of(PATIENTS, OBSERVATIONS, DOSES)

PREFIXED = st.builds("{}{}".format, st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]), DATES)
