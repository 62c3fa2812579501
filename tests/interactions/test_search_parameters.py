"""Search parameters added by SearchParameter resources: what is taken, what is refused, what they find.

https://hl7.org/fhir/R4/searchparameter.html
"""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from fhirhub.model.json import Json, decode
from fhirhub.store.reindex import Pace, Reindexer
from fhirhub.store.search_parameters import Registry
from tests.interactions.hub_client import MERGE_PATCH, HubClient, entry, hub_on, observation, patient

URL = "http://hospital.example/SearchParameter/"
NICK = "http://hospital.example/nickname"
QUICK = Pace(pause_share=0, poll_seconds=0.02, settle_seconds=0.05, chunk=3)


@pytest.fixture
def hub(mongodb_uri: str) -> Iterator[HubClient]:
    """A hub on a database of its own: what one test adds would be there for the next."""
    with hub_on(mongodb_uri) as client:
        yield client


@pytest.fixture
def reindexer(hub: HubClient) -> Reindexer:
    return hub.hub.reindexer(QUICK)


def parameter(code: str | None = "nickname", **more: Any) -> Json:
    """A valid, active SearchParameter for the nickname of patients; None removes an element."""
    resource = {
        "resourceType": "SearchParameter",
        "url": f"{URL}{code}",
        "name": f"{code}".replace("-", "_"),
        "status": "active",
        "description": "For a test",
        "code": code,
        "base": ["Patient"],
        "type": "string",
        "expression": f"Patient.extension('{NICK}')",
    }
    return {name: value for name, value in (resource | more).items() if value is not None}


def nicknamed(nickname: str, **more: Any) -> Json:
    return patient(extension=[{"url": NICK, "valueString": nickname}], **more)


def ids(hub: HubClient, path: str) -> set[str]:
    answer = hub.get(path)
    assert answer.status == 200, answer.resource
    return {resource["id"] for resource in answer.resources}


def claimed(hub: HubClient, resource_type: str) -> dict[str, Json]:
    """What the CapabilityStatement says can be searched by."""
    statement = hub.get("metadata").resource
    row = next(each for each in statement["rest"][0]["resource"] if each["type"] == resource_type)
    return {each["name"]: each for each in row["searchParam"]}


def test_parameter_finds_what_was_there_and_what_comes(hub: HubClient, reindexer: Reindexer) -> None:
    hub.put("Patient/before", nicknamed("Müsli", id="before"))
    made = hub.post("SearchParameter", parameter())
    assert made.status == 201, made.resource
    hub.put("Patient/after", nicknamed("musli bar", id="after"))
    hub.put("Patient/other", nicknamed("Tofu", id="other"))
    assert reindexer.step()
    assert ids(hub, "Patient?nickname=musli") == {"before", "after"}
    assert ids(hub, "Patient?nickname:exact=Tofu") == {"other"}
    assert ids(hub, "Patient?nickname:missing=true") == set()


def test_parameter_is_refused_while_its_index_is_being_made(hub: HubClient, reindexer: Reindexer) -> None:
    hub.put("Patient/1", nicknamed("A", id="1"))
    hub.post("SearchParameter", parameter())
    refused = hub.get("Patient?nickname=A")
    assert (refused.status, refused.issue["expression"]) == (400, ["http.nickname"])
    assert "0 % of it" in refused.issue["diagnostics"]
    assert "nickname" not in claimed(hub, "Patient")
    assert reindexer.step()
    assert ids(hub, "Patient?nickname=A") == {"1"}
    assert claimed(hub, "Patient")["nickname"]["definition"] == f"{URL}nickname"


def test_added_parameter_does_all_that_one_of_r4_does(hub: HubClient, reindexer: Reindexer) -> None:
    """Sort, chain, reverse chain and include by parameters that R4 does not know."""
    hub.post("SearchParameter", parameter())
    seen = parameter(
        "seen-by", base=["Observation"], type="reference", target=["Patient"], expression="Observation.subject"
    )
    assert hub.post("SearchParameter", seen).status == 201
    hub.put("Patient/a", nicknamed("Zoe", id="a"))
    hub.put("Patient/b", nicknamed("Abe", id="b"))
    hub.put("Observation/o", observation(id="o", subject={"reference": "Patient/a"}))
    assert reindexer.step()
    assert [each["id"] for each in hub.get("Patient?_sort=nickname").resources] == ["b", "a"]
    assert ids(hub, "Observation?seen-by=Patient/a") == {"o"}
    assert ids(hub, "Observation?seen-by.nickname=zoe") == {"o"}
    assert ids(hub, "Patient?_has:Observation:seen-by:status=final") == {"a"}
    assert ids(hub, "Observation?_include=Observation:seen-by") == {"o", "a"}


def test_parameter_of_another_type_of_value(hub: HubClient, reindexer: Reindexer) -> None:
    hub.put("Patient/y", patient(id="y", multipleBirthInteger=3))
    hub.put("Patient/n", patient(id="n", multipleBirthInteger=1))
    births = parameter("births", type="number", expression="Patient.multipleBirth.ofType(integer)")
    assert hub.post("SearchParameter", births).status == 201
    assert reindexer.step()
    assert ids(hub, "Patient?births=gt2") == {"y"}


def test_parameter_for_all_resources(hub: HubClient, reindexer: Reindexer) -> None:
    hub.put("Patient/p", patient(id="p", implicitRules="http://hospital.example/rules"))
    hub.put("Observation/o", observation(id="o", implicitRules="http://hospital.example/rules"))
    rules = parameter("rules", type="uri", base=["Resource"], expression="Resource.implicitRules")
    assert hub.post("SearchParameter", rules).status == 201
    assert reindexer.step()
    for path in ("Patient", "Observation"):
        assert len(ids(hub, f"{path}?rules=http://hospital.example/rules")) == 1


def test_parameter_for_several_types(hub: HubClient, reindexer: Reindexer) -> None:
    hub.put("Patient/p", patient(id="p", active=True))
    hub.put("Practitioner/p", {"resourceType": "Practitioner", "id": "p", "active": False})
    at_work = parameter(
        "at-work", type="token", base=["Patient", "Practitioner"], expression="Patient.active | Practitioner.active"
    )
    assert hub.post("SearchParameter", at_work).status == 201
    assert reindexer.step()
    assert ids(hub, "Patient?at-work=true") == {"p"}
    assert ids(hub, "Practitioner?at-work=true") == set()
    assert ids(hub, "Practitioner?at-work=false") == {"p"}


def test_composite_finds_values_of_one_element(hub: HubClient, reindexer: Reindexer) -> None:
    names = parameter(
        "family-given",
        type="composite",
        expression="Patient.name",
        component=[
            {"definition": "http://hl7.org/fhir/SearchParameter/individual-family", "expression": "family"},
            {"definition": "http://hl7.org/fhir/SearchParameter/individual-given", "expression": "given"},
        ],
    )
    made = hub.post("SearchParameter", names)
    assert made.status == 201, made.resource
    hub.put(
        "Patient/p", patient(id="p", name=[{"family": "Li", "given": ["Wei"]}, {"family": "Wang", "given": ["Mo"]}])
    )
    assert reindexer.step()
    assert ids(hub, "Patient?family-given=Li$Wei") == {"p"}
    assert ids(hub, "Patient?family-given=Li$Mo") == set()


UNKNOWN: Json = {
    "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
}

FAULTS: dict[str, tuple[Json, str]] = {
    "syntax": ({"expression": "Patient.name.where("}, "expression"),
    "unknown element": ({"expression": "Patient.nmae"}, "expression"),
    "unknown function": ({"expression": "Patient.name.frobnicate()"}, "expression"),
    "other type": ({"expression": "Observation.code"}, "expression"),
    "a base without a part": ({"base": ["Patient", "Observation"], "expression": "Patient.name"}, "expression"),
    "no expression": ({"expression": None}, "expression"),
    "values that do not fit": ({"type": "date", "expression": "Patient.name"}, "expression"),
    "values that are no number": ({"type": "number", "expression": "Patient.birthDate"}, "expression"),
    "special": ({"type": "special"}, "type"),
    "a code of R4": ({"code": "family"}, "code"),
    "a code of all resources": ({"code": "_tag", "type": "token"}, "code"),
    "a result parameter": ({"code": "_sort"}, "code"),
    "a chain": ({"code": "a.b"}, "code"),
    "a modifier": ({"code": "a:b"}, "code"),
    "target of a string": ({"target": ["Patient"]}, "target"),
    "components of a string": (
        {"component": [{"definition": "http://hl7.org/fhir/SearchParameter/individual-family", "expression": "x"}]},
        "component",
    ),
    "no URL": ({"url": None, "_url": UNKNOWN}, "url"),
    "no code": ({"code": None, "_code": UNKNOWN}, "code"),
    "no type": ({"type": None, "_type": UNKNOWN}, "type"),
    "no base": ({"base": [None], "_base": [UNKNOWN]}, "base"),
    "no base at all": ({"base": None, "_base": [UNKNOWN]}, "base"),
    "no definition of a component": (
        {
            "type": "composite",
            "expression": "Patient.name",
            "component": [{"_definition": UNKNOWN, "_expression": UNKNOWN}],
        },
        "component[0].definition",
    ),
    "composite without components": ({"type": "composite", "expression": "Patient.name"}, "component"),
    "unknown component": (
        {
            "type": "composite",
            "expression": "Patient.name",
            "component": [
                {"definition": "http://hl7.org/fhir/SearchParameter/individual-family", "expression": "family"},
                {"definition": f"{URL}absent", "expression": "given"},
            ],
        },
        "component[1].definition",
    ),
    "component that does not compile": (
        {
            "type": "composite",
            "expression": "Patient.name",
            "component": [
                {"definition": "http://hl7.org/fhir/SearchParameter/individual-family", "expression": "fmaily"},
                {"definition": "http://hl7.org/fhir/SearchParameter/individual-given", "expression": "given"},
            ],
        },
        "component[0].expression",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faulty_parameter_is_refused_and_its_element_named(hub: HubClient, name: str) -> None:
    change, element = FAULTS[name]
    refused = hub.post("SearchParameter", parameter(**change))
    assert refused.status == 400, refused.resource
    assert [f"SearchParameter.{element}"] in [issue["expression"] for issue in refused.issues]
    assert hub.hub.database.parameters.added() == ()
    # As a draft nobody searches by it.
    assert hub.post("SearchParameter", parameter(**change | {"status": "draft"})).status == 201
    assert hub.hub.database.parameters.refresh().added == ()


def test_faulty_parameter_is_refused_on_every_way_in(hub: HubClient) -> None:
    bad = parameter(expression="Patient.nmae")
    assert hub.put("SearchParameter/x", bad | {"id": "x"}).status == 400
    batch = hub.batch(entry("POST", "SearchParameter", bad))
    assert batch.entries[0]["response"]["status"].startswith("400")
    transaction = hub.transaction(entry("POST", "Patient", patient()), entry("POST", "SearchParameter", bad))
    assert transaction.status == 400
    assert "Bundle.entry[1].resource.expression" in transaction.issue["expression"]
    assert hub.put("SearchParameter/x", parameter(id="x", status="draft", expression="Patient.nmae")).status == 201
    assert hub.patch("SearchParameter/x", {"status": "active"}, MERGE_PATCH).status == 400


def test_second_parameter_of_the_same_code_is_refused(hub: HubClient) -> None:
    hub.put("SearchParameter/one", parameter(id="one"))
    other = hub.put("SearchParameter/two", parameter(id="two", url=f"{URL}another"))
    assert (other.status, other.issue["expression"]) == (400, ["SearchParameter.code"])
    assert f"{URL}nickname" in other.issue["diagnostics"]
    # The same one again is a new version of it.
    again = hub.put("SearchParameter/one", parameter(id="one", expression="Patient.name.given"))
    assert again.status == 200


def test_repeating_a_parameter_of_r4_changes_nothing(hub: HubClient, reindexer: Reindexer) -> None:
    family = parameter(
        "family", url="http://hl7.org/fhir/SearchParameter/individual-family", expression="Patient.name.family"
    )
    assert hub.post("SearchParameter", family).status == 201
    hub.put("Patient/p", patient(id="p", name=[{"family": "Li"}]))
    assert not reindexer.step()
    assert ids(hub, "Patient?family=Li") == {"p"}
    assert hub.hub.call.site.parameters.generation == 0


@pytest.mark.parametrize("how", ["retired", "deleted"])
def test_parameter_that_ends_is_unknown_at_once(hub: HubClient, reindexer: Reindexer, how: str) -> None:
    hub.put("Patient/p", nicknamed("A", id="p"))
    hub.put("SearchParameter/n", parameter(id="n"))
    reindexer.step()
    assert ids(hub, "Patient?nickname=A") == {"p"}
    if how == "retired":
        hub.put("SearchParameter/n", parameter(id="n", status="retired"))
    else:
        hub.delete("SearchParameter/n")
    assert "no such search parameter" in hub.get("Patient?nickname=A").issue["diagnostics"]
    # What is written meanwhile has no entries: back again, it cannot be searched by before they are made.
    hub.put("Patient/q", nicknamed("A", id="q"))
    hub.put("SearchParameter/n", parameter(id="n"))
    assert "still being made" in hub.get("Patient?nickname=A").issue["diagnostics"]
    reindexer.step()
    assert ids(hub, "Patient?nickname=A") == {"p", "q"}


def test_parameter_that_says_something_else_is_made_anew(hub: HubClient, reindexer: Reindexer) -> None:
    hub.put("Patient/p", nicknamed("A", id="p", name=[{"text": "B"}]))
    hub.put("SearchParameter/n", parameter(id="n"))
    reindexer.step()
    hub.put("SearchParameter/n", parameter(id="n", description="Better words"))
    assert ids(hub, "Patient?nickname=A") == {"p"}
    hub.put("SearchParameter/n", parameter(id="n", expression="Patient.name"))
    assert hub.get("Patient?nickname=B").status == 400
    reindexer.step()
    assert ids(hub, "Patient?nickname=B") == {"p"}
    assert ids(hub, "Patient?nickname=A") == set()


def test_composite_ends_with_its_component(hub: HubClient, reindexer: Reindexer) -> None:
    part = {"definition": f"{URL}nickname", "expression": "text"}
    both = parameter("both", type="composite", expression="Patient.name", component=[part, part])
    hub.put("SearchParameter/n", parameter(id="n"))
    assert hub.put("SearchParameter/both", both | {"id": "both"}).status == 201
    hub.put("Patient/p", nicknamed("A", id="p", name=[{"text": "X"}]))
    reindexer.step()
    hub.put("SearchParameter/n", parameter(id="n", status="retired"))
    assert "no such search parameter" in hub.get("Patient?both=X$X").issue["diagnostics"]
    assert hub.get("Patient?_id=p").status == 200
    status = decode_status(hub)
    assert status["both"]["state"] == "unsound"


def decode_status(hub: HubClient) -> dict[str, dict[str, Any]]:
    """The added parameters by code, as the status tells them."""
    rows = [row["part"] for row in hub.get("$reindex").resource["parameter"] if row["name"] == "parameter"]
    found = [{part["name"]: next(part[key] for key in part if key != "name") for part in row} for row in rows]
    return {row["code"]: row for row in found}


def test_expression_that_fails_on_a_resource_harms_nothing_else(hub: HubClient, reindexer: Reindexer) -> None:
    # More than one name cannot be converted at once.
    fragile = parameter("fragile", expression="Patient.name.given.substring(0, 1)")
    made = hub.post("SearchParameter", fragile)
    assert made.status == 201, made.resource
    good = hub.put("Patient/good", patient(id="good", name=[{"given": ["Ann"]}]))
    bad = hub.put("Patient/bad", patient(id="bad", name=[{"given": ["Ann", "Bea"]}]))
    assert (good.status, bad.status) == (201, 201)
    assert reindexer.step()
    assert ids(hub, "Patient?fragile=A") == {"good"}
    assert ids(hub, "Patient?given=Bea") == {"bad"}
    rows = hub.get("$reindex").resource["parameter"]
    (row,) = (row["part"] for row in rows if row["name"] == "parameter")
    (failures,) = (part["part"] for part in row if part["name"] == "failures")
    assert {"name": "type", "valueCode": "Patient"} in failures
    assert next(part["valueInteger"] for part in failures if part["name"] == "count") == 1


def test_another_process_learns_of_a_parameter(hub: HubClient) -> None:
    """Two registries on one database, as two processes have them."""
    seconds = [0.0]
    other = Registry(hub.hub.database.collections, clock=lambda: seconds[0])
    hub.post("SearchParameter", parameter())
    assert "nickname" not in other.current().of("Patient")
    seconds[0] = 2.1
    assert "nickname" in other.current().of("Patient")
    assert ("Patient", "nickname") in other.current().building


def test_looking_for_changes_costs_nothing_when_there_are_none(hub: HubClient) -> None:
    hub.post("SearchParameter", parameter())
    first = hub.hub.call
    assert hub.hub.call is first
    hub.hub.database.parameters.refresh()
    assert hub.hub.call is first


def test_parameters_written_at_the_same_time_all_count(hub: HubClient, reindexer: Reindexer) -> None:
    codes = [f"code-{number}" for number in range(8)]
    threads = [threading.Thread(target=hub.post, args=("SearchParameter", parameter(code))) for code in codes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.parameter.code for each in hub.hub.database.parameters.added()} <= set(codes)
    hub.put("Patient/p", nicknamed("A", id="p"))
    reindexer.step()
    for code in codes:
        assert ids(hub, f"Patient?{code}=A") == {"p"}


def test_resource_of_a_parameter_is_one_like_any_other(hub: HubClient) -> None:
    made = hub.post("SearchParameter", parameter())
    assert made.content is not None
    assert decode(made.content)["expression"] == parameter()["expression"]
    assert ids(hub, "SearchParameter?base=Patient&status=active") == {made.id}
