"""Every official example, from JSON to XML and back: https://hl7.org/fhir/R4/downloads.html."""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from fhirhub.http.xml import from_xml, to_xml
from fhirhub.model.json import decode_trusted, encode_canonical

pytestmark = pytest.mark.data


def _examples(test_data: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    archive = test_data / "hl7-r4-examples-4.0.1.tar.xz"
    if not archive.is_file():
        pytest.skip(f"{archive.name} is not among the test data")
    with tarfile.open(archive) as files:
        for member in files:
            stream = files.extractfile(member) if member.name.endswith(".json") else None
            if stream is not None:
                content = decode_trusted(stream.read())
                if "resourceType" in content:
                    yield member.name, content


def _with_canonical_divs(value: Any) -> Any:
    """Narratives are compared as XML: quotes, references and empty tags have more than one spelling."""
    if isinstance(value, dict):
        return {
            key: etree.tostring(etree.fromstring(item), method="c14n2").decode()
            if key == "div" and isinstance(item, str)
            else _with_canonical_divs(item)
            for key, item in value.items()
        }
    return [_with_canonical_divs(item) for item in value] if isinstance(value, list) else value


def _canonical(resource: dict[str, Any]) -> bytes:
    return encode_canonical(_with_canonical_divs(resource))


def test_official_examples_survive_xml(test_data: Path) -> None:
    seen = 0
    different = []
    for name, resource in _examples(test_data):
        seen += 1
        pretty = seen % 2 == 0
        if _canonical(from_xml(to_xml(resource, pretty=pretty))) != _canonical(resource):
            different.append(name)
    assert different == []
    assert seen > 5_000
