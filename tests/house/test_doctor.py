"""fhirhub doctor: what is missing and how to get it."""

import socket
from pathlib import Path

import pytest

from fhirhub import doctor
from fhirhub.doctor import Finding, examine, exit_status, render
from fhirhub.settings import Settings
from fhirhub.store.embedded import EmbeddedMongod


def found(findings: list[Finding], name: str) -> Finding:
    [one] = [each for each in findings if each.name == name]
    return one


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with which this machine can run fhirhub."""
    return Settings(port=0, data=tmp_path / "data")


def test_doctor_finds_nothing_missing_where_these_tests_run(settings: Settings) -> None:
    findings = examine(settings)
    assert [each for each in findings if not each.ok] == []
    assert exit_status(findings) == 0
    assert found(findings, "Python packages").detail == "all there"
    assert not settings.data.exists()


def test_doctor_says_how_to_get_a_mongod(settings: Settings, tmp_path: Path) -> None:
    findings = examine(Settings(port=0, data=settings.data, mongod=tmp_path / "absent"))
    mongodb = found(findings, "MongoDB")
    assert (mongodb.state, exit_status(findings)) == ("problem", 1)
    assert str(tmp_path / "absent") in mongodb.detail


def test_doctor_repeats_what_a_mongod_that_does_not_run_says(settings: Settings, tmp_path: Path) -> None:
    broken = tmp_path / "mongod"
    broken.write_text("#!/bin/sh\necho 'libcurl.so.4: cannot open shared object file' >&2\nexit 127\n")
    broken.chmod(0o755)
    mongodb = found(examine(Settings(port=0, data=settings.data, mongod=broken)), "MongoDB")
    assert mongodb.state == "problem"
    assert "libcurl.so.4: cannot open" in mongodb.detail


def test_doctor_names_the_package_of_a_missing_library(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = [("libabsent.so.9", "libabsent9", "the embedded MongoDB"), ("libnone.so.1", "libnone1", "printing")]
    monkeypatch.setattr(doctor, "_listed", lambda: iter(listed))
    findings = examine(settings)
    database = found(findings, "libraries for the embedded MongoDB")
    assert (database.state, database.detail) == ("problem", "missing: libabsent.so.9")
    assert database.remedy.startswith("sudo apt-get install libabsent9 ")
    assert found(findings, "libraries for printing").state == "warning"


def test_doctor_looks_at_the_mongodb_of_the_settings(settings: Settings, mongod: EmbeddedMongod) -> None:
    findings = examine(Settings(port=0, mongodb_uri=mongod.uri))
    assert found(findings, "MongoDB").ok
    assert exit_status(findings) == 0
    assert "data folder" not in {each.name for each in findings}


def test_doctor_says_when_the_mongodb_of_the_settings_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = "mongodb://user:secret@127.0.0.1:1/?serverSelectionTimeoutMS=50&connectTimeoutMS=50"
    mongodb = found(examine(Settings(port=0, mongodb_uri=uri)), "MongoDB")
    assert mongodb.state == "problem"
    assert "cannot be used: 127.0.0.1:1" in mongodb.detail
    assert "secret" not in render([mongodb])


def test_doctor_finds_a_taken_port(settings: Settings) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        address = found(examine(Settings(port=port, data=settings.data)), "address")
    assert (address.state, "--port" in address.remedy) == ("problem", True)
    assert f"127.0.0.1:{port}" in address.detail


def test_doctor_repeats_the_refusal_to_listen_beyond_loopback(settings: Settings) -> None:
    address = found(examine(Settings(host="0.0.0.0", port=0, data=settings.data)), "address")
    assert address.state == "problem"
    assert "no authorization is configured" in address.detail


def test_doctor_finds_a_data_folder_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = found(examine(Settings(port=0, data=tmp_path / "file" / "data")), "data folder")
    assert (folder.state, "--data" in folder.remedy) == ("problem", True)


def test_doctor_knows_the_pythons_that_fhirhub_runs_on() -> None:
    assert doctor._python((3, 12)).ok
    assert not doctor._python((3, 10)).ok
    assert not doctor._python((3, 14)).ok


def test_doctor_prints_one_line_for_a_finding_and_its_remedy_below() -> None:
    findings = [Finding("a", "ok", "fine"), Finding("b", "warning", "old"), Finding("c", "problem", "gone", "do\nthis")]
    assert render(findings).splitlines() == [
        "ok    a: fine",
        "note  b: old",
        "FAIL  c: gone",
        "        do",
        "        this",
    ]
    assert exit_status(findings[:2]) == 0
    assert exit_status(findings) == 1
