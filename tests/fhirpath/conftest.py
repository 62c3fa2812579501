"""The official R4 examples."""

import tarfile
from pathlib import Path

import pytest

from fhirhub.definitions import r4
from fhirhub.fhirpath.scope import Json
from fhirhub.model.json import decode_trusted


@pytest.fixture(scope="session")
def examples(test_data: Path) -> dict[str, Json]:
    """File name to resource, all 5,298 of them."""
    with tarfile.open(test_data / "hl7-r4-examples-4.0.1.tar.xz") as archive:
        files = {member.name: archive.extractfile(member) for member in archive if member.name.endswith(".json")}
        found = {Path(name).stem: decode_trusted(file.read()) for name, file in files.items() if file is not None}
    return {name: content for name, content in found.items() if r4().is_resource_type(content.get("resourceType", ""))}
