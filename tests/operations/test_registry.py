"""Which operation answers where, and what cannot be registered. https://hl7.org/fhir/R4/operationdefinition.html"""

from typing import Any

import pytest

from fhirhub.operations.registry import Registry
from fhirhub.plugin import Operation, r4_operation
from fhirhub.settings import ConfigurationError

BASE = "http://fhir.example/r4"


def operation(**definition: Any) -> Operation:
    return Operation({"code": "do", "system": True, **definition}, lambda call: None)


def test_operations_are_found_at_their_levels() -> None:
    registry = Registry(
        [
            ("one", operation(id="all", resource=["Resource"], type=True, instance=True)),
            ("two", operation(code="some", system=False, resource=["Patient", "Group"], instance=True)),
        ]
    )
    found = registry.find("$do", "type", "Patient")
    assert found is not None
    assert (found.plugin, found.code, found.url(BASE)) == ("one", "do", f"{BASE}/OperationDefinition/all")
    assert registry.find("$do", "system") is registry.find("$do", "instance", "Basic") is found
    assert registry.find("$some", "type", "Patient") is None
    assert registry.find("$some", "instance", "Basic") is None
    assert [each.code for each in registry.of("Patient")] == ["do", "some"]
    assert [each.code for each in registry.of("Basic")] == ["do"]
    assert [each.code for each in registry.of(None)] == ["do", "plugins", "reindex"]
    definition = registry.definition("Patient-Group-some", BASE)
    assert definition is not None
    assert (definition["code"], definition["url"]) == ("some", f"{BASE}/OperationDefinition/Patient-Group-some")
    assert registry.definition("some", BASE) is None


def test_operation_of_r4_keeps_its_url_and_its_documentation() -> None:
    registry = Registry([("one", Operation(r4_operation("Patient-everything"), lambda call: None))])
    found = registry.definition("Patient-everything", BASE)
    assert found is not None
    assert found["url"] == "http://hl7.org/fhir/OperationDefinition/Patient-everything"
    assert "care dates" in found["parameter"][0]["documentation"]


@pytest.mark.parametrize(
    ("definitions", "says"),
    [
        ([{}, {"id": "other"}], "both have an operation \\$do at level system"),
        ([{"id": "x"}, {"id": "x", "code": "else"}], "both have an OperationDefinition x"),
        ([{"code": "plugins", "id": "mine"}], "fhirhub and 0 both have an operation \\$plugins"),
        ([{"code": "$do"}], "the code '\\$do', which cannot be one"),
        ([{"code": None}], "the code None"),
        ([{"system": False}], "can be invoked nowhere"),
        ([{"resource": ["Pateint"]}], "'Pateint', which is no resource type"),
        ([{"parameter": [{"name": "x", "use": "in", "min": 0}]}], "its parameter 'x' does not tell max"),
        (
            [{"parameter": [{"name": "x", "use": "in", "min": 0, "max": "1", "part": [{}]}]}],
            "its parameter None does not tell name",
        ),
    ],
)
def test_what_cannot_work_stops_the_start(definitions: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        Registry((str(number), operation(**each)) for number, each in enumerate(definitions))
