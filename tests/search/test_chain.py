"""Names of chained parameters: `a.b`, `a:Type.b`, `_has` and `_list`, and what is wrong with others."""

import pytest

from fhirhub.definitions import SearchParameter
from fhirhub.search.filter import Filter, IdIn, Not, Or, ReferredBy, Refers, TokenIs, TokenStartsWith, leaves
from fhirhub.search.parameters import SearchParameters
from fhirhub.search.parse import parse
from fhirhub.search.refusal import NotSearchableError
from fhirhub.search.site import Site

from .conftest import BASE_URL, Search, refused


def one(*ids: str) -> IdIn:
    return IdIn(frozenset(ids))


NAMED = TokenStartsWith("name=peter")


@pytest.mark.parametrize(
    ("resource_type", "name", "value", "expected"),
    [
        ("Observation", "patient.name", "peter", Refers("patient", "Patient", NAMED)),
        ("Observation", "subject:Patient.name", "peter", Refers("subject", "Patient", NAMED)),
        (
            "Observation",
            "subject:Patient.name:exact",
            "peter",
            Refers("subject", "Patient", TokenIs("name=peter|")),
        ),
        ("Observation", "patient._id", "1", Refers("patient", "Patient", one("1"))),
        (
            "Observation",
            "patient.gender:not",
            "male",
            Refers("patient", "Patient", Not(TokenIs("gender=male|"))),
        ),
        (
            "Observation",
            "patient.name:missing",
            "false",
            Refers("patient", "Patient", TokenStartsWith("name=")),
        ),
        (
            "Observation",
            "patient.general-practitioner:Practitioner.name",
            "peter",
            Refers("patient", "Patient", Refers("general-practitioner", "Practitioner", NAMED)),
        ),
        (
            "Patient",
            "_has:Observation:patient:status",
            "final",
            ReferredBy("Observation", "patient", TokenIs("status=final|")),
        ),
        (
            "Patient",
            "_has:Observation:patient:_has:AuditEvent:entity:agent",
            "Practitioner/1",
            ReferredBy("Observation", "patient", ReferredBy("AuditEvent", "entity", TokenIs("agent=Practitioner/1"))),
        ),
        (
            "Patient",
            "_has:Observation:patient:performer:Practitioner.name",
            "peter",
            ReferredBy("Observation", "patient", Refers("performer", "Practitioner", NAMED)),
        ),
        (
            "Observation",
            "patient._has:Encounter:patient:_id",
            "1",
            Refers("patient", "Patient", ReferredBy("Encounter", "patient", one("1"))),
        ),
        ("Patient", "_list", "42", ReferredBy("List", "item", one("42"))),
        ("Patient", "_list", "List/42,43", ReferredBy("List", "item", one("42", "43"))),
        ("Observation", "patient._list", "42", Refers("patient", "Patient", ReferredBy("List", "item", one("42")))),
    ],
)
def test_chain_becomes_nodes(search: Search, resource_type: str, name: str, value: str, expected: Filter) -> None:
    query = search(resource_type, (name, value))
    assert query.filter == expected
    assert query.used == ((name, value),)


def test_chain_without_a_type_leads_to_every_type_that_knows_the_rest(search: Search) -> None:
    # Groups and Devices have no such parameter.
    assert search("Observation", ("subject.name", "peter")).filter == Or(
        (Refers("subject", "Patient", NAMED), Refers("subject", "Location", NAMED))
    )


def test_comma_means_or_at_the_end_of_a_chain(search: Search) -> None:
    expected = Refers("patient", "Patient", Or((TokenIs("gender=male|"), TokenIs("gender=other|"))))
    assert search("Observation", ("patient.gender", "male,other")).filter == expected


@pytest.mark.parametrize(
    ("resource_type", "name", "reason"),
    [
        ("Observation", "patient.famly", "Patient has no such search parameter. Did you mean family"),
        ("Observation", "subject:Patient.famly", "Patient has no such search parameter. Did you mean family"),
        ("Observation", "subject.famly", "subject refers to Group, Device, Patient, Location, of which none"),
        ("Observation", "subject.famly", "Did you mean family"),
        ("Observation", "subject:Patien.name", "Did you mean Patient?"),
        ("Observation", "subject:Practitioner.name", "'Practitioner' is none of the target types of subject"),
        ("Observation", "subjec.name", "Observation has no such search parameter. Did you mean subject"),
        ("Observation", "code.text", "code of Observation is of type token; only references"),
        ("Observation", "patient.", "Patient has no such search parameter"),
        ("Observation", "patient..name", "Patient has no such search parameter"),
        ("Patient", "_has", "expected _has:[type]"),
        ("Patient", "_has:Observation", "expected _has:[type]"),
        ("Patient", "_has:Observation:patient", "expected _has:[type]"),
        ("Patient", "_has:Observation:patient:", "expected _has:[type]"),
        ("Patient", "_has:Observatio:patient:code", "no resource type 'Observatio'. Did you mean Observation"),
        ("Patient", "_has:Observation:patent:code", "Observation has no such search parameter. Did you mean patient"),
        ("Patient", "_has:Observation:code:code", "only references lead to other resources"),
        (
            "Patient",
            "_has:Observation:encounter:code",
            "encounter of Observation refers to Encounter, never to Patient",
        ),
        ("Patient", "_has:Observation:patient:cod", "Observation has no such search parameter. Did you mean code"),
        ("Patient", "_query", "it is not supported"),
    ],
)
def test_name_that_leads_nowhere_is_refused_or_passed_over(
    search: Search, resource_type: str, name: str, reason: str
) -> None:
    error = refused(search, resource_type, (name, "1"))
    assert error.issues[0].code == "not-supported"
    assert error.issues[0].expression == (f"http.{name}",)
    assert str(error).startswith(f"Search parameter {name}: ")
    assert reason in str(error)
    query = search(resource_type, (name, "1"), ("_id", "1"), handling="lenient")
    assert query.filter == one("1")
    assert query.used == (("_id", "1"),)
    assert reason in query.ignored[0].diagnostics


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("patient.birthdate", "yesterday", "is no date"),
        ("patient.name:exakt", "x", "exakt"),
        ("patient.name:", "x", "a modifier is missing"),
        ("patient.name", "", "the value is empty"),
        ("_list", "$current-problems", "no functional lists"),
        ("_list", "a b", "expected the id of a List"),
        ("_list:missing", "true", "_list takes no modifier"),
        ("patient._filter:missing", "true", "_filter takes no modifier"),
    ],
)
def test_bad_end_of_a_chain_is_told_by_the_name_the_client_wrote(
    search: Search, name: str, value: str, reason: str
) -> None:
    for handling in ("strict", "lenient"):
        error = refused(search, "Observation", (name, value), handling=handling)
        assert error.issues[0].expression == (f"http.{name}",)
        assert str(error).startswith(f"Search parameter {name}: ")
        assert reason in str(error)


def test_chain_of_many_steps_is_too_costly(search: Search) -> None:
    eight = ".".join(["part-of:Procedure"] * 8 + ["status"])
    assert leaves(search("Procedure", (eight, "completed")).filter) == 1
    error = refused(search, "Procedure", (f"part-of:Procedure.{eight}", "completed"))
    assert error.issues[0].code == "too-costly"
    assert "at most 8 steps" in str(error)
    nested = "_has:Procedure:part-of:" * 9 + "status"
    assert refused(search, "Procedure", (nested, "completed")).issues[0].code == "too-costly"


def test_chain_through_many_types_is_too_costly(search: Search) -> None:
    error = refused(search, "List", ("item.subject.item.subject.item.subject._id", "1"))
    assert error.issues[0].code == "too-costly"
    assert "name target types" in str(error)


def test_chain_of_a_million_steps_is_not_even_read(search: Search) -> None:
    assert refused(search, "Provenance", ("x." * 1_000_000, "1")).issues[0].code == "too-costly"


def test_names_that_were_meant_are_looked_for_when_somebody_is_told() -> None:
    asked: list[str] = []

    def close() -> str:
        asked.append("close")
        return " Did you mean name?"

    error = NotSearchableError("There is no nmae.", close)
    assert asked == []
    assert str(error) == "There is no nmae. Did you mean name?"


def test_reference_to_resources_of_any_kind_leads_to_each_type() -> None:
    added = SearchParameter(
        url="http://example.org/about",
        code="about",
        type="reference",
        base=("Observation",),
        expression="Observation.focus",
        target=("Resource",),
    )
    site = Site(BASE_URL, parameters=SearchParameters([added]))
    found = parse("Observation", [("about:Patient.gender", "male")], handling="strict", site=site).filter
    assert found == Refers("about", "Patient", TokenIs("gender=male|"))
    found = parse("Observation", [("about.gender", "male")], handling="strict", site=site).filter
    assert isinstance(found, Or)
    assert Refers("about", "Person", TokenIs("gender=male|")) in found.parts
