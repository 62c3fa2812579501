"""The pages about plugins: every hook has its section, every example loads, the tutorial is carried out."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fhirhub.hooks.specifications import specifications
from fhirhub.plugin import hookspecs, testing
from tests.cli.commands import COMMAND, environment
from tests.hooks.sites import loaded, write_file

pytestmark = pytest.mark.docs

PROJECT = Path(__file__).parents[2]
HOOKS = (PROJECT / "docs/plugins/hooks.md").read_text(encoding="utf-8")
TUTORIAL = (PROJECT / "docs/plugins/README.md").read_text(encoding="utf-8")
TESTS = (PROJECT / "docs/plugins/testing.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (fhirhub_\w+)\n(.*?)(?=^## |\Z)", HOOKS, re.M | re.S))
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.S)


def signature(name: str) -> str:
    """A specification as its source has it."""
    for node in ast.parse(Path(hookspecs.__file__).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            assert node.returns is not None
            return f"def {name}({ast.unparse(node.args)}) -> {ast.unparse(node.returns)}"
    raise AssertionError(name)


def test_the_page_has_a_section_for_each_hook_in_their_order() -> None:
    assert list(SECTIONS) == list(specifications())


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_has_the_exact_signature_style_and_an_example_that_loads(name: str, tmp_path: Path) -> None:
    text = SECTIONS[name]
    (_, shown), (_, example) = BLOCK.findall(text)
    assert shown.strip() == signature(name)
    assert f"**Style:** {specifications()[name].style}." in text
    assert re.search(r"^\*\*When:\*\* \S+", text, re.M)
    assert re.search(r"^\*\*Failure:\*\* \S+", text, re.M)
    write_file(tmp_path, "example", example)
    hooks = loaded(tmp_path, "example")
    assert [each.name for each in hooks.implementers(name)] == ["example"]
    if specifications()[name].contribution is not None:
        [(_, contributions)] = hooks.call(name)
        assert len(contributions) == 1


def test_the_tutorial_works_as_printed(tmp_path: Path, mongodb_uri: str) -> None:
    assert carry_out(TUTORIAL, tmp_path, mongodb_uri) == 2
    assert re.search(r"welcome 0.*flags 1\.0\.0, Flags for new", run("fhirhub plugins", tmp_path, mongodb_uri), re.S)


def test_the_tests_of_the_page_about_tests_pass(tmp_path: Path, mongodb_uri: str) -> None:
    assert carry_out(TESTS, tmp_path, mongodb_uri) == 1


def test_the_page_about_tests_names_what_there_is() -> None:
    told = set(re.findall(r"^\| `(\w+)", TESTS, re.M))
    fixtures = {name for name, each in vars(testing).items() if type(each).__name__ == "FixtureFunctionDefinition"}
    assert told == {*testing.__all__, *fixtures}


def carry_out(page: str, tmp_path: Path, mongodb_uri: str) -> int:
    """Write the files of a page and run its commands; return how many there were."""
    done = 0
    for kind, text in BLOCK.findall(page):
        if kind == "console":
            for command, printed in re.findall(r"^\$ (.+)\n([^$]*)", text, re.M):
                output = run(command, tmp_path, mongodb_uri)
                pattern = ".*?".join(re.escape(part) for part in printed.strip().split("…"))
                assert re.search(pattern, output, re.S), f"{command}\nprinted:\n{printed}\nanswered:\n{output}"
                done += 1
        elif (place := re.match(r"# (\S+)\n", text)) is not None:
            file = tmp_path / place[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    return done


def run(command: str, folder: Path, mongodb_uri: str) -> str:
    """What a command of the tutorial prints."""
    program, *arguments = command.split()
    start = {"fhirhub": COMMAND, "pytest": (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")}[program]
    variables = environment({"TEST_MONGODB_URI": mongodb_uri})
    done = subprocess.run(
        [*start, *arguments], cwd=folder, env=variables, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
