"""Operations of plugins, by their definitions: levels, methods, parameters both ways."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fhirhub.hub import open_hub
from fhirhub.model.json import Json
from fhirhub.settings import Settings
from tests.interactions.hub_client import HubClient, entry

GREET = """
from fhirhub.plugin import Failure, FhirError, Operation, hook

DEFINITION = {
    "resourceType": "OperationDefinition", "status": "active", "kind": "operation", "name": "Greet", "code": "greet",
    "system": True, "type": False, "instance": True, "resource": ["Patient"], "affectsState": False,
    "parameter": [
        {"name": "word", "use": "in", "min": 1, "max": "1", "type": "string"},
        {"name": "times", "use": "in", "min": 0, "max": "1", "type": "integer"},
        {"name": "pair", "use": "in", "min": 0, "max": "*", "part": [
            {"name": "key", "use": "in", "min": 1, "max": "1", "type": "code"}]},
        {"name": "said", "use": "out", "min": 1, "max": "*", "type": "string"},
        {"name": "to", "use": "out", "min": 0, "max": "1", "type": "Reference"},
    ],
}

def greet(call):
    given = call.parameters
    if given["word"] == "bye":
        raise FhirError(Failure.UNPROCESSABLE, "Never say goodbye.")
    said = [given["word"]] * given.get("times", 1) + [pair["key"] for pair in given.get("pair", [])]
    if call.logical_id is None:
        return {"said": said}
    patient = call.hub.read(call.resource_type, call.logical_id)
    return {"said": said, "to": {"reference": "Patient/" + patient["id"]}}

@hook
def fhirhub_register_operations(settings):
    return [Operation(DEFINITION, greet)]
"""


@pytest.fixture
def hub(mongodb_uri: str, database_name: str, tmp_path: Path) -> Iterator[HubClient]:
    (tmp_path / "greet.py").write_text(GREET, encoding="utf-8")
    opened = open_hub(
        Settings(mongodb_uri=mongodb_uri, database=database_name, plugins=("greet",), plugin_files=tmp_path)
    )
    try:
        yield HubClient(opened)
    finally:
        opened.close()


def sent(*rows: Json) -> Json:
    return {"resourceType": "Parameters", "parameter": list(rows)}


WORD: Json = {"name": "word", "valueString": "hello"}


def test_operation_is_answered_by_get_and_post_at_its_levels(hub: HubClient) -> None:
    hub.put("Patient/1", {"resourceType": "Patient", "id": "1"})
    twice = [{"name": "said", "valueString": "hello"}, {"name": "said", "valueString": "hello"}]
    assert hub.get("$greet?word=hello&times=2").resource == sent(*twice)
    assert hub.post("$greet", sent(WORD, {"name": "times", "valueInteger": 2})).resource == sent(*twice)
    answer = hub.post("Patient/1/$greet", sent(WORD, {"name": "pair", "part": [{"name": "key", "valueCode": "k"}]}))
    assert answer.status == 200
    assert answer.resource["parameter"][1:] == [
        {"name": "said", "valueString": "k"},
        {"name": "to", "valueReference": {"reference": "Patient/1"}},
    ]
    batch = hub.batch(entry("GET", "$greet?word=hello"))
    assert batch.resource["entry"][0]["resource"] == sent({"name": "said", "valueString": "hello"})


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("Patient/$greet", sent(WORD), 404, "no operation $greet here"),
        ("Observation/1/$greet", sent(WORD), 404, "no operation $greet here"),
        ("Patient/9/$greet", sent(WORD), 404, "no Patient"),
        ("$greet", {"resourceType": "Parameters"}, 400, "Parameter word: it is missing"),
        ("$greet", sent(WORD, WORD), 400, "at most 1 times"),
        ("$greet", sent({"name": "wrod", "valueString": "x"}), 400, "Did you mean word?"),
        ("$greet", sent({"name": "word", "valueInteger": 3}), 400, "it takes valueString, not valueInteger"),
        ("$greet", sent(WORD, {"name": "pair", "part": [{"name": "kye"}]}), 400, "Did you mean key?"),
        ("$greet?times=many", sent(WORD), 400, "'many' is no integer"),
        ("$greet", {"resourceType": "Patient"}, 400, "must be Parameters, not Patient"),
        ("$greet", sent({"name": "word", "valueString": "bye"}), 422, "Never say goodbye."),
    ],
)
def test_what_an_operation_cannot_answer_is_refused_by_name(
    hub: HubClient, path: str, body: Json, status: int, says: str
) -> None:
    answer = hub.post(path, body)
    assert answer.status == status
    assert says in answer.resource["issue"][0]["diagnostics"]


def test_operation_that_is_not_transactional_is_no_part_of_a_transaction(hub: HubClient) -> None:
    answer = hub.transaction(entry("POST", "$greet", sent(WORD)))
    assert answer.status == 400
    assert "cannot be part of a transaction" in answer.resource["issue"][0]["diagnostics"]
