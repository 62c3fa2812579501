"""Where an issue says it is: line and column in the source, JSON Pointer without one."""

import json
from typing import Any

import pytest

from fhirhub.model.json import decode
from fhirhub.validation import validate_resource
from fhirhub.validation.positions import locate
from fhirhub.validation.report import expression, pointer

SOURCE = """{
  "resourceType": "Patient",
  "name": [ {"family": "A"},
            {"famly": "王", "given": ["x", 1 ] } ],
  "gender"  :  "man",
  "contact": [{"gender": "male"}, 7]
}
"""


def test_issue_says_line_and_column_of_the_source() -> None:
    found = validate_resource(decode(SOURCE.encode()), source=SOURCE.encode())

    assert {issue.expression[0]: issue.location for issue in found} == {
        "Patient.name[1].famly": ("line 4, column 14",),
        "Patient.name[1].given[1]": ("line 4, column 43",),
        "Patient.gender": ("line 5, column 3",),
        "Patient.contact[1]": ("line 6, column 35",),
    }


def test_issue_says_the_pointer_when_there_is_no_source() -> None:
    found = validate_resource(decode(SOURCE.encode()))

    assert [issue.location for issue in found] == [
        ("/name/1/famly",),
        ("/name/1/given/1",),
        ("/gender",),
        ("/contact/1",),
    ]


def test_missing_element_stands_where_its_parent_begins() -> None:
    source = b'{"resourceType": "Patient",\n "link": [\n  {"type": "refer"}]}'

    found = validate_resource(decode(source), source=source)

    assert [(issue.expression[0], issue.location) for issue in found] == [
        ("Patient.link[0].other", ("line 3, column 3",))
    ]


def test_issue_of_the_whole_resource_has_the_first_position_or_none() -> None:
    assert validate_resource([], source=b" []")[0].location == ("line 1, column 2",)
    assert validate_resource([])[0].location == ()


@pytest.mark.parametrize(
    "source", [b"", b"{", b"[]", b"not json", b"\xff\xfe", b'{"name": [1, 2', b'{"a": 1} trailing']
)
def test_source_of_another_document_does_no_harm(source: bytes) -> None:
    found = validate_resource(decode(SOURCE.encode()), source=source)

    assert len(found) == 4
    assert all(issue.location[0].startswith("line ") for issue in found)


def test_positions_agree_with_a_plain_search_for_unique_names() -> None:
    document: dict[str, Any] = {f"k{i}": [{"x": i, "é\n": [1.5e300, '}]\\"']}] * 3 for i in range(50)}
    text = json.dumps(document, indent=1, ensure_ascii=False)
    lines = text.split("\n")

    for name in document:
        where = locate(text.encode(), [(name,)])[(name,)]
        line = next(number for number, content in enumerate(lines, 1) if f'"{name}"' in content)
        assert where == f"line {line}, column {lines[line - 1].index(name)}"


def test_many_positions_in_a_long_document_take_one_pass() -> None:
    source = json.dumps([{"a": [0] * 10} for _ in range(20_000)]).encode()
    paths = [(index, "a", 9) for index in range(0, 20_000, 100)]

    found = locate(source, paths)

    assert len(set(found.values())) == len(paths)


def test_pointer_escapes_its_signs() -> None:
    assert pointer(("a/b", 0, "c~d")) == "/a~1b/0/c~0d"
    assert pointer(()) == ""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), "Observation"),
        (("valueQuantity", "unit"), "Observation.value.ofType(Quantity).unit"),
        (("_issued", "extension", 0, "url"), "Observation.issued.extension[0].url"),
        (
            ("extension", 0, "valueCodeableConcept", "coding", 1),
            "Observation.extension[0].value.ofType(CodeableConcept).coding[1]",
        ),
        (("contained", 0, "name", 0, "family"), "Observation.contained[0].name[0].family"),
        (("contained", 0, "deceasedBoolean"), "Observation.contained[0].deceased.ofType(boolean)"),
        (("a`b",), "Observation.`a\\`b`"),
        (("value",), "Observation.value"),
    ],
)
def test_expression_is_fhirpath(path: tuple[str | int, ...], expected: str) -> None:
    resource = {"resourceType": "Observation", "contained": [{"resourceType": "Patient"}]}
    assert expression(resource, path) == expected
