"""Resources as typed objects and back."""

import tarfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fhirhub.interactions.models import as_model, from_model
from fhirhub.model.json import Json, decode_trusted
from fhirhub.validation import validate_resource

WEIGHT: Json = {
    "resourceType": "Observation",
    "contained": [{"resourceType": "Basic", "id": "a", "code": {"text": "y"}}],
    "status": "final",
    "_status": {"extension": [{"url": "urn:x", "valueDecimal": Decimal("2.10")}]},
    "code": {"text": "weight"},
    "effectiveDateTime": "2024-01",
    "valueQuantity": {"value": Decimal("71.50"), "unit": "kg"},
    "referenceRange": [{"low": {"value": Decimal("50.0")}}, {"high": {"value": Decimal("90")}}],
}


def digits(value: Any) -> Any:
    """A value with its decimals as texts, so that 1.5 and 1.50 differ."""
    if isinstance(value, dict):
        return {key: digits(each) for key, each in value.items()}
    if isinstance(value, list):
        return [digits(each) for each in value]
    return str(value) if isinstance(value, Decimal | int) else value


def test_round_trip_keeps_digits_and_extensions() -> None:
    model = as_model(WEIGHT)
    assert model.valueQuantity.value == Decimal("71.50")
    assert digits(from_model(model)) == digits(WEIGHT)


def test_model_is_a_copy() -> None:
    model = as_model(WEIGHT)
    model.valueQuantity.unit = "g"
    assert WEIGHT["valueQuantity"]["unit"] == "kg"
    assert from_model(model)["valueQuantity"] == {"value": Decimal("71.50"), "unit": "g"}


@pytest.mark.parametrize("resource", [{"resourceType": "Nothing"}, {"resourceType": "Patient", "gender": 3}])
def test_what_is_no_resource_is_a_value_error(resource: Json) -> None:
    with pytest.raises(ValueError, match=r"Nothing|gender"):
        as_model(resource)


def test_official_examples_come_back_the_same(test_data: Path) -> None:
    compared = 0
    with tarfile.open(test_data / "hl7-r4-examples-4.0.1.tar.xz") as examples:
        for member in examples:
            if not Path(member.name).name.startswith(("Observation-", "Patient-")):
                continue
            file = examples.extractfile(member)
            resource = decode_trusted(file.read()) if file is not None else {}
            if validate_resource(resource):
                continue
            compared += 1
            again = from_model(as_model(resource))
            assert validate_resource(again) == []
            assert digits(again.get("valueQuantity")) == digits(resource.get("valueQuantity"))
            assert digits(again.get("component")) == digits(resource.get("component"))
    assert compared > 50
