"""`fhirhub load` from outside: what it prints, its exit status, and what is in the database when it is cut off."""

import os
import pty
import signal
import termios
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from pymongo import MongoClient

from fhirhub.loading.chunks import MOST_RESOURCES
from fhirhub.model.json import Json, encode
from fhirhub.store.embedded import find_mongod, start
from fhirhub.validation import validate_resource
from tests.cli.commands import Running, fhirhub, started
from tests.loading.loads import patient, transaction
from tests.processes import alive, eventually

Documents = dict[str, Json]


def documents(uri: str, database: str, resource_type: str) -> Documents:
    with MongoClient[Json](uri) as client:
        return {document["_id"]: document for document in client[database][resource_type].find()}


def some_of_everything(folder: Path) -> None:
    """A folder with one of each kind of file; three things in it are refused."""
    (folder / "deep").mkdir()
    (folder / "bundle.json").write_bytes(encode(transaction(("PUT", "Patient/bundle", patient("bundle")))))
    (folder / "deep" / "one.xml").write_text('<Patient xmlns="http://hl7.org/fhir"><id value="xml"/></Patient>')
    rows = [patient("row-1"), patient("row-2", birthDate="1.2.1990"), patient("row-3")]
    (folder / "rows.ndjson").write_bytes(b"\n".join(map(encode, rows)) + b"\n{broken\n")
    (folder / "package.json").write_text("{}")
    with zipfile.ZipFile(folder / "packed.zip", "w") as archive:
        archive.writestr("zipped.json", encode(patient("zipped")))
        archive.writestr("wrong.json", encode(transaction(("PUT", "Patient/x", patient("x", gender="robot")))))


def test_load_reports_every_refusal_and_loads_the_rest(tmp_path: Path, mongodb_uri: str, database_name: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    some_of_everything(data)
    to = {"MONGODB_URI": mongodb_uri, "DATABASE": database_name}
    answer = fhirhub("load", "data", "--workers", "1", "--report", "report.ndjson", cwd=tmp_path, settings=to)
    assert answer.returncode == 1
    assert documents(mongodb_uri, database_name, "Patient").keys() == {"bundle", "xml", "row-1", "row-3", "zipped"}

    refused = [line for line in answer.stderr.splitlines() if line.startswith("refused ")]
    assert any("rows.ndjson:2 Patient/row-2: Patient.birthDate:" in line for line in refused)
    assert any("rows.ndjson:4: " in line and "not JSON" in line for line in refused)
    assert any(
        "packed.zip!wrong.json Bundle with 1 entries: Bundle.entry[0].resource.gender" in line for line in refused
    )
    assert any(line.startswith("skipped ") and "package.json" in line for line in answer.stderr.splitlines())
    # Quiet where nobody watches: no progress bar.
    assert "%" not in answer.stderr

    outcomes = [msgspec.json.decode(line) for line in (tmp_path / "report.ndjson").read_bytes().splitlines()]
    assert [validate_resource(outcome) for outcome in outcomes] == [[], [], []]
    sources = {
        tuple(fact[key] for fact in outcome["extension"][0]["extension"] for key in fact if key != "url")
        for outcome in outcomes
    }
    assert sources == {
        ("data/rows.ndjson", 2, "Patient/row-2"),
        ("data/rows.ndjson", 4),
        ("data/packed.zip!wrong.json", "Bundle with 1 entries"),
    }
    table = {line.split()[0]: line.split()[1:] for line in answer.stdout.splitlines() if line}
    assert table["created"] == ["updated", "unchanged", "refused"]
    assert table["Patient"] == ["5", "0", "0", "2"]
    assert table["total"] == ["5", "0", "0", "3"]
    assert "1 files skipped" in answer.stdout

    (data / "packed.zip").unlink()
    (data / "rows.ndjson").write_bytes(encode(patient("row-1")))
    again = fhirhub("load", "data", "--workers", "1", cwd=tmp_path, settings=to)
    assert again.returncode == 0
    table = {line.split()[0]: line.split()[1:] for line in again.stdout.splitlines() if line}
    assert table["Patient"] == ["0", "0", "3", "0"]
    assert {document["v"] for document in documents(mongodb_uri, database_name, "Patient").values()} == {1}


def test_load_shows_its_progress_on_a_terminal(tmp_path: Path, mongodb_uri: str, database_name: str) -> None:
    (tmp_path / "rows.ndjson").write_bytes(b"\n".join(encode(patient(f"r{number}")) for number in range(10)))
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 120))
    to = {"MONGODB_URI": mongodb_uri, "DATABASE": database_name}
    with started("load", "rows.ndjson", "--workers", "1", cwd=tmp_path, stderr=theirs, settings=to) as command:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:
                break
        os.close(ours)
        status, output = command.wait()
    assert status == 0
    assert b"100%" in shown
    assert "10 resources" in output


def test_load_starts_and_ends_the_embedded_mongod(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_bytes(encode(patient("p")))
    answer = fhirhub(
        "load", "p.json", "--workers", "1", "--data", "db", cwd=tmp_path, settings={"MONGOD_CACHE_GB": "0.25"}
    )
    assert answer.returncode == 0, answer.stderr
    assert "end of life" in answer.stderr
    named = os.environ.get("FHIRHUB_MONGOD")
    with start(tmp_path / "db", find_mongod(Path(named) if named else None, os.environ), cache_gb=0.25) as mongod:
        # It had ended, or this one would not be the owner.
        assert mongod.owned
        assert documents(mongod.uri, "fhirhub", "Patient").keys() == {"p"}
        (tmp_path / "p.json").write_bytes(encode(patient("q")))
        attached = fhirhub(
            "load", "p.json", "--workers", "1", "--data", "db", cwd=tmp_path, settings={"MONGOD_CACHE_GB": "0.25"}
        )
        assert attached.returncode == 0, attached.stderr
        assert documents(mongod.uri, "fhirhub", "Patient").keys() == {"p", "q"}


@pytest.fixture
def long_load(tmp_path: Path, mongodb_uri: str, database_name: str) -> Iterator[Running]:
    """A load that takes its time, at a moment when some of it is in the database."""
    with (tmp_path / "long.ndjson").open("wb") as file:
        for number in range(60 * MOST_RESOURCES):
            file.write(encode(patient(f"{number // MOST_RESOURCES}-{number}", active=True)) + b"\n")
    to = {"MONGODB_URI": mongodb_uri, "DATABASE": database_name}
    with started("load", "long.ndjson", "--workers", "2", cwd=tmp_path, settings=to) as command:
        assert eventually(lambda: len(documents(mongodb_uri, database_name, "Patient")) >= 2 * MOST_RESOURCES)
        yield command


def whole_chunks(found: Documents) -> int:
    """How many chunks are in, when none is there by half."""
    sizes: dict[str, int] = {}
    for logical_id in found:
        chunk = logical_id.partition("-")[0]
        sizes[chunk] = sizes.get(chunk, 0) + 1
    assert set(sizes.values()) == {MOST_RESOURCES}
    return len(sizes)


def test_load_interrupted_leaves_whole_chunks_and_says_so(
    long_load: Running, mongodb_uri: str, database_name: str
) -> None:
    pids = long_load.descendants()
    long_load.interrupt()
    status, output = long_load.wait()
    assert status == 130, long_load.errors
    assert "interrupted" in long_load.errors
    assert "Traceback" not in long_load.errors
    assert eventually(lambda: not alive(pids))
    chunks = whole_chunks(documents(mongodb_uri, database_name, "Patient"))
    assert 2 <= chunks < 60
    # What it says is what is there.
    assert f"{chunks * MOST_RESOURCES:,} resources in" in output


def test_load_killed_leaves_whole_chunks_and_no_process(
    long_load: Running, mongodb_uri: str, database_name: str
) -> None:
    pids = long_load.descendants()
    assert len(pids) >= 2
    assert long_load.end(signal.SIGKILL)[0] == -signal.SIGKILL
    assert eventually(lambda: not alive(pids))
    assert whole_chunks(documents(mongodb_uri, database_name, "Patient")) < 60
