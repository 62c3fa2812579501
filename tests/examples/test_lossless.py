"""What is sent is what is stored and served: digits, instants, nulls, extensions on primitives, order of arrays.

https://hl7.org/fhir/R4/json.html#primitive, https://hl7.org/fhir/R4/datatypes.html#decimal
"""

import json
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirhub.errors import FhirError
from fhirhub.model.json import Json
from tests.interactions.hub_client import BASE, MERGE_PATCH, Answer, HubClient, entry, unique


def observation(value: str) -> str:
    return (
        '{"resourceType":"Observation","status":"final","code":{"text":"x"},'
        f'"valueQuantity":{{"value":{value},"unit":"mg"}}}}'
    )


def served_number(answer: Answer) -> str:
    """The digits of the quantity as they stand in the bytes."""
    assert answer.content is not None, answer.resource
    return answer.content.decode().partition('"valueQuantity":{"value":')[2].partition(",")[0]


NUMBERS = [
    "1.50",
    "1.5",
    "100",
    "1.00",
    "0",
    "0.0",
    "0.00",
    "-0.0",
    "-1.230",
    "0.1",
    "0.30000000000000004",
    "123456789012345678.123456789",
    "0.12345678901234567890123456789",
    "12345678901234567890",
    "0.000001",
    "9007199254740993",
    "3.14159265358979323846",
]


@pytest.mark.parametrize("number", NUMBERS)
def test_number_is_served_with_the_digits_it_was_sent_with(hub: HubClient, number: str) -> None:
    created = hub.post("Observation", observation(number))
    assert (created.status, served_number(created)) == (201, number)
    again = hub.get(f"Observation/{created.id}")
    assert served_number(again) == number
    part = hub.get(f"Observation/{created.id}?_elements=value")
    assert served_number(part) == number
    patched = hub.patch(f"Observation/{created.id}", {"status": "amended"}, MERGE_PATCH)
    assert served_number(patched) == number


@pytest.mark.parametrize(
    ("sent", "served"),
    [("1e2", "1E+2"), ("1E2", "1E+2"), ("1.0e-7", "1.0E-7"), ("0.00000001", "1E-8"), ("-2.50E+3", "-2.50E+3")],
)
def test_number_with_an_exponent_keeps_its_digits_and_its_exponent(hub: HubClient, sent: str, served: str) -> None:
    """The writing of an exponent is not part of a number; its digits and its precision are."""
    created = hub.post("Observation", observation(sent))
    assert served_number(created) == served
    assert Decimal(served).as_tuple() == Decimal(sent).as_tuple()
    assert served_number(hub.get(f"Observation/{created.id}")) == served


@pytest.mark.parametrize(
    "number", ["1.", ".5", "01", "+1", "1e", "NaN", "Infinity", "-Infinity", "0x10", "1_000", "--1"]
)
def test_what_json_does_not_call_a_number_is_refused(hub: HubClient, number: str) -> None:
    with pytest.raises(FhirError) as refused:
        hub.post("Observation", observation(number))
    assert refused.value.status == 400
    assert "line 1" in str(refused.value)


@pytest.mark.parametrize("number", ['"1.5"', "true", "[1.5]", "null", "{}"])
def test_what_is_no_number_is_refused_as_a_decimal(hub: HubClient, number: str) -> None:
    answer = hub.post("Observation", observation(number))
    assert answer.status == 400
    assert answer.issues[0]["expression"][0].startswith("Observation.value.ofType(Quantity).value")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=9) | st.integers()
)
def test_any_number_comes_back_as_it_was(hub: HubClient, number: Decimal | int) -> None:
    text = str(number)
    if len(text) > 34:
        return
    created = hub.post("Observation", observation(text))
    assert created.status == 201, created.resource
    assert Decimal(served_number(hub.get(f"Observation/{created.id}"))).as_tuple() == Decimal(text).as_tuple()


@pytest.mark.parametrize(
    "instant",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00+00:00",
        "2026-03-01T12:00:00.1Z",
        "2026-03-01T12:00:00.123456-05:00",
        "2026-03-01T12:00:00.123456789+14:00",
        "2026-03-01T12:00:00.000Z",
        "2016-12-31T23:59:60Z",
    ],
)
def test_instant_is_served_as_it_was_sent(hub: HubClient, instant: str) -> None:
    body = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "issued": instant}
    created = hub.post("Observation", body)
    assert created.status == 201, created.resource
    assert hub.get(f"Observation/{created.id}").resource["issued"] == instant


@pytest.mark.parametrize(
    "text",
    [
        "Müller 健康 🩺 \u202e",
        'quote " backslash \\ slash / tab \t newline \n',
        "null",
        "e\u0301 and \u00e9 are two texts",
        "\u2028\u2029\ufeff",
        "</script><![CDATA[",
        "$where {$gt: 1}",
        "x" * 100_000,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_text_is_served_as_it_was_sent(hub: HubClient, text: str) -> None:
    created = hub.post("Patient", {"resourceType": "Patient", "name": [{"text": text, "family": text}]})
    assert created.status == 201, created.resource
    assert hub.get(f"Patient/{created.id}").resource["name"] == [{"text": text, "family": text}]
    assert hub.get(f"Patient/{created.id}/_history/1").content == created.content


UNKNOWN = {"extension": [{"url": "http://e.example/unknown", "valueCode": "unknown"}]}
DETAILED = {
    "resourceType": "Patient",
    "_id": {"extension": [{"url": "http://e.example/on-id", "valueBoolean": True}]},
    "meta": {
        "_lastUpdated": UNKNOWN,
        "source": "urn:x",
        "_profile": [{"id": "none"}],
        "profile": ["http://e.example/profile"],
    },
    "implicitRules": "http://e.example/rules",
    "_implicitRules": {"id": "rules"},
    "_birthDate": {"extension": [{"url": "http://e.example/time", "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
    "name": [
        {
            "given": ["Anna", None, "Maria"],
            "_given": [None, UNKNOWN, {"id": "m"}],
            "_family": UNKNOWN,
        },
        {"_given": [UNKNOWN]},
    ],
    "contact": [{"name": {"family": "du Marché", "_family": {"extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/humanname-own-prefix", "valueString": "VV"}]}}}],
    "extension": [
        {"url": "http://e.example/n", "extension": [{"url": "a", "valueDecimal": 1}, {"url": "b", "valueInteger": 2}]}
    ],
}  # fmt: skip


def test_extensions_on_primitives_and_nulls_in_arrays_are_kept(hub: HubClient) -> None:
    created = hub.post("Patient", DETAILED)
    assert created.status == 201, created.resource
    stored = hub.get(f"Patient/{created.id}").resource
    del stored["id"], stored["meta"]["versionId"], stored["meta"]["lastUpdated"]
    assert stored == DETAILED


def test_order_of_arrays_is_kept(hub: HubClient) -> None:
    for order in permutations(["a", "b", "c"]):
        body = {
            "resourceType": "Patient",
            "name": [{"given": list(order)}],
            "identifier": [{"value": each} for each in order],
            "contained": [{"resourceType": "Basic", "id": each, "code": {"text": each}} for each in order],
            "extension": [{"url": "http://e.example", "valueReference": {"reference": f"#{each}"}} for each in order],
        }
        created = hub.post("Patient", body)
        assert created.status == 201, created.resource
        stored = hub.get(f"Patient/{created.id}").resource
        assert {name: stored[name] for name in body} == body


def test_order_of_properties_is_kept(hub: HubClient) -> None:
    for text in (
        '{"resourceType":"Patient","gender":"male","active":true}',
        '{"active":true,"gender":"male","resourceType":"Patient"}',
    ):
        created = hub.post("Patient", text)
        sent = [name for name in json.loads(text) if name != "resourceType"]
        assert [name for name in created.resource if name not in {"resourceType", "id", "meta"}] == sent


def test_every_way_of_writing_keeps_the_same(hub: HubClient) -> None:
    """Create, update, conditional update, batch and transaction store one resource with the same bytes."""
    value = unique()
    body: Json = {**DETAILED, "identifier": [{"value": value}]}

    def stripped(resource: Json) -> Json:
        return {name: content for name, content in resource.items() if name not in {"id", "meta"}}

    ids = [
        hub.post("Patient", body).id,
        hub.put(f"Patient/{value}", {**body, "id": value}).id,
        hub.put(f"Patient?identifier={unique()}", body).id,
    ]
    for bundle in (hub.batch, hub.transaction):
        (row,) = bundle(entry("POST", "Patient", body)).entries
        ids.append(row["response"]["location"].removeprefix(f"{BASE}/").split("/")[1])
    resources = [stripped(hub.get(f"Patient/{each}").resource) for each in ids]
    assert all(resource == stripped(body) for resource in resources)


def test_searches_and_histories_serve_the_same_bytes(hub: HubClient) -> None:
    created = hub.post("Observation", observation("7.000"))
    assert created.content is not None
    for path in (f"Observation?_id={created.id}", f"Observation/{created.id}/_history", "Observation/_history"):
        answer = hub.get(path)
        assert answer.content is not None
        assert created.content in answer.content
