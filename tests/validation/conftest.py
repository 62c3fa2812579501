"""The official examples of R4, read from the shared test data."""

import tarfile
from pathlib import Path

import pytest

ARCHIVE = "hl7-r4-examples-4.0.1.tar.xz"


@pytest.fixture(scope="session")
def official_examples(test_data: Path) -> dict[str, bytes]:
    """The JSON files of the archive by name, the two that describe the package itself left out."""
    archive = test_data / ARCHIVE
    if not archive.is_file():
        pytest.skip(f"no official examples: {archive} is missing")
    files: dict[str, bytes] = {}
    with tarfile.open(archive) as members:
        for member in members:
            stream = members.extractfile(member)
            name = Path(member.name).name
            if stream is not None and name.endswith(".json") and name not in {"package.json", "ig-r4.json"}:
                files[name] = stream.read()
    return files
