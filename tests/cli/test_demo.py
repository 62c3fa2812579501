"""`fhirhub demo` from outside: the population is there, the lines it prints work, the second start is quick."""

import shlex
import signal
from pathlib import Path

import requests

from fhirhub.cli.demo import landmarks
from fhirhub.demo import generate, summary
from fhirhub.model.json import encode
from tests.cli.commands import Running, fhirhub, started
from tests.processes import alive, eventually

QUIET = {"MONGOD_CACHE_GB": "0.25", "PORT": "0"}
PATIENTS, YEARS = 5, 8


OF_PLUGINS = frozenset({"Device", "Flag", "Group", "PlanDefinition", "Provenance"})
"""Types of what the bundled plugins make, and the population has nothing of."""


def welcome(command: Running) -> tuple[str, dict[str, int], dict[str, int]]:
    """The URL, the counts per type and per tag; the curl lines follow."""
    first = command.line()
    assert first.startswith("fhirhub ready at "), command.errors
    assert command.line() == ""
    counts = {}
    while line := command.line():
        name, count = line.split()
        counts[name] = int(count.replace(",", ""))
    assert command.line().startswith("Tags ")
    tags = {}
    while line := command.line():
        count, name = line.split(maxsplit=1)
        tags[name] = int(count.replace(",", ""))
    assert "Ctrl-C" in command.line()
    return first.removeprefix("fhirhub ready at "), counts, tags


def test_demo_loads_serves_and_is_quick_the_second_time(tmp_path: Path) -> None:
    arguments = ("demo", "--patients", PATIENTS, "--years", YEARS, "--data", "db")
    bundles = list(generate(PATIENTS, years=YEARS))
    with started(*arguments, cwd=tmp_path, settings=QUIET) as command:
        url, counts, tags = welcome(command)
        assert "loading an invented population of 5 people" in command.errors
        assert {name: count for name, count in counts.items() if name not in OF_PLUGINS} == summary(bundles)
        assert counts["Flag"] == counts["Provenance"] == sum(tags.values()) > 5
        assert any("Overweight" in name for name in tags)
        pids = command.descendants()
        read = requests.get(f"{url}/Patient/demo-p0001", timeout=30).json()
        assert read["meta"]["versionId"] == "1"
        command.interrupt()
        status, rest = command.wait()
        assert status == 0
        assert eventually(lambda: not alive(pids), 5)
        assert "Traceback" not in command.errors
    curls = [shlex.split(line) for line in rest.splitlines() if line.strip().startswith("curl ")]
    assert len(curls) >= 2
    assert all(words[0] == "curl" and words[-1].startswith(url) for words in curls)

    with started(*arguments, cwd=tmp_path, settings=QUIET) as command:
        again, second, _ = welcome(command)
        assert "loading" not in command.errors
        assert {**second, "Group": 0} == {**counts, "Group": 0}
        for words in curls:
            answer = requests.get(words[-1].replace(url, again), timeout=30)
            assert answer.status_code == 200, answer.text
            found = answer.json()
            assert found["resourceType"] != "Bundle" or found["entry"], words
        assert requests.get(f"{again}/Patient/demo-p0001", timeout=30).json()["meta"]["versionId"] == "1"
        # A deleted record stays deleted, more years bring what they have.
        requests.delete(f"{again}/Patient/demo-p0002", timeout=30)
        command.end(signal.SIGTERM)

    more = ("demo", "--patients", PATIENTS, "--years", YEARS + 2, "--data", "db")
    with started(*more, cwd=tmp_path, settings=QUIET) as command:
        _, counts, _ = welcome(command)
        assert "loading" in command.errors
        assert counts["Encounter"] > summary(bundles)["Encounter"]
        command.end(signal.SIGTERM)


def test_demo_does_not_put_its_people_among_others(tmp_path: Path, mongodb_uri: str, database_name: str) -> None:
    arguments = ("demo", "--patients", 1, "--port", 0, "--database", database_name)
    by_variable = fhirhub(*arguments, cwd=tmp_path, settings={"MONGODB_URI": mongodb_uri})
    assert by_variable.returncode == 2
    assert "--mongodb-uri" in by_variable.stderr
    (tmp_path / "p.json").write_bytes(encode({"resourceType": "Patient", "id": "real"}))
    to = ("--mongodb-uri", mongodb_uri, "--database", database_name)
    assert fhirhub("load", "p.json", *to, cwd=tmp_path).returncode == 0
    mixed = fhirhub(*arguments, "--mongodb-uri", mongodb_uri, cwd=tmp_path)
    assert mixed.returncode == 2
    assert "holds other data" in mixed.stderr
    assert mixed.stdout == ""


def test_landmarks_are_in_the_record_and_tell_years_apart() -> None:
    for years in (1, 8):
        _, *records = generate(3, years=years)
        for number, record in enumerate(records, 1):
            held = {(entry["resource"]["resourceType"], entry["resource"]["id"]) for entry in record["entry"]}
            assert set(landmarks(number, years)) <= held
    assert any(set(landmarks(number, 1)) != set(landmarks(number, 8)) for number in range(1, 4))
