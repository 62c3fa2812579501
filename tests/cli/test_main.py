"""The command line as such: versions, mistakes, and what is said about them."""

import argparse
import os
import subprocess
from pathlib import Path

import pytest

from fhirhub import __version__
from fhirhub.cli import parser
from fhirhub.settings import option, overrides, settings_table
from fhirhub.store import embedded
from fhirhub.store.embedded import find_mongod
from tests.cli.commands import fhirhub


def test_version_is_printed(tmp_path: Path) -> None:
    said = fhirhub("--version", cwd=tmp_path)
    assert (said.returncode, said.stdout, said.stderr) == (0, f"fhirhub {__version__}\n", "")


def test_help_names_every_command_with_a_summary(tmp_path: Path) -> None:
    said = fhirhub("--help", cwd=tmp_path).stdout
    for command in ("serve", "load", "demo", "doctor"):
        (line,) = (line for line in said.splitlines() if line.split()[:1] == [command])
        assert len(line.split()) > 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "COMMAND"),
        (("workre",), "invalid choice: 'workre'"),
        (("serve", "--prot", "1"), "--prot"),
        (("load",), "PATH"),
        (("load", "x.json", "--workers", "0"), "at least 1"),
        (("demo", "--patients", "many"), "many"),
    ],
)
def test_usage_error_is_exit_2_and_names_the_mistake(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_serve_has_an_option_for_every_setting() -> None:
    given: dict[str, object] = {}
    arguments = ["serve"]
    for each in settings_table():
        if each.kind is bool:
            arguments.append(f"--no-{each.name.replace('_', '-')}")
            given[each.name] = False
        else:
            arguments += [option(each.name), "1"]
            given[each.name] = "1"
    assert overrides(parser().parse_args(arguments)) == given


def test_workers_of_load_is_not_the_setting_of_the_web_workers() -> None:
    namespace: argparse.Namespace = parser().parse_args(["load", "x.json", "--workers", "3"])
    assert namespace.processes == 3
    assert overrides(namespace) == {}


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (("serve", "--port", "http"), {}, "--port"),
        (("serve",), {"PORT": "70000"}, "FHIRHUB_PORT"),
        (("serve",), {"PROT": "8080"}, "did you mean FHIRHUB_PORT"),
        (("load", "nowhere.json"), {}, "nowhere.json"),
        (("load", ".", "--report", "no/such/folder"), {}, "no/such/folder"),
        (("serve", "--port", "0", "--mongod", "no-mongod"), {}, "no-mongod"),
        (("load", ".", "--mongodb-uri", "mysql://x"), {}, "mongodb://"),
    ],
)
def test_configuration_error_is_exit_2_and_one_message(
    tmp_path: Path, arguments: tuple[str, ...], settings: dict[str, str], said: str
) -> None:
    answer = fhirhub(*arguments, cwd=tmp_path, settings=settings)
    assert answer.returncode == 2
    assert answer.stderr.startswith("fhirhub: ")
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("load", "."), ("demo", "--port", "0")])
def test_standalone_mongod_is_refused(tmp_path: Path, command: tuple[str, ...]) -> None:
    named = os.environ.get("FHIRHUB_MONGOD")
    program = find_mongod(Path(named) if named else None, os.environ)
    port = embedded._bindable(0)
    options = ["--dbpath", str(tmp_path), "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket"]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as standalone:
        try:
            answer = fhirhub(*command, "--mongodb-uri", f"mongodb://127.0.0.1:{port}/", cwd=tmp_path)
        finally:
            standalone.terminate()
    assert answer.returncode == 2
    assert "standalone" in answer.stderr
    assert "--replSet" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_unreachable_mongodb_is_exit_2_without_the_password(tmp_path: Path) -> None:
    port = embedded._bindable(0)
    uri = f"mongodb://nurse:secret-word@127.0.0.1:{port}/?serverSelectionTimeoutMS=300"
    answer = fhirhub("load", ".", cwd=tmp_path, settings={"MONGODB_URI": uri})
    assert answer.returncode == 2
    assert "FHIRHUB_MONGODB_URI" in answer.stderr
    assert "secret-word" not in answer.stderr
    assert "Traceback" not in answer.stderr


def test_doctor_says_what_is_missing(tmp_path: Path, mongodb_uri: str) -> None:
    well = fhirhub("doctor", "--port", "0", cwd=tmp_path, settings={"MONGODB_URI": mongodb_uri})
    ill = fhirhub("doctor", "--port", "0", "--mongod", "no-mongod", cwd=tmp_path)
    assert "a replica set" in well.stdout or "MongoDB" in well.stdout
    assert ill.returncode == 1
    assert "FAIL  MongoDB" in ill.stdout
    assert "no-mongod" in ill.stdout
