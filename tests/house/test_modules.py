"""The house rules about modules that ruff, mypy and import-linter do not hold."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
PARTS = ("fhirhub", "plugins", "conformance", "bench", "tests")
LONGEST = 400
FORBIDDEN_MODULES = {"util", "utils", "helper", "helpers", "common", "base", "manager", "managers", "misc"}
FORBIDDEN_CLASS = re.compile(r".*(Manager|Helper|Helpers|Util|Utils|Base|Impl)\Z")
# The verb, which says nothing; the noun names a process of the operating system.
FORBIDDEN_FUNCTION = re.compile(r"_*process_(?!id\Z|number\Z)")
SUPPRESSION = re.compile(r"#\s*(noqa|type:\s*ignore)")
REASONED = re.compile(r"#\s*(noqa: [A-Z]+\d+(, ?[A-Z]+\d+)*|type: ignore\[[\w-]+(, ?[\w-]+)*\])\s+(#|-) \S+")
TEXTS = {".py", ".md", ".toml", ".txt", ".in", ".yml", ".html", ".css", ".js", ""}
# Written so that this file does not hold what it looks for.
MACHINE = re.compile(r"(?<![\w./-])/(?:work|root)/(?!\.)|/tm[p]/|\bpy[p]i\.org|python[h]osted\.org|npm[j]s\.org")


def modules() -> list[Path]:
    return sorted(path for part in PARTS for path in (PROJECT / part).rglob("*.py"))


def texts() -> Iterator[Path]:
    """The files that git keeps or would keep, as far as they are text."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in listed.split("\0"):
        path = PROJECT / name
        if name and path.suffix in TEXTS and path.is_file() and not path.is_symlink():
            yield path


def name_of(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def test_modules_are_found() -> None:
    assert PROJECT / "fhirhub" / "errors.py" in modules()
    assert PROJECT / "Makefile" in set(texts())


def test_no_module_is_over_400_lines() -> None:
    sizes = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {name: size for name, size in sizes.items() if size > LONGEST} == {}


def test_every_module_says_what_it_is() -> None:
    silent = [
        name_of(path)
        for path in modules()
        if (source := path.read_text(encoding="utf-8")).strip() and not ast.get_docstring(ast.parse(source))
    ]
    assert silent == []


def test_no_name_says_nothing() -> None:
    vague = [name_of(path) for path in modules() if {path.stem.strip("_"), path.parent.name} & FORBIDDEN_MODULES]
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and FORBIDDEN_CLASS.match(node.name):
                vague.append(f"{name_of(path)}: class {node.name}")
            if isinstance(node, ast.FunctionDef) and FORBIDDEN_FUNCTION.match(node.name):
                vague.append(f"{name_of(path)}: function {node.name}")
    assert vague == []


def test_every_suppression_names_its_rule_and_its_reason() -> None:
    bare = [
        f"{name_of(path)}:{number}"
        for path in modules()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if SUPPRESSION.search(line) and not REASONED.search(line) and path != Path(__file__)
    ]
    assert bare == []


def test_no_file_names_this_machine_or_a_registry_host() -> None:
    found = [
        f"{name_of(path)}:{number}: {match[0]}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if (match := MACHINE.search(line))
    ]
    assert found == []


@pytest.mark.xdist_group("lint-imports")
def test_imports_keep_to_the_layers() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    said = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert "0 broken." in said.stdout, said.stdout + said.stderr
    assert said.returncode == 0
