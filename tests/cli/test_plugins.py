"""`fhirhub plugins`, `fhirhub hooks`, `fhirhub new-plugin` and commands of plugins, from outside."""

import subprocess
import sys
from pathlib import Path

import pytest

from fhirhub.hooks.specifications import specifications
from tests.cli.commands import environment, fhirhub
from tests.hooks.sites import write_file, write_folder

TAGS = """
import sys

def count(namespace, hub):
    for _ in range(namespace.times):
        hub.create({"resourceType": "Basic", "code": {"text": "x"}})
    sys.stdout.write(f"{hub.count('Basic')} for {hub.agent.kind}\\n")
    return 3

def configure(parser):
    parser.add_argument("--times", type=int, default=1)

@hook
def fhirhub_register_commands():
    return [Command("basics", "make some Basics", count, configure)]
"""


def test_plugins_tells_order_origin_and_hooks(tmp_path: Path) -> None:
    write_folder(tmp_path, "late", "@hook\ndef fhirhub_validate(resource): ...", 'title = "Late"\nafter = ["early"]')
    early = write_file(tmp_path, "early", "@hook\ndef fhirhub_shutdown(): ...\n@hook\ndef fhirhub_prepare(): ...")
    other = write_file(tmp_path, "other", "raise SystemExit('not enabled, not imported')")
    said = fhirhub("plugins", "--plugins", "late,early", "--plugin-files", ".", cwd=tmp_path)
    assert (said.returncode, said.stderr) == (0, "")
    lines = said.stdout.splitlines()
    first = next(number for number, line in enumerate(lines) if line.endswith(". early 0"))
    assert lines[first + 1 : first + 3] == [f"   from {early}", "   fhirhub_prepare, fhirhub_shutdown"]
    assert lines[first + 3].endswith(". late 1.2.3, Late")
    assert lines[first + 4 : first + 7] == [f"   from {tmp_path / 'late'}", "   after early", "   fhirhub_validate"]
    assert f"  other: {other}" in lines[lines.index("Not enabled (setting plugins):") :]


def test_hooks_lists_all_with_who_implements_them(tmp_path: Path) -> None:
    write_file(tmp_path, "mine", "@hook\ndef fhirhub_validate(resource): ...")
    said = fhirhub("hooks", cwd=tmp_path, settings={"PLUGINS": "mine", "PLUGIN_FILES": "."}).stdout.splitlines()
    assert [line.partition("(")[0] for line in said if not line.startswith(" ")] == list(specifications())
    place = said.index("fhirhub_validate(resource, interaction, reader)")
    assert said[place + 1].startswith("  check: Say what is wrong with a resource")
    assert said[place + 2].startswith("  implemented by ")
    assert said[place + 2].endswith("mine")


@pytest.mark.parametrize("command", ["plugins", "hooks", "serve", "nonsense"])
def test_a_broken_plugin_stops_every_command_that_loads_it(tmp_path: Path, command: str) -> None:
    file = write_file(tmp_path, "mine", "@hook\ndef fhirhub_valdate(resource): ...")
    settings = {"PLUGINS": "mine", "PLUGIN_FILES": ".", "PORT": "0", "MONGOD_CACHE_GB": "0.25"}
    said = fhirhub(command, cwd=tmp_path, settings=settings)
    assert (said.returncode, said.stdout) == (2, "")
    assert f"The plugin 'mine', fhirhub_valdate ({file}, line 3): there is no such hook." in said.stderr
    assert "Traceback" not in said.stderr
    assert fhirhub("--help", cwd=tmp_path, settings=settings).returncode == 0


def test_a_command_of_a_plugin_runs_with_a_hub(tmp_path: Path, mongodb_uri: str, database_name: str) -> None:
    write_file(tmp_path, "mine", TAGS)
    settings = {"PLUGINS": "mine", "PLUGIN_FILES": ".", "MONGODB_URI": mongodb_uri, "DATABASE": database_name}
    said = fhirhub("basics", "--times", "2", cwd=tmp_path, settings=settings)
    assert (said.returncode, said.stdout) == (3, "2 for system\n"), said.stderr
    assert "make some Basics" in fhirhub("--help", cwd=tmp_path, settings=settings).stdout
    assert "invalid choice: 'basics'" in fhirhub("basics", cwd=tmp_path).stderr


def test_a_command_of_a_plugin_cannot_take_a_name_of_fhirhub(tmp_path: Path) -> None:
    write_file(tmp_path, "mine", TAGS.replace('"basics"', '"serve"'))
    said = fhirhub("basics", cwd=tmp_path, settings={"PLUGINS": "mine", "PLUGIN_FILES": "."})
    assert (said.returncode, said.stderr) == (
        2,
        "fhirhub: The plugin 'mine': fhirhub has a command 'serve' of its own.\n",
    )


def test_new_plugin_writes_one_whose_tests_pass(tmp_path: Path, mongodb_uri: str) -> None:
    said = fhirhub("new-plugin", "follow_up", cwd=tmp_path)
    assert (said.returncode, said.stderr) == (0, "")
    place = tmp_path / "follow_up"
    assert str(place) in said.stdout
    kept = environment({"TEST_MONGODB_URI": mongodb_uri})
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(place), str(place)],
        cwd=tmp_path,
        env=kept,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert "2 passed" in tests.stdout
    listed = fhirhub("plugins", "--plugins", "follow_up", "--plugin-files", ".", cwd=tmp_path).stdout
    assert "follow_up 0.1.0" in listed
    assert "fhirhub_validate" in listed
    again = fhirhub("new-plugin", "follow_up", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (2, f"fhirhub: {place} is there already.\n")


def test_new_plugin_is_written_into_the_folder_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "fhirhub.toml").write_text('plugin_files = "site"\n')
    assert fhirhub("new-plugin", "one", cwd=tmp_path).returncode == 0
    assert fhirhub("new-plugin", "two", "--in", "elsewhere", cwd=tmp_path).returncode == 0
    assert (tmp_path / "site" / "one" / "plugin.toml").is_file()
    assert (tmp_path / "elsewhere" / "two" / "tests" / "test_two.py").is_file()
    readme = (tmp_path / "site" / "one" / "README.md").read_text()
    assert "FHIRHUB_PLUGIN_ONE_REQUIRED" in readme
    assert "NAME" not in readme


@pytest.mark.parametrize("name", ["Follow", "follow-up", "1st", "../up"])
def test_new_plugin_refuses_names_that_are_none(tmp_path: Path, name: str) -> None:
    said = fhirhub("new-plugin", name, cwd=tmp_path)
    assert (said.returncode, said.stdout) == (2, "")
    assert f"A plugin cannot be named {name!r}" in said.stderr
    assert list(tmp_path.iterdir()) == []
