"""Plugins are found, ordered and loaded, and whatever is wrong with one stops the start with its name and file."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import fhirhub
from fhirhub.hooks.discovery import bundled
from fhirhub.hooks.loader import load
from fhirhub.plugin import hook
from fhirhub.settings import ConfigurationError, Settings
from tests.hooks.sites import loaded, write_file, write_folder


def refusal(folder: Path, *names: str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        loaded(folder, *names)
    return str(raised.value)


def test_without_plugins_nothing_is_found_or_called() -> None:
    hooks = load(Settings())
    assert (hooks.plugins, hooks.implementers("fhirhub_validate")) == ((), ())
    with pytest.raises(KeyError):
        hooks.implementers("fhirhub_valdiate")


def test_a_file_is_a_plugin_named_after_it(tmp_path: Path) -> None:
    file = write_file(tmp_path, "veto", "@hook\ndef fhirhub_validate(resource): ...")
    [plugin] = loaded(tmp_path, "veto").plugins
    assert (plugin.name, plugin.version, plugin.title, plugin.source) == ("veto", "0", "veto", str(file))
    assert plugin.settings == {}


def test_a_file_may_have_a_manifest_of_literals(tmp_path: Path) -> None:
    write_file(
        tmp_path, "veto", '__fhirhub__ = {"title": "Veto", "version": "2", "on_change": {"types": ["Patient"]}}\n'
    )
    [plugin] = loaded(tmp_path, "veto").plugins
    assert (plugin.title, plugin.version, plugin.on_change_types) == ("Veto", "2", frozenset({"Patient"}))


def test_a_folder_is_a_plugin_with_modules_of_its_own(tmp_path: Path) -> None:
    write_folder(
        tmp_path,
        "flags",
        "from .rules import RULES\n@hook\ndef fhirhub_validate(resource): return RULES",
        'title = "Flags"\nafter = ["other"]\n[on_change]\ntypes = ["Observation", "Patient"]\n',
        rules="RULES = ()",
    )
    [plugin] = loaded(tmp_path, "flags").plugins
    assert (plugin.name, plugin.version, plugin.title) == ("flags", "1.2.3", "Flags")
    assert plugin.source == str(tmp_path / "flags")
    assert (plugin.after, plugin.on_change_types) == (("other",), frozenset({"Observation", "Patient"}))


def test_plugins_that_are_not_enabled_are_not_even_read(tmp_path: Path) -> None:
    write_file(tmp_path, "good", "")
    (tmp_path / "broken.py").write_text("this is ( no Python")
    write_folder(tmp_path, "odd", manifest="nonsense = 1")
    assert [each.name for each in loaded(tmp_path, "good").plugins] == ["good"]


def test_a_package_is_a_plugin_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path, "follow_ups", "@hook\ndef fhirhub_shutdown(): ...", 'title = "Follow-ups"')
    information = tmp_path / "site_follow_ups-4.5.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: site-follow-ups\nVersion: 4.5\n")
    (information / "entry_points.txt").write_text("[fhirhub]\nfollow_ups = follow_ups\ngone = absent_module\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        [plugin] = load(Settings(plugins=("follow_ups",))).plugins
        assert (plugin.title, plugin.version) == ("Follow-ups", "1.2.3")
        assert plugin.source == "package site-follow-ups 4.5"
        assert plugin.module is sys.modules["follow_ups"]
        with pytest.raises(ConfigurationError, match=r"site-follow-ups 4\.5.*absent_module.*no such"):
            load(Settings(plugins=("gone",)))
    finally:
        sys.modules.pop("follow_ups", None)


def test_the_bundled_plugins_are_those_of_the_project() -> None:
    folders = {each.parent.name for each in (Path(fhirhub.__file__).parents[1] / "plugins").glob("*/plugin.toml")}
    assert set(bundled()) == folders
    # A folder of the settings may be that of the bundled ones.
    names = tuple(sorted(folders))
    again = load(Settings(plugins=names, plugin_files=Path(fhirhub.__file__).parents[1] / "plugins"))
    assert {each.name for each in again.plugins} == folders
    assert all(each.module.__name__ == f"fhirhub_plugins.{each.name}" for each in again.plugins)


def test_builtin_plugins_come_first_and_need_no_manifest(tmp_path: Path) -> None:
    @hook
    def fhirhub_shutdown() -> None: ...

    write_file(tmp_path, "mine", "@hook\ndef fhirhub_shutdown(): ...")
    builtin = [("meta", SimpleNamespace(fhirhub_shutdown=fhirhub_shutdown)), ("diff", SimpleNamespace())]
    hooks = load(Settings(plugins=("mine",), plugin_files=tmp_path), builtin=builtin)
    assert [each.name for each in hooks.plugins] == ["meta", "diff", "mine"]
    assert [each.name for each in hooks.implementers("fhirhub_shutdown")] == ["meta", "mine"]
    assert (hooks.plugins[0].version, hooks.plugins[0].source) == (fhirhub.__version__, "fhirhub")
    with pytest.raises(ConfigurationError, match="plugins: 'meta' is a part of fhirhub"):
        load(Settings(plugins=("meta",), plugin_files=tmp_path), builtin=builtin)


def test_order_is_that_of_the_settings_but_for_after_and_requires(tmp_path: Path) -> None:
    write_folder(tmp_path, "a", manifest='after = ["c", "absent"]')
    write_folder(tmp_path, "b", manifest='requires = ["d"]')
    write_folder(tmp_path, "c")
    write_folder(tmp_path, "d")
    assert [each.name for each in loaded(tmp_path, "a", "b", "c", "d").plugins] == ["c", "a", "d", "b"]
    assert [each.name for each in loaded(tmp_path, "d", "c", "b", "a").plugins] == ["d", "c", "b", "a"]


def test_plugins_in_a_circle_are_refused_with_the_circle(tmp_path: Path) -> None:
    write_folder(tmp_path, "a", manifest='after = ["b"]')
    write_folder(tmp_path, "b", manifest='requires = ["c"]')
    write_folder(tmp_path, "c", manifest='after = ["a"]')
    said = refusal(tmp_path, "a", "b", "c")
    assert "in a circle: a after b after c after a" in said
    assert str(tmp_path / "b") in said


def test_a_required_plugin_must_be_enabled(tmp_path: Path) -> None:
    write_folder(tmp_path, "a", manifest='requires = ["b", "taging"]')
    write_folder(tmp_path, "b")
    write_folder(tmp_path, "tagging")
    assert refusal(tmp_path, "a").splitlines() == [
        f"The plugin 'a' ({tmp_path / 'a'}) requires 'b', which is not enabled: add it to the setting plugins.",
        f"The plugin 'a' ({tmp_path / 'a'}) requires 'taging', and there is no plugin of that name. "
        "Did you mean tagging?",
    ]


def test_names_that_cannot_be_enabled_are_told_all_at_once(tmp_path: Path) -> None:
    write_file(tmp_path, "veto", "")
    write_file(tmp_path, "double", "")
    write_folder(tmp_path, "double")
    assert refusal(tmp_path, "vetoo", "veto", "veto", "double").splitlines() == [
        "plugins: there is no plugin 'vetoo'. Did you mean veto?",
        "plugins: 'veto' is named twice.",
        f"plugins: 'double' is there more than once: {tmp_path / 'double'} and {tmp_path / 'double.py'}.",
    ]
    with pytest.raises(ConfigurationError, match="plugin_files: there is no folder"):
        load(Settings(plugins=("veto",), plugin_files=tmp_path / "absent"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('titel = "x"', "titel: there is no such key. Did you mean title?"),
        ("version = 1", "version: Not a valid string."),
        ('name = "Upper"', "name: expected a lower case letter, then"),
        ('name = "other"', "name: expected 'mine', as the plugin is found under, got 'other'"),
        ('api = "2.0"', "api: the plugin is written for the plugin API 2.0, and this fhirhub has 1.0"),
        ('api = "1.7"', "api: the plugin is written for the plugin API 1.7"),
        ('api = "one"', "api: expected a version such as \"1.0\", got 'one'"),
        ('after = "x"', "after: Not a valid list."),
        ('requires = ["A b"]', "requires.0: not the name of a plugin: 'A b'"),
        (
            '[on_change]\ntypes = ["Patinet"]',
            "on_change.types: 'Patinet' is not a resource type of FHIR R4.",
        ),
        ("[on_change]\ntyps = []", "on_change.typs: Unknown field."),
    ],
)
def test_a_manifest_is_checked_by_file_and_key(tmp_path: Path, line: str, said: str) -> None:
    place = write_folder(tmp_path, "mine")
    rows = {"name": 'name = "mine"', "version": 'version = "1"', "api": 'api = "1.0"'}
    rows[line.partition(" ")[0]] = line
    (place / "plugin.toml").write_text("\n".join(rows.values()))
    assert f"{place / 'plugin.toml'}: {said}" in refusal(tmp_path, "mine")


def test_manifests_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (write_folder(tmp_path, "a") / "plugin.toml").write_text("name = ")
    (write_folder(tmp_path, "b") / "plugin.toml").unlink()
    (write_folder(tmp_path, "c") / "plugin.toml").write_text("")
    write_file(tmp_path, "d", "__fhirhub__ = dict(title=input())")
    (tmp_path / "e.py").write_text("def (")
    said = refusal(tmp_path, "a", "b", "c", "d", "e")
    assert f"{tmp_path / 'a' / 'plugin.toml'}: not readable as TOML" in said
    assert f"{tmp_path / 'b' / 'plugin.toml'}: the plugin 'b' has no manifest" in said
    assert f"{tmp_path / 'c' / 'plugin.toml'}: version: Missing data for required field." in said
    assert f"{tmp_path / 'd.py'}: __fhirhub__: expected a dict of literals" in said
    assert f"{tmp_path / 'e.py'}: the plugin 'e' is not readable as Python" in said


def test_a_plugin_that_cannot_be_imported_is_named_with_the_place(tmp_path: Path) -> None:
    write_folder(tmp_path, "mine", "from .rules import RULES", rules="\nRULES = 1 / 0\n")
    said = refusal(tmp_path, "mine")
    assert said.startswith(f"The plugin 'mine' ({tmp_path / 'mine'}) cannot be imported: ZeroDivisionError")
    assert f"{tmp_path / 'mine' / 'rules.py'}, line 2" in said


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("@hook\ndef fhirhub_valdate(resource): ...", "there is no such hook. Did you mean fhirhub_validate"),
        (
            "@hook\ndef fhirhub_validate(resorce): ...",
            "there is no argument 'resorce' (resource, interaction, reader). Did you mean resource?",
        ),
        ("def fhirhub_validate(resource): ...", "it is not marked with @hook, so nobody would call it."),
        ("@hook\nasync def fhirhub_validate(resource): ...", "it is async, and hooks are synchronous."),
        ("@hook(tryfirst=True)\ndef fhirhub_validate(resource): ...", "tryfirst is not supported"),
        ("@hook(wrapper=True)\ndef fhirhub_validate(resource):\n    return (yield)", "wrapper is not supported"),
        ("@hook\ndef fhirhub_validate(resource, **more): ...", "*more is never filled"),
        ("@hook\ndef fhirhub_validate(resource, reader=None): ...", "the argument 'reader' must have no default"),
        ("@hook\ndef fhirhub_validate(*, resource): ...", "the argument 'resource' must have no default and no *"),
        (
            "@hook\ndef fhirhub_validate(): ...\n@hook(specname='fhirhub_validate')\ndef again(): ...",
            "the plugin implements it twice.",
        ),
    ],
)
def test_what_would_never_be_called_stops_the_start(tmp_path: Path, source: str, said: str) -> None:
    file = write_file(tmp_path, "mine", source)
    found = refusal(tmp_path, "mine")
    name = "fhirhub_valdate" if "valdate" in source else "fhirhub_validate"
    assert found.startswith(f"The plugin 'mine', {name} ({file}, line ")
    assert said in found


def test_all_mistakes_of_all_plugins_are_told(tmp_path: Path) -> None:
    write_file(tmp_path, "a", "@hook\ndef fhirhub_valdate(): ...\n@hook\ndef fhirhub_prepare(x): ...")
    write_file(tmp_path, "b", "@hook\ndef fhirhub_present(y): ...")
    assert len(refusal(tmp_path, "a", "b").splitlines()) == 3


def test_an_argument_of_the_plugins_own_may_have_a_default(tmp_path: Path) -> None:
    write_file(tmp_path, "mine", "@hook\ndef fhirhub_describe(statement, limit=3):\n    return {'limit': limit}")
    assert loaded(tmp_path, "mine").call("fhirhub_describe", statement={}) == {"limit": 3}
