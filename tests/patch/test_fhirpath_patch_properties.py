"""What holds for any FHIRPath Patch: https://hl7.org/fhir/R4/fhirpatch.html."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhirhub.errors import FhirError
from fhirhub.model.json import encode
from fhirhub.patch import fhirpath_patch
from tests.patch.parameters import IDENTIFIERS, Json, extension, operation, patched, patient

_RESOURCE = patient(
    active=True,
    name=[
        {"given": ["a", "b"], "_given": [None, {"id": "g"}]},
        {"family": "x", "_family": {"extension": [{"url": "u"}]}},
    ],
    identifier=IDENTIFIERS,
    contact=[{"name": {"text": "t"}}],
    multipleBirthInteger=2,
    contained=[{"resourceType": "Device", "id": "d", "note": [{"text": "n"}]}],
)
_PATHS = """
Patient; Patient.name; Patient.name[0]; Patient.name.given; Patient.name[0].given; Patient.name.given[1];
Patient.name[1].family; Patient.name[1].family.extension; Patient.identifier; Patient.identifier[1].use; Patient.photo;
Patient.contact.name.text; Patient.multipleBirth; Patient.contained; Patient.contained[0].note[0].text; Patient.active;
Patient.descendants(); Patient.name.given.id; Patient.name[0].given.first() | Patient.active; 'x'; %resource; ].x;
Patient.contact
"""
_paths = st.sampled_from([path.strip() for path in _PATHS.split(";")])
_given = st.sampled_from(
    [
        {"valueString": "s"},
        {"valueString": "s", "_valueString": {"id": "i"}},
        {"_valueCode": {"id": "i"}},
        {"valueCode": "male"},
        {"valueBoolean": False},
        {"valueInteger": 7},
        {"valueHumanName": {"text": "h"}},
        {"valueIdentifier": {"value": "v"}},
        extension("e"),
        {"resource": {"resourceType": "Device"}},
        {"part": [{"name": "gender", "valueCode": "other"}]},
        {},
    ]
)
_rows = st.builds(
    lambda kind, path, value, parts: operation(kind, path, value, **parts),
    st.sampled_from(["add", "insert", "delete", "replace", "move"]),
    _paths,
    st.none() | _given,
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.sampled_from(
                ["name", "given", "value", "id", "extension", "contact", "multipleBirth", "contained"]
            ),
            "index": st.integers(-1, 3),
            "source": st.integers(-1, 3),
            "destination": st.integers(-1, 3),
        },
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_rows, max_size=4))
def test_fhirpath_patch_never_changes_its_arguments(rows: list[Json]) -> None:
    try:
        result = patched(_RESOURCE, *rows)
    except FhirError as error:
        assert error.status in {400, 422}
        return
    assert result["resourceType"] == "Patient"
    assert not _empty_below(result)
    encode(result)


def _empty_below(value: Any) -> bool:
    if isinstance(value, dict | list):
        return not value or any(_empty_below(v) for v in (value.values() if isinstance(value, dict) else value))
    return False


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["name", "identifier", "contact"]), st.integers(0, 3), st.text(min_size=1, max_size=5))
def test_fhirpath_patch_deletes_what_it_inserted(name: str, index: int, text: str) -> None:
    values: dict[str, Json] = {
        "name": {"valueHumanName": {"text": text}},
        "identifier": {"valueIdentifier": {"value": text}},
        "contact": {"part": [{"name": "gender", "valueCode": text}]},
    }
    path = f"Patient.{name}"
    index = min(index, len(_RESOURCE[name]))
    inserted = patched(_RESOURCE, operation("insert", path, values[name], index=index))
    assert len(inserted[name]) == len(_RESOURCE[name]) + 1
    assert patched(inserted, operation("delete", f"{path}[{index}]")) == _RESOURCE


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["add", "delete", "Patient", "operation", "value", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "part", "valueString", "valueCode", "_valueCode", "valueInteger", "resource"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(_json)
def test_fhirpath_patch_raises_nothing_but_fhir_errors(content: Any) -> None:
    for parameters in (content, {"resourceType": "Parameters", "parameter": content}):
        try:
            assert fhirpath_patch.apply(_RESOURCE, parameters) == _RESOURCE
        except FhirError as error:
            assert error.status == 400


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["name", "active", "_active", "identifier", "contact"]), _json), _rows)
def test_fhirpath_patch_of_any_json_raises_nothing_but_fhir_errors(content: Json, row: Json) -> None:
    try:
        result = patched(patient(**content), row)
    except FhirError as error:
        assert error.status in {400, 422}
        return
    assert result["resourceType"] == "Patient"
