"""$meta of a type and of the whole server: in a database that holds nothing else.

https://hl7.org/fhir/R4/resource-operation-meta.html
"""

import pytest

from fhirhub.errors import FhirError
from fhirhub.model.agent import ANONYMOUS
from fhirhub.model.json import Json
from fhirhub.store import values_in_use
from tests.builtin.parameters import returned
from tests.interactions.hub_client import HubClient, patient

TAGS = "http://tags.example"


def tag(code: str, **more: str) -> Json:
    return {"system": TAGS, "code": code, **more}


def test_meta_of_a_type_and_of_the_server_is_what_is_in_use(hub: HubClient) -> None:
    assert returned(hub.get("$meta").resource) == {}
    assert returned(hub.get("Patient/$meta").resource) == {}
    for number in range(30):
        labels = {"tag": [tag(f"t{number % 3}", display="T"), tag("all")], "profile": [f"urn:p{number % 2}"]}
        hub.post("Patient", patient(meta=labels))
    hub.post("Basic", {"resourceType": "Basic", "code": {"text": "x"}, "meta": {"security": [{"code": "R"}]}})
    gone = hub.post("Patient", patient(meta={"tag": [tag("gone")]})).id
    hub.delete(f"Patient/{gone}")
    found = returned(hub.get("Patient/$meta").resource)
    assert {each["code"] for each in found["tag"]} == {"t0", "t1", "t2", "all"}
    assert (found["profile"], set(found)) == (["urn:p0", "urn:p1"], {"tag", "profile"})
    system = returned(hub.get("$meta").resource)
    assert (system["security"], system["tag"]) == ([{"code": "R"}], found["tag"])
    assert returned(hub.get("Basic/$meta").resource) == {"security": [{"code": "R"}]}
    assert returned(hub.get("Observation/$meta").resource) == {}


def test_values_in_use_are_read_once_each_and_not_without_end(hub: HubClient, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = hub.hub.hub_for(ANONYMOUS)
    codes = [resource["meta"]["tag"][0]["code"] for resource in reader.one_of_each("Patient", "_tag")]
    assert sorted(codes) == ["t0", "t1", "t2"]
    assert list(reader.one_of_each("Practitioner", "_tag")) == []
    for resource_type, parameter in (("Patient", "tagg"), ("Patient", "birthdate"), ("Pateint", "_tag")):
        with pytest.raises(FhirError, match=parameter if parameter != "_tag" else resource_type):
            next(reader.one_of_each(resource_type, parameter))
    monkeypatch.setattr(values_in_use, "MAX_VALUES", 2)
    answer = hub.get("$meta")
    assert (answer.status, answer.issue["code"]) == (400, "too-costly")
