"""A plugin of somebody else, in a package of its own: built, installed by pip beside fhirhub, and used over HTTP.

The environment is clean: it has the wheels of fhirhub and of the plugin, and takes only what these depend on from the
one that runs the tests, so that nothing has to be fetched.
"""

import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from fhirhub.model.json import Json
from tests.cli.commands import Running, environment
from tests.processes import eventually

PROJECT = Path(__file__).parents[2]
BEDBOARD = Path(__file__).parent / "bedboard"
FHIR = "application/fhir+json"


@dataclass(frozen=True)
class Installed:
    """The environment, and where it is worked in."""

    folder: Path

    def run(self, *words: object, settings: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        """Run a program of the environment to its end."""
        return subprocess.run(
            [str(self.folder / "bin" / str(words[0])), *map(str, words[1:])],
            cwd=self.folder,
            env=clean_environment(settings or {}),
            capture_output=True,
            text=True,
            check=False,
        )


def clean_environment(settings: dict[str, str]) -> dict[str, str]:
    """The variables of this process, without the way to the working copy."""
    return {name: value for name, value in environment(settings).items() if name != "PYTHONPATH"}


def python(*words: object, folder: Path = PROJECT) -> None:
    """Run a module of this environment, in a folder; what it printed is in the failure."""
    done = subprocess.run([sys.executable, "-m", *map(str, words)], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("installed")
    wheels = folder / "wheels"
    for source in (PROJECT, BEDBOARD):
        python("hatchling", "build", "-t", "wheel", "-d", wheels, folder=source)
    venv.create(folder, with_pip=False)
    (site,) = (folder / "lib").glob("python*/site-packages")
    # What it names is searched after this folder, and .pth files there, such as that of the working copy, are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = ("pip", "--python", folder / "bin/python", "install", "--quiet", "--no-index", "--no-deps")
    python(*pip, *wheels.glob("*.whl"))
    return Installed(folder)


@contextmanager
def serving(installed: Installed, uri: str, database: str) -> Iterator[str]:
    """`fhirhub serve` of the environment; gives the root of its URLs."""
    settings = {"MONGODB_URI": uri, "DATABASE": database, "PLUGINS": "bedboard,tagging", "PORT": "0", "WORKERS": "1"}
    errors = installed.folder / "errors"
    with errors.open("w") as stream:
        process = subprocess.Popen(
            [str(installed.folder / "bin/fhirhub"), "serve"],
            cwd=installed.folder,
            env=clean_environment(settings),
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            start_new_session=True,
        )
        running = Running(process, errors)
        try:
            line = running.line()
            assert line.startswith("fhirhub ready at "), errors.read_text()
            yield line.removeprefix("fhirhub ready at ").removesuffix("/fhir")
        finally:
            running.end()


def test_installed_packages_are_those_of_the_wheels(installed: Installed) -> None:
    code = (
        "import fhirhub, fhirhub_plugins.tagging as t, bedboard; print(fhirhub.__file__, t.__file__, bedboard.__file__)"
    )
    told = installed.run("python", "-c", code)
    assert told.returncode == 0, told.stderr
    assert all(name.startswith(str(installed.folder)) for name in told.stdout.split())
    listed = installed.run("fhirhub", "plugins", settings={"PLUGINS": "bedboard,tagging"})
    assert listed.returncode == 0, listed.stderr
    assert "bedboard 1.2.0" in listed.stdout
    assert "package fhirhub-bedboard 1.2.0" in listed.stdout


def test_plugin_passes_its_own_tests_there(installed: Installed, mongodb_uri: str) -> None:
    told = installed.run(
        *("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", BEDBOARD / "tests", "-c", "/dev/null"),
        settings={"TEST_MONGODB_URI": mongodb_uri},
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "1 passed" in told.stdout


def test_plugin_takes_part_over_http(installed: Installed, mongodb_uri: str, database_name: str) -> None:
    with serving(installed, mongodb_uri, database_name) as root:
        fhir = f"{root}/fhir"

        def put(resource: Json) -> requests.Response:
            url = f"{fhir}/{resource['resourceType']}/{resource['id']}"
            return requests.put(url, json=resource, headers={"Content-Type": FHIR}, timeout=30)

        def stay(logical_id: str, status: str = "in-progress") -> Json:
            coding = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}
            place = {"location": {"reference": "Location/bed"}, "status": "active"}
            stayed = {"resourceType": "Encounter", "id": logical_id, "status": status, "class": coding}
            return {**stayed, "subject": {"reference": f"Patient/{logical_id}"}, "location": [place]}

        for who in ("ada", "bob"):
            assert put({"resourceType": "Patient", "id": who}).status_code == 201
        assert put({"resourceType": "Location", "id": "bed", "name": "<b>1</b>"}).status_code == 201
        assert put(stay("ada")).status_code == 201
        refused = put(stay("bob"))
        assert refused.status_code == 422
        assert refused.json()["issue"][0]["diagnostics"] == "Location/bed is taken by Encounter/ada."
        assert refused.json()["issue"][0]["expression"] == ["Encounter.location[0]"]

        occupancy = requests.get(f"{fhir}/Location/bed/$occupancy", timeout=30).json()
        assert occupancy["parameter"][1]["valueReference"] == {"reference": "Patient/ada"}
        board = requests.get(f"{root}/plugins/bedboard/", timeout=30)
        assert board.status_code == 200
        assert "&lt;b&gt;1&lt;/b&gt;</td><td>Patient/ada" in board.text

        def is_there(path: str) -> bool:
            return requests.get(f"{fhir}/{path}", timeout=30).status_code == 200

        assert eventually(lambda: is_there("List/bedboard-census"), 30)
        assert not is_there("Task/clean-ada")
        assert put(stay("ada", "finished")).status_code == 200
        assert eventually(lambda: is_there("Task/clean-ada"), 30)
        assert put(stay("bob")).status_code == 201
        statement = requests.get(f"{fhir}/metadata", timeout=30).json()
        (location,) = (row for row in statement["rest"][0]["resource"] if row["type"] == "Location")
        assert "occupancy" in {row["name"] for row in location["operation"]}
        report = requests.get(f"{fhir}/$plugins", timeout=30).text
        assert "bedboard" in report
