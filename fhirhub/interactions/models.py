"""Resources as objects of `fhir.resources.R4B`, for authors of plugins who like types, and back.

https://github.com/nazrulworld/fhir.resources. It has no release for R4; R4B differs in a few resources.
"""

from copy import deepcopy
from decimal import Decimal
from typing import Any

from fhirhub.model.json import Json


def as_model(resource: Json) -> Any:
    """Return a resource as an object.

    Raises RuntimeError where the package is not installed, ValueError where it refuses the resource.
    """
    try:
        from fhir.resources.R4B import get_fhir_model_class  # an optional package, and a slow one to import
    except ImportError:
        raise RuntimeError("as_model needs the package fhir.resources: pip install 'fhirhub[models]'") from None
    try:
        kind = get_fhir_model_class(resource["resourceType"])
    except KeyError:
        raise ValueError(f"fhir.resources has no {resource.get('resourceType')!r}.") from None
    return kind.model_validate(deepcopy(resource))


def from_model(model: Any) -> Json:
    """Return the resource of an object, with the digits its decimals have; times may be spelt anew."""
    dumped: Json = model.model_dump(mode="json", exclude_none=True)
    _restore(dumped, model)
    resource: Json = _plain(dumped)
    return resource


def _restore(dumped: Json, model: Any) -> None:
    """Put back the decimals, of which the package makes floats."""
    for name, field in type(model).model_fields.items():
        key = field.alias or name
        if key not in dumped:
            continue
        value = getattr(model, name)
        if isinstance(value, Decimal):
            dumped[key] = value
        elif isinstance(value, list):
            for index, (row, each) in enumerate(zip(dumped[key], value, strict=True)):
                if isinstance(each, Decimal):
                    dumped[key][index] = each
                elif hasattr(type(each), "model_fields"):
                    _restore(row, each)
        elif hasattr(type(value), "model_fields"):
            _restore(dumped[key], value)


def _plain(value: Any) -> Any:
    """Return plain dictionaries in place of ordered ones."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
