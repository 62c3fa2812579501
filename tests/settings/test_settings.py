"""Settings: four sources, one table, every problem named at once."""

import argparse
from collections.abc import Mapping
from pathlib import Path

import pytest

from fhirhub.settings import (
    Settings,
    SettingsError,
    add_options,
    listen_refusal,
    option,
    overrides,
    reference,
    settings_table,
)

PROJECT = Path(__file__).parent.parent.parent
NOWHERE = Path("/nonexistent")


def load(
    folder: Path = NOWHERE, given: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    return Settings.load(given or {}, environ or {}, folder)


def problems(
    folder: Path = NOWHERE, given: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None
) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        load(folder, given, environ)
    assert str(raised.value) == "\n".join(raised.value.problems)
    return sorted(raised.value.problems)


def test_settings_have_safe_defaults() -> None:
    settings = load()
    assert (settings.host, settings.port, settings.authorization) == ("127.0.0.1", 8080, "none")
    assert settings.data == NOWHERE / "data"
    assert settings.mongodb_uri is None
    assert settings.public_url == "http://127.0.0.1:8080/fhir"
    assert listen_refusal(settings) is None


def test_options_win_over_variables_over_the_file_over_defaults(tmp_path: Path) -> None:
    (tmp_path / "fhirhub.toml").write_text("port = 1\nworkers = 2\nmax_count = 300\n")
    settings = load(tmp_path, {"port": "3", "workers": None}, {"FHIRHUB_PORT": "2", "FHIRHUB_WORKERS": "4"})
    assert (settings.port, settings.workers, settings.max_count, settings.default_count) == (3, 4, 300, 20)


def test_the_file_may_be_elsewhere_and_its_paths_count_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "hub.toml").write_text('data = "records"\nmongod = "/opt/mongod"\n')
    settings = load(tmp_path, environ={"FHIRHUB_CONFIG": "etc/hub.toml"})
    assert settings.data == tmp_path / "etc" / "records"
    assert settings.mongod == Path("/opt/mongod")
    assert load(tmp_path, {"data": "here"}).data == tmp_path / "here"


def test_every_kind_of_value_is_read_from_text_and_from_toml(tmp_path: Path) -> None:
    (tmp_path / "fhirhub.toml").write_text(
        'update_create = false\nmongod_cache_gb = 2\ncors_origins = ["https://a.example", "https://b.example"]\n'
        'log_format = "json"\n'
    )
    environ = {
        "FHIRHUB_UPDATE_CREATE": "no",
        "FHIRHUB_MONGOD_CACHE_GB": "2",
        "FHIRHUB_CORS_ORIGINS": "https://a.example, https://b.example",
        "FHIRHUB_LOG_FORMAT": "json",
        "FHIRHUB_DATA": str(tmp_path / "data"),
    }
    settings = load(tmp_path)
    assert settings.update_create is False
    assert settings.mongod_cache_gb == 2.0
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings == load(environ=environ)


def test_all_problems_of_all_sources_are_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "fhirhub.toml"
    file.write_text('prot = 1\nworkers = "2"\nupdate_create = 1\ncors_origins = "*"\n')
    assert problems(tmp_path, {"log_level": "loud"}, {"FHIRHUB_PORT": "http", "FHIRHUB_MAXCOUNT": "1"}) == sorted(
        [
            f"{file}: prot: there is no such setting; did you mean {file}: port?",
            f"{file}: workers: expected a whole number, got '2'",
            f"{file}: update_create: expected true or false, got 1",
            f"{file}: cors_origins: expected a list of texts, got '*'",
            "FHIRHUB_PORT: expected a whole number, got 'http'",
            "FHIRHUB_MAXCOUNT: there is no such setting; did you mean FHIRHUB_MAX_COUNT?",
            "--log-level: expected one of debug, info, warning, error, got 'loud'",
        ]
    )


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("FHIRHUB_PORT", "70000", "expected a port from 0 (any free one) to 65535"),
        ("FHIRHUB_WORKERS", "0", "expected a number of at least 1"),
        ("FHIRHUB_MONGOD_CACHE_GB", "0.1", "expected at least 0.25"),
        ("FHIRHUB_MONGOD_CACHE_GB", "nan", "expected at least 0.25"),
        ("FHIRHUB_REINDEX_PAUSE", "1", "expected a share from 0 to 0.99"),
        ("FHIRHUB_REINDEX_PAUSE", "nan", "expected a share from 0 to 0.99"),
        (
            "FHIRHUB_TIME_ZONE",
            "Mars/Olympus",
            "there is no time zone 'Mars/Olympus'; expected a name of the IANA database, such as Europe/Vienna or UTC",
        ),
        (
            "FHIRHUB_TIME_ZONE",
            "../etc",
            "there is no time zone '../etc'; expected a name of the IANA database, such as Europe/Vienna or UTC",
        ),
        ("FHIRHUB_DATABASE", "a.b", "expected 1 to 38 letters, digits, '_' or '-'"),
        ("FHIRHUB_BASE_URL", "/fhir", "expected an absolute http or https URL without query and fragment"),
        ("FHIRHUB_UPDATE_CREATE", "perhaps", "expected true or false, got 'perhaps'"),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_range(variable: str, value: str, problem: str) -> None:
    assert problems(environ={variable: value}) == [f"{variable}: {problem}"]


def test_settings_that_contradict_each_other_are_refused() -> None:
    assert problems(given={"default_count": 50, "max_count": 10}) == ["default_count: 50 is more than max_count, 10"]


def test_a_broken_or_absent_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "fhirhub.toml").write_text("port = \n")
    assert problems(tmp_path)[0].startswith(f"{tmp_path / 'fhirhub.toml'}: not readable as TOML: Invalid value")
    named = {"FHIRHUB_CONFIG": "absent.toml"}
    assert problems(tmp_path, environ=named) == [f"FHIRHUB_CONFIG: there is no file {tmp_path / 'absent.toml'}"]


def test_empty_variables_and_those_of_tests_are_no_settings() -> None:
    environ = {"FHIRHUB_PORT": "", "FHIRHUB_TEST_DATA": "x", "FHIRHUB_CRASH_ROUNDS": "3", "PORT": "x"}
    assert load(environ=environ) == load()


def test_a_password_in_the_database_uri_is_never_shown() -> None:
    assert problems(environ={"FHIRHUB_MONGODB_URI": "mongo://u:secret@db"}) == [
        "FHIRHUB_MONGODB_URI: expected a URI that starts with mongodb:// or mongodb+srv://"
    ]
    assert "secret" not in repr(load(environ={"FHIRHUB_MONGODB_URI": "mongodb://u:secret@db"}))


def test_variables_carry_the_settings_to_another_process(tmp_path: Path) -> None:
    settings = load(tmp_path, {"cors_origins": "a,b", "update_create": False, "mongodb_uri": "mongodb://db"})
    assert load(environ=settings.environ()) == settings


def test_every_setting_has_its_option(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    rows = list(settings_table())
    assert all(option(each.name) in parser.format_help() for each in rows)
    assert overrides(parser.parse_args([])) == {}
    arguments = ["--port", "1", "--no-update-create", "--cors-origins", "a,b", "--data", "d"]
    settings = load(tmp_path, overrides(parser.parse_args(arguments)))
    assert (settings.port, settings.update_create, settings.cors_origins) == (1, False, ("a", "b"))
    assert settings.data == tmp_path / "d"


def test_options_can_be_limited_to_those_a_command_needs() -> None:
    parser = argparse.ArgumentParser()
    add_options(parser, "port")
    assert vars(parser.parse_args(["--port", "1"])) == {"port": "1"}
    with pytest.raises(SystemExit):
        parser.parse_args(["--workers", "1"])


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_no_authorization(host: str) -> None:
    assert listen_refusal(Settings(host=host)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "hospital.example", "", "localhost.example"])
def test_listening_beyond_loopback_without_authorization_is_refused(host: str) -> None:
    refusal = listen_refusal(Settings(host=host))
    assert refusal is not None
    assert "no authorization is configured" in refusal


def test_the_public_url_has_brackets_and_no_last_slash() -> None:
    assert Settings(host="::1", port=80).public_url == "http://[::1]:80/fhir"
    assert Settings(base_url="https://hospital.example/r4/").public_url == "https://hospital.example/r4"


@pytest.mark.docs
def test_the_page_about_settings_is_the_table() -> None:
    page = (PROJECT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == reference(), (
        "renew it: python -c 'from fhirhub.settings import reference; print(reference(), end=\"\")'"
    )
