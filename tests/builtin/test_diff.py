"""$diff: the patch between two versions or resources. https://hl7.org/fhir/R4/fhirpatch.html"""

import pytest

from fhirhub.model.json import Json
from tests.builtin.parameters import sent
from tests.interactions.hub_client import BASE, HubClient, patient

NONE = {"resourceType": "Parameters"}


def three_versions(hub: HubClient) -> str:
    """The path of a Patient that has three versions."""
    logical_id = hub.post("Patient", patient(name=[{"text": "a"}])).id
    hub.put(f"Patient/{logical_id}", patient(id=logical_id, name=[{"text": "a"}, {"text": "b"}], active=True))
    hub.put(f"Patient/{logical_id}", patient(id=logical_id, name=[{"text": "b"}], birthDate="1980"))
    return f"Patient/{logical_id}"


def test_difference_of_versions_is_a_patch_that_makes_the_later_one(hub: HubClient) -> None:
    path = three_versions(hub)
    wanted = hub.get(path).resource
    patch = hub.get(f"{path}/$diff?from=1&to=3")
    assert patch.status == 200
    first = hub.get(f"{path}/_history/1").resource
    hub.put(path, first)
    made = hub.patch(path, patch.resource)
    assert made.status == 200
    assert made.resource | {"meta": {}} == wanted | {"meta": {}}
    assert hub.post(f"{path}/$diff", sent(valueString_from="1", valueString_to="3")).resource == patch.resource


def test_without_versions_it_is_the_last_change(hub: HubClient) -> None:
    path = three_versions(hub)
    assert hub.get(f"{path}/$diff").resource == hub.get(f"{path}/$diff?from=2&to=3").resource != NONE
    assert hub.get(f"{path}/$diff?to=2").resource == hub.get(f"{path}/$diff?from=1&to=2").resource
    assert hub.get(f"{path}/$diff?from=3").resource == NONE
    fresh = hub.post("Patient", patient()).id
    answer = hub.get(f"Patient/{fresh}/$diff")
    assert (answer.status, "has none before it" in answer.issue["diagnostics"]) == (422, True)


def test_resources_are_compared_without_their_identity(hub: HubClient) -> None:
    one, other = (hub.post("Patient", patient(active=active)).id for active in (True, False))
    expected = hub.get(f"Patient/$diff?from=Patient/{one}&to=Patient/{other}").resource
    assert [row["part"] for row in expected["parameter"]] == [
        [
            {"name": "type", "valueCode": "replace"},
            {"name": "path", "valueString": "Patient.active"},
            {"name": "value", "valueBoolean": False},
        ]
    ]
    assert hub.get(f"$diff?from={BASE}/Patient/{one}&to=Patient/{other}/_history/1").resource == expected
    assert hub.get(f"$diff?from=Patient/{one}&to=Patient/{one}").resource == NONE


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("{path}/$diff?from=9", 422, "version '9'"),
        ("{path}/$diff?from=0", 422, "version '0'"),
        ("{path}/$diff?from=x/../1", 422, "version 'x/../1'"),
        ("{path}/$diff?from=", 400, "empty"),
        ("{path}/$diff?from=1&from=2", 400, "at most 1 times"),
        ("{path}/$diff?base=1", 400, "no parameter 'base'"),
        ("Patient/nobody/$diff", 404, "There is no Patient"),
        ("$diff", 400, "from: it is missing"),
        ("$diff?from={path}", 400, "to: it is missing"),
        ("$diff?from={path}&to=Patient/nobody", 422, "there is no Patient/nobody"),
        ("$diff?from={path}&to=http://elsewhere.example/Patient/1", 400, "no reference to a resource"),
        ("$diff?from={path}&to=%23contained", 400, "no reference to a resource"),
        ("$diff?from={path}&to=Patient/a b", 400, "no reference to a resource"),
        ("Observation/$diff?from={path}&to={path}", 400, "no reference to a Observation"),
        ("{path}/_history/1/$diff", 404, "no operation $diff here"),
    ],
)
def test_what_cannot_be_compared_is_refused(hub: HubClient, query: str, status: int, says: str) -> None:
    answer = hub.get(query.format(path=three_versions(hub)))
    assert (answer.status, says in answer.issues[0]["diagnostics"]) == (status, True), answer.resource


def test_versions_that_are_deletions_and_types_that_differ_are_refused(hub: HubClient) -> None:
    path = three_versions(hub)
    basic = hub.post("Basic", {"resourceType": "Basic", "code": {"text": "x"}}).id
    answer = hub.get(f"$diff?from={path}&to=Basic/{basic}")
    assert (answer.status, "of one type" in answer.issue["diagnostics"]) == (400, True)
    hub.delete(path)
    assert hub.get(f"{path}/$diff?from=1&to=2").status == 410
    hub.put(path, patient(id=path.removeprefix("Patient/")))
    answer = hub.get(f"{path}/$diff")
    assert (answer.status, "no version '4'" in answer.issue["diagnostics"]) == (422, True)
    assert hub.get(f"{path}/$diff?from=3&to=5").status == 200


def test_definition_can_be_read_where_it_says_it_is(hub: HubClient) -> None:
    rest = hub.get("metadata").resource["rest"][0]
    assert {"name": "diff", "definition": f"{BASE}/OperationDefinition/Resource-diff"} in rest["operation"]
    definition = hub.get("OperationDefinition/Resource-diff").resource
    assert (definition["code"], definition["url"]) == ("diff", f"{BASE}/OperationDefinition/Resource-diff")
    short = hub.get("OperationDefinition/Resource-diff?_elements=code").resource
    assert ("description" in definition, "description" in short) == (True, False)
    assert hub.get("OperationDefinition/Resource-dif").status == 404
    assert hub.get("Patient/Resource-diff").status == 404


def test_extensions_as_deep_as_they_can_be_are_compared(hub: HubClient) -> None:
    def nested(value: str) -> Json:
        extension: Json = {"url": "http://x.example", "valueString": value}
        for _ in range(25):
            extension = {"url": "http://x.example", "extension": [extension]}
        return patient(extension=[extension])

    one, other = (hub.post("Patient", nested(value)).id for value in "ab")
    patch = hub.get(f"Patient/$diff?from=Patient/{one}&to=Patient/{other}").resource
    assert hub.patch(f"Patient/{one}", patch).resource["extension"] == nested("b")["extension"]
