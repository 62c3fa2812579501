"""The contract of plugins: every folder in plugins/ keeps it, and each way to break it is told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fhirhub.hooks.contract import broken
from fhirhub.hooks.discovery import bundled
from fhirhub.hub import open_hub
from fhirhub.settings import Settings
from fhirhub.validation import validate_resource

PLUGINS = Path(__file__).parents[2] / "plugins"
MANIFEST = 'name = "mine"\nversion = "1.0.0"\napi = "1.0"\ntitle = "Mine"\n'
HOOKS = '''"""Mine."""

from fhirhub.plugin import hook

from .work import work


@hook
def fhirhub_on_change(change, hub):
    """Hear."""
    work(change)
'''


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    (folder / "tests").mkdir(parents=True)
    (folder / "plugin.toml").write_text(MANIFEST)
    (folder / "README.md").write_text("# mine\n")
    (folder / "__init__.py").write_text(HOOKS)
    (folder / "work.py").write_text("def work(change): ...\n")
    (folder / "tests" / "test_mine.py").write_text(
        "from fhirhub.plugin.testing import patient\n\nfrom ..work import work\n"
    )
    return folder


@pytest.mark.parametrize("name", bundled())
def test_bundled_plugin_keeps_the_contract(name: str) -> None:
    assert broken(PLUGINS / name) == []


@pytest.mark.parametrize("name", bundled())
def test_bundled_plugin_starts_alone(name: str, mongodb_uri: str, database_name: str) -> None:
    hub = open_hub(Settings(mongodb_uri=mongodb_uri, database=database_name, plugins=(name,)))
    try:
        hub.start()
        own = (each.operation for each in hub.call.operations if each.plugin == name)
        definitions = [operation.definition for operation in own if operation is not None]
        assert [issue for each in definitions for issue in validate_resource(each)] == []
        (plugin,) = (each for each in hub.hooks.plugins if each.name == name)
        readme = (PLUGINS / name / "README.md").read_text(encoding="utf-8")
        for found in (made for each, made in hub.hooks.call("fhirhub_settings_schema") if each == plugin):
            assert [key for key in found().fields if key not in readme] == []
    finally:
        hub.close()


def test_folder_that_keeps_the_contract_is_well(mine: Path) -> None:
    assert broken(mine) == []


def _write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


LONG = "from fhirhub.plugin import hook\n\n@hook\ndef fhirhub_shutdown():\n    a = 1\n    b = 2\n    c = 3\n    d = 4"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: (folder / "README.md").unlink(), "README.md"),
        (lambda folder: (folder / "tests" / "test_mine.py").unlink(), "no tests"),
        (lambda folder: (folder / "plugin.toml").unlink(), "no manifest"),
        (_write("plugin.toml", MANIFEST.replace("1.0.0", "").replace("version", "verson")), "verson"),
        (_write("work.py", "import fhirhub.store\n"), "work.py, line 1: fhirhub.store is no part of the API"),
        (_write("work.py", "from fhirhub import hub\n"), "fhirhub.hub is no part"),
        (
            _write("work.py", "def f():\n    from fhirhub.plugin.testing import patient\n"),
            "line 2: fhirhub.plugin.te",
        ),
        (_write("work.py", "from fhirhub.plugin import testing\n"), "fhirhub.plugin.testing is no part"),
        (_write("work.py", "from fhirhub_plugins.tagging import rule\n"), "another plugin's"),
        (_write("work.py", "from ..tagging import rule\n"), "leaves the plugin's folder"),
        (_write("tests/test_mine.py", "from fhirhub.model.json import Json\n"), "fhirhub.model.json"),
        (_write("tests/test_mine.py", "from ...tagging import rule\n"), "leaves the plugin's folder"),
        (_write("work.py", "def (:\n"), "not readable as Python"),
        (_write("__init__.py", LONG), "fhirhub_shutdown has 4 statements"),
    ],
)
def test_broken_contract_is_told(mine: Path, change: Callable[[Path], object], says: str) -> None:
    change(mine)
    (problem,) = broken(mine)
    assert says in problem
