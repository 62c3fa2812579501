"""Filters in words: what an administrator reads of a search."""

from urllib.parse import parse_qsl

import pytest

from fhirhub.search.filter import (
    All,
    And,
    Filter,
    GroupIs,
    HasWord,
    Holds,
    IdIn,
    Nothing,
    Or,
    TokenHas,
    TokenIs,
    TokenStartsWith,
    Updated,
    any_of,
)
from fhirhub.search.filter_words import SHOWN, FilterWords, systems_in
from fhirhub.search.keys import VALUE_LIMIT, system_id, whole
from fhirhub.search.parse import parse
from fhirhub.search.site import Site

SITE = Site("http://localhost/fhir")
PLAIN = FilterWords(SITE.parameters, {})


def words(search: str) -> str:
    """The words of a search as a client writes it, on one line."""
    resource_type, _, query = search.partition("?")
    pairs = tuple(parse_qsl(query, keep_blank_values=True))
    parsed = parse(resource_type, pairs, handling="strict", site=SITE, default_count=20, max_count=100)
    text = FilterWords(SITE.parameters, systems_in(value for _, value in pairs)).of(parsed.filter, resource_type)
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("Patient", "anything"),
        ("Patient?_id=1,2", "_id is 1 or 2"),
        ("Observation?code=http://loinc.org|8480-6", "code is 8480-6 of http://loinc.org"),
        ("Observation?code=urn:mine|x", "code is x of urn:mine"),
        ("Observation?code=urn:mine|", "code is any code of urn:mine"),
        ("Observation?code=a,b", "code is a or b"),
        ("Observation?code=a|b,c|d&status=final", "(code is b of a or d of c) and status is final without a system"),
        ("Patient?identifier=|x", "identifier is x without a system"),
        ("Patient?identifier:of-type=urn:t|MR|12", "the type and value of identifier are MR of urn:t and '12'"),
        ("Observation?status:not=final", "not (status is final without a system)"),
        ("Observation?code:text=blood", "the text of code starts with 'blood'"),
        ("Patient?name=Müller", "name starts with 'muller'"),
        ("Patient?name:contains=ell", "name contains 'ell'"),
        ("Patient?name:exact=chen,Chen", "name is exactly 'chen' or 'chen' in a spelling of its own"),
        ("Patient?_filter=family eq chen", "family is, however it is spelt, 'chen'"),
        ("Patient?_filter=family ew en", "family ends with 'en'"),
        ("Patient?phonetic=Kaiser", "a name sounds like 'CASAR'"),
        ("Patient?active:missing=true", "not (active is there)"),
        ("Patient?general-practitioner:identifier=urn:a|b", "the identifier of general-practitioner is b of urn:a"),
        ("Observation?patient=1", "patient is Patient/1"),
        ("Observation?subject=http://elsewhere/Patient/1", "subject is http://elsewhere/Patient/1"),
        ("ValueSet?url=http://a|b", "url is http://a|b"),
        ("ValueSet?url:below=http://a/b", "url is http://a/b or url starts with 'http://a/b/'"),
        ("Observation?date=2020-03", "date begins at or after 2020-03-01T00:00:00Z and ends at or before "
         "2020-04-01T00:00:00Z"),
        ("Observation?date=sa2020-03-01T10:00:00.5Z", "date begins at or after 2020-03-01T10:00:00.600000Z"),
        ("Observation?date=gt9999", "date ends after the end of time"),
        ("RiskAssessment?probability=gt0.5", "probability has its high end > 0.5"),
        ("Observation?value-quantity=5.4|urn:u|x",
         "value-quantity in x of urn:u has its low end >= 5.35 and its high end < 5.45"),
        ("Observation?value-quantity=gt3|http://unitsofmeasure.org|mg",
         "value-quantity converted to g has its high end > 0.003"),
        ("Observation?code-value-quantity=urn:s|a$gt9",
         "code is a of urn:s and value-quantity has its high end > 9 and one code-value-quantity has "
         "(code is a of urn:s and value-quantity has its high end > 9)"),
        ("Observation?combo-code=a", "component-code is a or code is a"),
        ("Observation?component-code-value-quantity:missing=false", "component-code-value-quantity is there"),
        ("Patient?_lastUpdated=2020", "_lastUpdated is at or after 2020-01-01T00:00:00Z and before "
         "2021-01-01T00:00:00Z"),
        ("Patient?_text=fever NOT cough", "the narrative has the word 'fever' and not (the narrative has the word "
         "'cough')"),
        ("Patient?_content=fever", "the content has the word 'fever'"),
        ("Location?near=1|-2.5|3|km", "lies within 3,000 m of latitude 1, longitude -2.5"),
        ("Location?partof:below=1", "partof refers to Location/1 or to a Location below it, which partof tells"),
        ("Observation?encounter.status=planned", "encounter refers to an Encounter that has (status is planned without "
         "a system)"),
        ("Patient?_has:Observation:patient:code=a", "referred to, as patient, by an Observation that has (code is a)"),
        ("Patient?_list=7", "referred to, as item, by a List that has (_id is 7)"),
    ],
)  # fmt: skip
def test_words_say_what_a_search_asks_for(search: str, expected: str) -> None:
    assert words(search) == expected


def test_system_of_a_value_set_is_named_though_the_client_does_not_name_it() -> None:
    said = words("Condition?clinical-status:in=http://hl7.org/fhir/ValueSet/condition-clinical")
    assert "active of http://terminology.hl7.org/CodeSystem/condition-clinical" in said


def test_unknown_system_is_told_by_its_key() -> None:
    key = TokenIs(f"code=a|{system_id('urn:unheard-of')}")
    assert PLAIN.of(key, "Observation") == f"code is a of the system with key {system_id('urn:unheard-of')}"


def test_long_value_is_told_by_its_beginning() -> None:
    said = PLAIN.of(TokenIs(f"url={whole('x' * (VALUE_LIMIT + 1))}"), "ValueSet")
    assert said == f"url is {'x' * (VALUE_LIMIT // 2)}…"


@pytest.mark.parametrize(
    "filter",
    [
        any_of(TokenIs(f"patient=Patient/{number}") for number in range(20_000)),
        IdIn(frozenset(map(str, range(20_000)))),
        any_of(TokenStartsWith(f"code={number}|") for number in range(20_000)),
        any_of(HasWord(str(number)) for number in range(20_000)),
        any_of(GroupIs(f"composite-{number}", All()) for number in range(20_000)),
    ],
    ids=["references", "ids", "codes", "words", "others"],
)
def test_long_list_is_cut_and_its_number_told(filter: Filter) -> None:
    said = PLAIN.of(filter, "Observation")
    assert "20,000" in said
    assert len(said) < 700
    assert said.count("or ") in (SHOWN - 1, 2 * SHOWN)


def test_what_is_within_something_else_is_indented() -> None:
    wide = [TokenIs(f"code={'c' * 35}{number}|") for number in range(2)]
    part = And((Or((And((wide[0], TokenIs("code=y|"))), And((wide[1], TokenIs("code=z|"))))), TokenIs("code=x|")))
    long, longer = ("c" * 35 + str(number) for number in range(2))
    assert PLAIN.of(part, "Observation").splitlines() == [
        "(",
        f"  (code is {long} without a system and code is y without a system)",
        f"  or (code is {longer} without a system and code is z without a system)",
        ")",
        "and code is x without a system",
    ]


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (Nothing(), "nothing"),
        (Updated(), "_lastUpdated is any time"),
        (Updated(None, -(2**63)), "_lastUpdated is before the beginning of time"),
        (TokenHas("name=a", "b"), "name starts with 'a' and contains 'b'"),
        (TokenIs("code="), "code is there, without a value to compare"),
        (TokenIs("made-up=a|"), "made-up is a without a system"),
        (Holds("subject", "Patient", All()), "subject refers to a Patient contained in it"),
        (
            Holds("subject", "Patient", TokenStartsWith("name=chen")),
            "subject refers to a Patient contained in it that has (name starts with 'chen')",
        ),
    ],
)
def test_words_of_filters_no_client_writes(filter: Filter, expected: str) -> None:
    assert PLAIN.of(filter, "Observation") == expected
