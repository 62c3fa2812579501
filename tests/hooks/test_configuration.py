"""Settings of plugins: tables and variables, checked by the plugin's schema, carried to other processes."""

from pathlib import Path
from typing import Any

import pytest

from fhirhub.hooks.loader import load
from fhirhub.settings import ConfigurationError, Settings, SettingsError
from tests.hooks.sites import write_file

SCHEMA = """
    from marshmallow import Schema, fields, validate

    class Mine(Schema):
        days = fields.Integer(load_default=7, validate=validate.Range(min=1, error="expected at least 1"))
        codes = fields.List(fields.String(), load_default=())
        password = fields.String(load_default="")
        limits = fields.Dict(keys=fields.String(), values=fields.Integer(), load_default=dict)
        since = fields.Date(load_default=None)
        max_days = fields.Integer(data_key="max-days")

    @hook
    def fhirhub_settings_schema():
        return Mine
"""
TOML = """
plugins = ["mine"]
plugin_files = "."

[plugin.mine]
days = 3
codes = ["a", "b"]
since = 2026-01-31
limits = {low = 1, high = 2}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a plugin that has settings, and one that has none."""
    write_file(tmp_path, "mine", SCHEMA)
    write_file(tmp_path, "mine_too", "")
    return tmp_path


def of_mine(folder: Path, toml: str = "", **variables: str) -> Any:
    (folder / "fhirhub.toml").write_text(toml)
    return load(Settings.load({}, variables, folder)).plugins[0].settings


def refusal(folder: Path, toml: str = "", **variables: str) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        of_mine(folder, f'plugins = ["mine", "mine_too"]\nplugin_files = "."\n{toml}', **variables)
    return str(raised.value).splitlines()


def test_a_table_is_loaded_by_the_schema(site: Path) -> None:
    found = of_mine(site, TOML)
    assert (found["days"], found["codes"], found["limits"]) == (3, ["a", "b"], {"low": 1, "high": 2})
    assert (str(found["since"]), found["password"]) == ("2026-01-31", "")


def test_variables_win_over_the_table_and_have_every_type(site: Path) -> None:
    found = of_mine(
        site,
        TOML,
        FHIRHUB_PLUGIN_MINE_DAYS="30",
        FHIRHUB_PLUGIN_MINE_CODES="x, y",
        FHIRHUB_PLUGIN_MINE_PASSWORD="12345",
        FHIRHUB_PLUGIN_MINE_LIMITS='{"low": 5}',
        FHIRHUB_PLUGIN_MINE_MAX_DAYS="9",
    )
    assert (found["days"], found["codes"], found["password"]) == (30, ["x", "y"], "12345")
    assert (found["limits"], found["max_days"], str(found["since"])) == ({"low": 5}, 9, "2026-01-31")
    assert of_mine(site, TOML, FHIRHUB_PLUGIN_MINE_CODES='["x,y"]')["codes"] == ["x,y"]


def test_settings_of_plugins_reach_other_processes(site: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (site / "fhirhub.toml").write_text(TOML)
    settings = Settings.load({}, {"FHIRHUB_PLUGIN_MINE_PASSWORD": "007"}, site)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    again = Settings.load({}, settings.environ(), elsewhere)
    assert again == settings
    assert again.plugin["mine"]["since"] == "2026-01-31"
    assert load(again).plugins[0].settings == load(settings).plugins[0].settings
    assert hash(again) == hash(settings)
    assert "007" not in repr(settings)


def test_unknown_keys_and_wrong_values_are_told_with_plugin_and_key(site: Path) -> None:
    assert refusal(
        site, "[plugin.mine]\ndayz = 1\ndays = 0\nlimits = {low = 'x'}\n", FHIRHUB_PLUGIN_MINE_PASWORD="secret"
    ) == [
        "plugin.mine.dayz: the plugin has no such setting. Did you mean days or max-days?",
        "FHIRHUB_PLUGIN_MINE_PASWORD: the plugin 'mine' has no such setting. "
        "Did you mean FHIRHUB_PLUGIN_MINE_PASSWORD or FHIRHUB_PLUGIN_MINE_CODES or FHIRHUB_PLUGIN_MINE_DAYS?",
        "plugin.mine.days: expected at least 1",
        "plugin.mine.limits.low.value: Not a valid integer.",
    ]
    assert refusal(site, FHIRHUB_PLUGIN_MINE_DAYS="secret") == ["FHIRHUB_PLUGIN_MINE_DAYS: Not a valid integer."]


def test_a_plugin_without_a_schema_takes_no_settings(site: Path) -> None:
    assert refusal(site, "[plugin.mine_too]\nx = 1\n") == [
        "plugin.mine_too.x: the plugin 'mine_too' takes no settings."
    ]
    # The longest name of a plugin that fits owns the variable.
    assert refusal(site, FHIRHUB_PLUGIN_MINE_TOO_X="1") == [
        "FHIRHUB_PLUGIN_MINE_TOO_X: the plugin 'mine_too' takes no settings."
    ]


def test_settings_of_plugins_that_do_not_exist_are_refused(site: Path) -> None:
    table, variable = refusal(site, "[plugin.mime]\nx = 1\n", FHIRHUB_PLUGIN_MINNE_DAYS="1")
    assert table == "plugin.mime: there is no plugin of that name. Did you mean mine or mine_too?"
    # Behind these the bundled plugins can follow.
    assert variable.startswith(
        "FHIRHUB_PLUGIN_MINNE_DAYS: it names no plugin. Did you mean FHIRHUB_PLUGIN_MINE or FHIRHUB_PLUGIN_MINE_TOO"
    )


def test_settings_of_a_plugin_that_is_not_enabled_may_stay(site: Path) -> None:
    toml = 'plugins = ["mine_too"]\nplugin_files = "."\n[plugin.mine]\nnonsense = 1\n'
    assert of_mine(site, toml, FHIRHUB_PLUGIN_MINE_DAYS="x") == {}


def test_settings_for_plugins_where_none_is_enabled_are_still_looked_at(site: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"plugin\.mime: there is no plugin"):
        load(Settings(plugin_files=site, plugin={"mime": {}}))


def test_a_schema_that_is_none_is_refused(tmp_path: Path) -> None:
    write_file(tmp_path, "odd", "@hook\ndef fhirhub_settings_schema(): return {}")
    with pytest.raises(ConfigurationError, match=r"'odd', fhirhub_settings_schema.*marshmallow\.Schema"):
        load(Settings(plugins=("odd",), plugin_files=tmp_path))


def test_tables_that_are_none_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "fhirhub.toml"
    file.write_text("[plugin]\nmine = 1\n")
    with pytest.raises(SettingsError) as raised:
        Settings.load({}, {"FHIRHUB_PLUGIN": "[1]", "FHIRHUB_PLUGINFILES": "x"}, tmp_path)
    assert sorted(raised.value.problems) == sorted(
        [
            f"{file}: plugin.mine: expected a table, [plugin.mine]",
            "FHIRHUB_PLUGIN: expected a table [plugin.NAME] for each plugin",
            "FHIRHUB_PLUGINFILES: there is no such setting; did you mean FHIRHUB_PLUGIN_FILES?",
        ]
    )
