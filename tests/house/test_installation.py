"""What a newcomer's machine installs and types: lock files, wheel, commands."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).parent.parent.parent
PROJECT_TABLE = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PIN = re.compile(
    r"^([a-z0-9][a-z0-9._-]*)==([^ \\]+)((?: ;[^\\]*)?) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M
)
EXTRAS = {"runtime": ("embedded",), "dev": ("embedded", "models", "dev")}


def locked(name: str) -> dict[str, str]:
    """Version by distribution, of one lock file."""
    text = (PROJECT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return {canonicalize_name(match[1]): match[2] for match in PIN.finditer(text)}


def wanted(name: str) -> list[Requirement]:
    """What pyproject.toml and build.in ask of one lock file."""
    build = (PROJECT / "requirements" / "build.in").read_text(encoding="utf-8").splitlines()
    extras = (line for extra in EXTRAS[name] for line in PROJECT_TABLE["optional-dependencies"][extra])
    lines = [*PROJECT_TABLE["dependencies"], *extras, *(line for line in build if line and line[0] != "#")]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("name", ["runtime", "dev"])
def test_lock_file_has_what_the_project_asks_for(name: str) -> None:
    versions = locked(name)
    unmet = [
        str(each)
        for each in wanted(name)
        if not each.specifier.contains(versions.get(canonicalize_name(each.name), "0"), prereleases=True)
    ]
    assert unmet == [], "run make lock"


@pytest.mark.parametrize("name", ["runtime", "dev"])
def test_lock_file_pins_every_line_by_hash_and_names_no_place(name: str) -> None:
    text = (PROJECT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    rest = [line for line in PIN.sub("", text).splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert rest == []
    assert "://" not in text


def test_development_and_production_run_the_same_versions() -> None:
    runtime, dev = locked("runtime"), locked("dev")
    assert len(runtime) > 20
    assert {name: dev.get(name) for name in runtime} == runtime


def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=PROJECT, capture_output=True, check=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("fhirhub/")}
        [licence] = [name for name in archive.namelist() if name.endswith("/licenses/LICENSE")]
        assert "Apache License" in archive.read(licence).decode()
    package = PROJECT / "fhirhub"
    files = {str(path.relative_to(PROJECT)) for path in package.rglob("*") if path.is_file()}
    assert held == {name for name in files if "__pycache__" not in name}


@pytest.mark.docs
def test_the_readme_types_commands_that_exist() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    typed = set(re.findall(r"\bmake ([a-z-]+)\b", "\n".join(re.findall(r"`[^`]+`|```.*?```", readme, re.S))))
    assert {"demo", "test"} <= typed
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    assert typed - set(re.findall(r"^([a-z-]+):", makefile, re.M)) == set()


def test_every_make_target_is_described() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.M)[0].split())
    assert set(re.findall(r'@echo "make ([a-z-]+) ', makefile)) == phony - {"help"}


def test_ci_runs_what_a_newcomer_runs() -> None:
    lines = (PROJECT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[1] == "set -euo pipefail"
    assert lines[-1] == "make test"
