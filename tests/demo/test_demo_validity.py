"""Every demo resource is valid R4, by a second opinion (fhir.resources) and by our own validator."""

from importlib import import_module
from typing import Any

import msgspec
import pytest

from fhirhub.demo import generate, observations

Json = dict[str, Any]


@pytest.fixture(scope="module")
def resources() -> list[Json]:
    return [entry["resource"] for bundle in generate(20) for entry in bundle["entry"]]


def model(resource_type: str) -> Any:
    """The fhir.resources class of the type. R4B differs from R4 in none of the types the demo uses."""
    return getattr(import_module(f"fhir.resources.R4B.{resource_type.lower()}"), resource_type)


def test_resources_are_valid_to_fhir_resources(resources: list[Json]) -> None:
    for resource in resources:
        parsed = model(resource["resourceType"]).model_validate(resource)
        assert parsed.id == resource["id"]
    assert len(resources) > 2000


def test_benchmark_observations_are_valid_to_fhir_resources() -> None:
    for resource in observations(300, 20, 1):
        assert model("Observation").model_validate(resource).status == "final"


def test_bundles_are_valid_to_fhir_resources() -> None:
    for bundle in generate(2):
        assert len(model("Bundle").model_validate(bundle).entry) == len(bundle["entry"])


def test_resources_are_valid_to_our_own_validator(resources: list[Json]) -> None:
    validation = pytest.importorskip("fhirhub.validation")
    for resource in (*resources, *observations(100, 20, 1)):
        issues = validation.validate_resource(resource)
        assert [issue for issue in issues if issue.severity in ("error", "fatal")] == [], resource


def test_benchmark_observations_are_deterministic_distinct_and_of_the_right_size() -> None:
    encode = msgspec.json.Encoder(decimal_format="number").encode
    first = [encode(each) for each in observations(500, 50, 3)]
    assert first == [encode(each) for each in observations(500, 50, 3)]
    assert first != [encode(each) for each in observations(500, 50, 4)]
    assert 1300 < sum(map(len, first)) / len(first) < 1700
    parsed = [msgspec.json.decode(each) for each in first]
    assert len({each["identifier"][0]["value"] for each in parsed}) == 500
    assert {each["subject"]["reference"] for each in parsed} <= {
        f"Patient/demo-p{number:04d}" for number in range(1, 51)
    }
    assert not any("id" in each for each in parsed)
