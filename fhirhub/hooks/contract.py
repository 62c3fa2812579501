"""The contract of a plugin's folder, as far as it can be seen without running the plugin.

docs/plugins/testing.md
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fhirhub.hooks.manifest import MANIFEST, of_folder
from fhirhub.settings import ConfigurationError

ALLOWED: Final = "fhirhub.plugin"
TESTING: Final = "fhirhub.plugin.testing"
_SHORT: Final = 3
"""Statements of a hook, at most: what is done stands in modules that can be tested without a server."""


def broken(folder: Path) -> list[str]:
    """Return what is wrong with a plugin's folder, sentences for its author: nothing, where all is well.

    It must have a valid manifest, a README.md and tests; import nothing of fhirhub but `fhirhub.plugin` (its tests
    `fhirhub.plugin.testing`, too) and nothing of other bundled plugins; and keep its hooks short.

    Arguments:
        folder: with `plugin.toml`; its name is that of the plugin.
    """
    return list(_problems(folder))


def _problems(folder: Path) -> Iterator[str]:
    try:
        of_folder(folder / MANIFEST, folder.name)
    except ConfigurationError as error:
        yield str(error)
    if not (folder / "README.md").is_file():
        yield f"{folder}: there is no README.md."
    if not any((folder / "tests").glob("test_*.py")):
        yield f"{folder}: there are no tests in tests/test_*.py."
    for file in sorted(folder.rglob("*.py")):
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
        except (SyntaxError, UnicodeDecodeError) as error:
            yield f"{file}: not readable as Python: {error}"
            continue
        depth = len(file.relative_to(folder).parents)
        yield from (f"{file}, line {line}: {text}" for line, text in _imports(tree, depth, _is_test(folder, file)))
        if file == folder / "__init__.py":
            yield from (f"{file}, line {line}: {text}" for line, text in _long_hooks(tree))


def _is_test(folder: Path, file: Path) -> bool:
    return file.relative_to(folder).parts[0] == "tests"


def _imports(tree: ast.Module, depth: int, is_test: bool) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
            # `from fhirhub import plugin` imports fhirhub.plugin.
            if node.module == "fhirhub" or any(f"{node.module}.{each.name}" == TESTING for each in node.names):
                names = [f"{node.module}.{each.name}" for each in node.names]
        else:
            if isinstance(node, ast.ImportFrom) and node.level > depth:
                yield node.lineno, "the import leaves the plugin's folder."
            continue
        for name in names:
            if name.split(".")[0] in ("fhirhub_plugins", "plugins"):
                yield node.lineno, f"{name} is another plugin's: plugins share resources, not code."
            elif name.split(".")[0] == "fhirhub" and name != ALLOWED and not (is_test and name == TESTING):
                yield node.lineno, f"{name} is no part of the API, which is {ALLOWED} alone."


def _long_hooks(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or not any(_is_hook(each) for each in node.decorator_list):
            continue
        statements = [each for each in ast.walk(node) if isinstance(each, ast.stmt)][1:]
        if ast.get_docstring(node) is not None:
            statements = statements[1:]
        if len(statements) > _SHORT:
            text = f"{node.name} has {len(statements)} statements; a hook has {_SHORT} at most, and calls the rest."
            yield node.lineno, text


def _is_hook(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Name) and called.id == "hook"
