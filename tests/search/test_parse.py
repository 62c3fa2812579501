"""From parameters to a query: what is understood, and that nothing else is passed over in silence."""

import pytest

from fhirhub.definitions import SearchParameter, r4
from fhirhub.search.coded import codes
from fhirhub.search.components import components
from fhirhub.search.composite import within
from fhirhub.search.filter import All, And, IdIn, Not, Nothing, Or, RangeIs, TokenIs, TokenStartsWith, Updated, none_of
from fhirhub.search.keys import system_id
from fhirhub.search.parameters import r4_parameters
from fhirhub.search.predicates import is_supported, modifiers
from fhirhub.search.result_parameters import SortKey

from .conftest import BASE_URL, Search, refused

LOINC = system_id("http://loinc.org")


def test_no_parameters_match_everything(search: Search) -> None:
    query = search("Patient")
    assert query.filter == All()
    assert (query.count, query.sort, query.used, query.ignored) == (20, (), (), ())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("8480-6", TokenStartsWith("code=8480-6|")),
        ("http://loinc.org|8480-6", TokenIs(f"code=8480-6|{LOINC}")),
        ("|8480-6", TokenIs("code=8480-6|")),
        ("http://loinc.org|", TokenIs(f"code=|{LOINC}")),
        ("a\\|b", TokenStartsWith("code=a\x1fb|")),
        ("http://loinc.org|a\\|b\\,c", TokenIs(f"code=a\x1fb,c|{LOINC}")),
        ("|a,|b", Or((TokenIs("code=a|"), TokenIs("code=b|")))),
    ],
)
def test_token_takes_its_four_forms(search: Search, value: str, expected: object) -> None:
    assert search("Observation", ("code", value)).filter == expected


@pytest.mark.parametrize("value", ["|", "a|b|c"])
def test_token_of_no_form_is_refused(search: Search, value: str) -> None:
    error = refused(search, "Observation", ("code", value))
    assert error.issues[0].code == "value"
    assert error.issues[0].expression == ("http.code",)
    assert "system|code" in str(error)


def test_token_without_systems_is_found_by_equality(search: Search) -> None:
    assert search("Patient", ("gender", "female")).filter == TokenIs("gender=female|")
    assert search("Patient", ("active", "true")).filter == TokenIs("active=true|")


def test_token_with_a_system_where_codes_have_none_is_refused(search: Search) -> None:
    error = refused(search, "Patient", ("active", "http://example.org|true"))
    assert "active: its codes carry no system; search for 'true' alone" in str(error)


def test_token_not_turns_the_whole_value_round(search: Search) -> None:
    expected = Not(Or((TokenIs("gender=male|"), TokenIs("gender=female|"))))
    assert search("Patient", ("gender:not", "male,female")).filter == expected


def test_string_is_a_folded_prefix(search: Search) -> None:
    assert search("Patient", ("family", "MÜL")).filter == TokenStartsWith("family=mul")
    assert search("Patient", ("name", "张")).filter == TokenStartsWith("name=张")
    assert search("Patient", ("family:exact", "smith")).filter == TokenIs("family=smith|")


def test_string_that_cannot_be_compared_is_refused(search: Search) -> None:
    assert "no character that counts" in str(refused(search, "Patient", ("name", "\u0301")))
    assert "first 200 characters" in str(refused(search, "Patient", ("name", "x" * 201)))


def test_uri_is_compared_whole(search: Search) -> None:
    query = search("ValueSet", ("url", "http://example.org/vs"))
    assert query.filter == TokenIs("url=http://example.org/vs")


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        ("subject", "Patient/1", TokenIs("subject=Patient/1")),
        ("subject", f"{BASE_URL}/Patient/1", TokenIs("subject=Patient/1")),
        ("subject", "http://other.example.org/Patient/1", TokenIs("subject=http://other.example.org/Patient/1")),
        ("subject", "urn:uuid:0c3b", TokenIs("subject=urn:uuid:0c3b")),
        ("subject:Patient", "1", TokenIs("subject=Patient/1")),
        ("patient", "1", TokenIs("patient=Patient/1")),
        ("device", "1", Or((TokenIs("device=Device/1"), TokenIs("device=DeviceMetric/1")))),
        ("subject:identifier", "urn:mrn|7", TokenIs(f"subject:identifier=7|{system_id('urn:mrn')}")),
        ("subject:identifier", "7", TokenStartsWith("subject:identifier=7|")),
    ],
)
def test_reference_takes_its_forms(search: Search, parameter: str, value: str, expected: object) -> None:
    assert search("Observation", (parameter, value)).filter == expected


def test_reference_to_a_canonical_takes_a_version(search: Search) -> None:
    query = search("QuestionnaireResponse", ("questionnaire", "http://example.org/Questionnaire/q|2"))
    assert query.filter == TokenIs("questionnaire=http://example.org/Questionnaire/q\x1f2")


@pytest.mark.parametrize(
    ("parameter", "value", "reason"),
    [
        ("subject", "Practitioner/1", "Practitioner is none of its target types (Group, Device, Patient, Location)"),
        ("subject", "Patient/1/_history/2", "names a version"),
        ("subject", "#contained", "no reference that can be searched"),
        ("subject:Patient", "Patient/1", "no logical id"),
        ("subject:Practitioner", "1", "the modifier :Practitioner is not supported"),
    ],
)
def test_reference_that_cannot_be_meant_is_refused(search: Search, parameter: str, value: str, reason: str) -> None:
    assert reason in str(refused(search, "Observation", (parameter, value)))


def test_repetition_is_and_comma_is_or(search: Search) -> None:
    query = search("Patient", ("given", "a,b"), ("given", "c"))
    either = Or((TokenStartsWith("given=a"), TokenStartsWith("given=b")))
    assert query.filter == And((either, TokenStartsWith("given=c")))


def test_id_is_a_set(search: Search) -> None:
    assert search("Patient", ("_id", "1")).filter == IdIn(frozenset("1"))
    assert search("Patient", ("_id", "1,2")).filter == Or((IdIn(frozenset("1")), IdIn(frozenset("2"))))
    assert search("Patient", ("_id:not", "1")).filter == Not(IdIn(frozenset("1")))
    assert "no logical id" in str(refused(search, "Patient", ("_id", "Patient/1")))


def test_last_updated_is_a_point_in_time(search: Search) -> None:
    second = 1_577_836_800_000_000
    assert search("Patient", ("_lastUpdated", "2020-01-01T00:00:00Z")).filter == Updated(second, second + 1_000_000)
    assert search("Patient", ("_lastUpdated", "gt2020-01-01T00:00:00Z")).filter == Updated(second + 1_000_000, None)
    assert search("Patient", ("_lastUpdated", "lt2020-01-01T00:00:00Z")).filter == Updated(None, second)
    ne = search("Patient", ("_lastUpdated", "ne2020-01-01T00:00:00Z")).filter
    assert ne == Or((Updated(None, second), Updated(second + 1_000_000, None)))


def test_missing_asks_for_presence(search: Search) -> None:
    assert search("Patient", ("name:missing", "false")).filter == TokenStartsWith("name=")
    assert search("Patient", ("name:missing", "true")).filter == Not(TokenStartsWith("name="))
    assert search("Patient", ("birthdate:missing", "false")).filter == Or(
        (RangeIs("date", "birthdate"), TokenIs("birthdate="))
    )
    assert search("Patient", ("_id:missing", "true")).filter == Nothing()
    for value in ("True", "1", "true,false"):
        assert "expected true or false" in str(refused(search, "Patient", ("name:missing", value)))


@pytest.mark.parametrize("modifier", ["text", "above", "below", "in", "not-in", "of-type", "Missing", "x"])
def test_unknown_modifier_is_refused_even_when_lenient(search: Search, modifier: str) -> None:
    for handling in ("strict", "lenient"):
        error = refused(search, "Patient", (f"name:{modifier}", "a"), handling=handling)
        assert error.issues[0].code == "not-supported"
        assert f"name:{modifier}" in str(error)
        assert ":exact" in str(error)


def test_modifier_left_out_after_its_colon_is_refused(search: Search) -> None:
    assert "a modifier is missing" in str(refused(search, "Patient", ("name:", "a"), handling="lenient"))


def test_misspelt_parameter_is_refused_with_the_nearest_names(search: Search) -> None:
    error = refused(search, "Patient", ("famly", "Smith"))
    assert error.issues[0].code == "not-supported"
    assert error.issues[0].expression == ("http.famly",)
    assert "Patient has no such search parameter. Did you mean family" in str(error)


@pytest.mark.parametrize(
    ("resource_type", "parameter", "reason"),
    [
        ("Patient", "birthOrderBoolean", "R4 does not say where"),
        ("Patient", "age", "R4 does not say where"),
        ("Patient", "_query", "not supported"),
    ],
)
def test_parameter_that_says_nothing_here_is_refused(
    search: Search, resource_type: str, parameter: str, reason: str
) -> None:
    error = refused(search, resource_type, (parameter, "1"))
    assert error.issues[0].code == "not-supported"
    assert reason in str(error)


def test_lenient_ignores_what_it_does_not_know_and_says_so(search: Search) -> None:
    query = search("Patient", ("famly", "x"), ("_query", "q"), ("gender", "male"), handling="lenient")
    assert query.filter == TokenIs("gender=male|")
    assert query.used == (("gender", "male"),)
    assert [(issue.severity, issue.code) for issue in query.ignored] == [("warning", "not-supported")] * 2
    assert "famly" in query.ignored[0].diagnostics
    assert "It was ignored." in query.ignored[1].diagnostics


@pytest.mark.parametrize(
    ("resource_type", "parameter", "value"),
    [
        ("Patient", "birthdate", "yesterday"),
        ("Patient", "birthdate", "xx2020"),
        ("Patient", "birthdate", "ge"),
        ("Patient", "name", ""),
        ("Patient", "_lastUpdated", "2020-13-01"),
        ("Patient", "_count", "-1"),
        ("Patient", "_count", "ten"),
        ("Patient", "_count", "9" * 5000),
        ("Patient", "_total", "exact"),
        ("Patient", "_summary", "yes"),
        ("Patient", "_elements", "nmae"),
        ("Patient", "_sort", ""),
        ("Patient", "_sort", "--_id"),
        ("Patient", "_cursor", ""),
    ],
)
def test_bad_value_is_refused_even_when_lenient(search: Search, resource_type: str, parameter: str, value: str) -> None:
    for handling in ("strict", "lenient"):
        error = refused(search, resource_type, (parameter, value), handling=handling)
        assert error.issues[0].code == "value"
        assert error.issues[0].expression == (f"http.{parameter}",)
        assert len(str(error)) < 500


def test_date_with_an_unescaped_plus_is_explained(search: Search) -> None:
    error = refused(search, "Observation", ("date", "2013-01-14T10:00:00 08:00"))
    assert "write %2B" in str(error)


def test_result_parameters_are_read(search: Search) -> None:
    query = search(
        "Observation",
        ("_count", "5"),
        ("_sort", "-_lastUpdated"),
        ("_total", "accurate"),
        ("_summary", "data"),
        ("_elements", "status,value,valueQuantity,status"),
        ("_cursor", "abc"),
        ("_format", "json"),
    )
    assert (query.count, query.total, query.summary, query.cursor) == (5, "accurate", "data", "abc")
    assert query.sort == (SortKey("_lastUpdated", "date", descending=True),)
    assert query.elements == ("status", "value", "valueQuantity")
    assert query.filter == All()


def test_count_is_capped_and_the_self_link_says_so(search: Search) -> None:
    query = search("Patient", ("_count", "100000"), ("gender", "male"))
    assert query.count == 1000
    assert query.used == (("_count", "1000"), ("gender", "male"))
    assert search("Patient", ("_count", "0")).count == 0


def test_sort_takes_up_to_five_parameters(search: Search) -> None:
    five = ("name", "gender", "birthdate", "family", "given")
    assert [key.parameter for key in search("Patient", ("_sort", ",".join(five))).sort] == list(five)
    assert "at most 5" in str(refused(search, "Patient", ("_sort", ",".join((*five, "phone")))))


@pytest.mark.parametrize("name", ["_count", "_sort", "_total", "_summary", "_elements", "_cursor"])
def test_result_parameter_twice_is_refused(search: Search, name: str) -> None:
    value = {"_count": "1", "_sort": "_id", "_total": "none", "_summary": "true", "_elements": "id"}.get(name, "x")
    assert "more than once" in str(refused(search, "Patient", (name, value), (name, value)))


def test_search_of_too_many_alternatives_is_refused(search: Search) -> None:
    many = ",".join(f"i{number}" for number in range(1001))
    error = refused(search, "Observation", ("code", many))
    assert error.issues[0].code == "too-costly"
    assert "1001 alternatives" in str(error)
    # A bare id stands for one comparison with each of some 145 types.
    error = refused(search, "Observation", ("focus", ",".join(f"i{number}" for number in range(100))))
    assert error.issues[0].code == "too-costly"
    assert "comparisons" in str(error)


@pytest.mark.parametrize("resource_type", r4().resource_types)
def test_supported_parameters_of_every_type_take_a_plain_value(search: Search, resource_type: str) -> None:
    for code, parameter in r4().search_parameters(resource_type).items():
        if is_supported(parameter, resource_type):
            value = plain_value(parameter, resource_type)
            assert search(resource_type, (code, value)).filter not in (All(), Nothing()), code
            if "missing" in modifiers(parameter, resource_type):
                missing = search(resource_type, (f"{code}:missing", "true")).filter
                present = search(resource_type, (f"{code}:missing", "false")).filter
                assert missing == none_of(present)


def plain_value(parameter: SearchParameter, resource_type: str) -> str:
    if parameter.type == "composite":
        parts = components(parameter, resource_type, r4_parameters())
        own = (within(parameter, resource_type, number, part) for number, part in enumerate(parts, 1))
        return "$".join(plain_value(part, resource_type) for part in own)
    if parameter.type == "token" and (known := codes(parameter, resource_type)):
        return known[0]
    plain = {"token": "a", "string": "a", "uri": "urn:a", "reference": "urn:uuid:a", "date": "2020"}
    return {**plain, "number": "5", "quantity": "5", "special": "1|2"}[parameter.type]


def test_too_many_parameters_to_pass_over_are_too_costly(search: Search) -> None:
    unknown = [(f"x{number}", "1") for number in range(51)]
    assert len(search("Patient", *unknown[:50], handling="lenient").ignored) == 50
    error = refused(search, "Patient", *unknown, handling="lenient")
    assert error.issues[0].code == "too-costly"
    assert error.issues[0].expression == ("http.x50",)
