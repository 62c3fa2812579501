"""The table of settings: from the fields of `Settings` derive toml keys, variables, options and docs/settings.md.

Sources by rising precedence: defaults, `fhirhub.toml`, `FHIRHUB_*` variables, command-line options.
What the settings change is described at https://hl7.org/fhir/R4/http.html.
"""

import argparse
import ipaddress
import json
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Self, TypeVar, get_args, get_origin, get_type_hints

from marshmallow import Schema, ValidationError, validate
from marshmallow import fields as forms

from fhirhub.settings import checks
from fhirhub.settings.errors import SettingsError
from fhirhub.settings.plugin_tables import PLUGIN_KEY, PLUGIN_TABLES, from_variable, is_of_plugin, tables

PREFIX = "FHIRHUB_"
FILE_NAME = "fhirhub.toml"
# Variables that are no settings: where the file is, and what tests and benchmarks read.
RESERVED = ("FHIRHUB_CONFIG",)
RESERVED_PREFIXES = ("FHIRHUB_TEST_", "FHIRHUB_CRASH_", "FHIRHUB_BENCH_")

MIB = 1024 * 1024
T = TypeVar("T")
Check = Callable[[Any], Any]


def _setting(default: T, help: str, check: Check | None = None, *, secret: bool = False) -> T:
    """Declare a field of `Settings`; typed as its value, as `dataclasses.field` itself is."""
    declared: Any = field(default=default, repr=not secret, metadata={"help": help, "check": check, "secret": secret})
    return declared  # type: ignore[no-any-return]  # a Field at run time, a T to whoever reads Settings


_AT_LEAST_1 = validate.Range(min=1, error="expected a number of at least 1")
_PORT = validate.Range(min=0, max=65535, error="expected a port from 0 (any free one) to 65535")
_DATABASE = validate.Regexp(r"[A-Za-z0-9_-]{1,38}\Z", error="expected 1 to 38 letters, digits, '_' or '-'")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator may choose. Build with `Settings.load`, or directly in tests."""

    host: str = _setting("127.0.0.1", "address to listen on; beyond loopback only with authorization configured")
    port: int = _setting(8080, "TCP port to listen on", _PORT)
    base_url: str | None = _setting(
        None, "public base URL of the FHIR service, when it differs from http://HOST:PORT/fhir", checks.base_url
    )
    data: Path = _setting(Path("data"), "folder of the embedded MongoDB")
    mongodb_uri: str | None = _setting(
        None,
        "MongoDB to use (a replica set); without it fhirhub starts an embedded one",
        checks.mongodb_uri,
        secret=True,
    )
    database: str = _setting("fhirhub", "name of the database", _DATABASE)
    mongod: Path | None = _setting(None, "mongod program of the embedded MongoDB; otherwise PATH, then [embedded]")
    mongod_cache_gb: float = _setting(4.0, "cache of the embedded MongoDB in GB", checks.cache)
    workers: int = _setting(1, "web worker processes", _AT_LEAST_1)
    blocking_threads: int = _setting(32, "threads of each web worker", _AT_LEAST_1)
    worker: bool = _setting(True, "`fhirhub serve` runs a worker, which hands changes to plugins and does their jobs")
    delivery_attempts: int = _setting(
        8, "how often a change is handed to a plugin that fails before it is parked for `fhirhub replay`", _AT_LEAST_1
    )
    max_request_bytes: int = _setting(100 * MIB, "largest request body in bytes, after decompression", _AT_LEAST_1)
    max_bundle_entries: int = _setting(50_000, "most entries of a batch or transaction", _AT_LEAST_1)
    max_time_ms: int = _setting(2_000, "longest database time of one search, in milliseconds", _AT_LEAST_1)
    default_count: int = _setting(20, "entries of a page when the client names no _count", _AT_LEAST_1)
    max_count: int = _setting(1_000, "most entries of a page, whatever _count says", _AT_LEAST_1)
    time_zone: str = _setting(
        "UTC",
        "time zone (IANA) of dates and times that name none, in resources and searches; reindex after a change",
        checks.time_zone,
    )
    full_text: bool = _setting(
        True, "words of every resource are indexed, for _text and _content; reindex after a change"
    )
    reindex_pause: float = _setting(
        0.5, "share of its time, 0 to 0.99, in which a reindex rests so that others have the database", checks.share
    )
    update_create: bool = _setting(True, "an update of an unknown id creates the resource under that id")
    cors_origins: tuple[str, ...] = _setting((), "origins whose pages may call the server; * is any")
    authorization: Literal["none"] = _setting("none", "who may do what; none is the open development mode")
    log_level: Literal["debug", "info", "warning", "error"] = _setting("info", "least severe message to log")
    log_format: Literal["text", "json"] = _setting("text", "one line a person reads, or one JSON object a line")
    plugins: tuple[str, ...] = _setting((), "plugins to enable; `fhirhub plugins` lists those there are")
    plugin_files: Path | None = _setting(None, "folder of plugins of your own, each a file NAME.py or a folder NAME")
    # What plugins are told is theirs to check, and may hold secrets.
    plugin: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False, hash=False)
    """The tables `[plugin.NAME]` of the file, as JSON has them."""
    plugin_variables: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    """The variables `FHIRHUB_PLUGIN_NAME_KEY`; whose they are is known where the plugins are."""

    @classmethod
    def load(cls, overrides: Mapping[str, object], environ: Mapping[str, str], cwd: Path) -> Self:
        """Read all sources. `overrides` holds command-line values by setting name; None means not given.

        Relative paths count from `cwd`, those in the file from the file's folder.
        Raises SettingsError naming every problem of every source.
        """
        problems: list[str] = []
        values: dict[str, object] = {}
        file = Path(environ["FHIRHUB_CONFIG"]) if environ.get("FHIRHUB_CONFIG") else None
        path = cwd / (file or FILE_NAME)
        if path.is_file():
            values |= _from_file(path, problems)
        elif file is not None:
            problems.append(f"FHIRHUB_CONFIG: there is no file {path}")
        values |= _from_variables(environ, cwd, problems)
        given = {name: value for name, value in overrides.items() if value is not None}
        values |= _checked(given, option, cwd, problems, text=True)
        values.setdefault("data", cwd / cls().data)
        settings = cls(**values)  # type: ignore[arg-type]  # marshmallow has given each value its declared type
        if settings.default_count > settings.max_count:
            problems.append(f"default_count: {settings.default_count} is more than max_count, {settings.max_count}")
        if problems:
            raise SettingsError(problems)
        return settings

    @property
    def public_url(self) -> str:
        """The base URL clients see, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.base_url or f"http://{host}:{self.port}/fhir").rstrip("/")

    def environ(self) -> dict[str, str]:
        """These settings as variables, for a worker process: `load({}, settings.environ(), cwd)` gives an equal one."""
        named = ((each, getattr(self, each.name)) for each in settings_table())
        variables = {each.variable: _as_text(value) for each, value in named if value is not None}
        tables = {PLUGIN_TABLES: json.dumps(self.plugin)} if self.plugin else {}
        return variables | tables | dict(self.plugin_variables)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table."""

    name: str
    kind: Any
    optional: bool
    default: object
    help: str
    check: Check | None
    secret: bool

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()

    @property
    def expected(self) -> str:
        """What a value looks like, in words."""
        if get_origin(self.kind) is Literal:
            return "one of " + ", ".join(get_args(self.kind))
        words = {bool: "true or false", int: "a whole number", float: "a number", Path: "a path", str: "a text"}
        return words.get(self.kind, "a list of texts")


def settings_table() -> Iterator[Setting]:
    """The settings in the order of their declaration."""
    hints = get_type_hints(Settings)
    for each in fields(Settings):
        if each.metadata:
            yield _row(each, hints[each.name])


def _row(each: Field[Any], hint: Any) -> Setting:
    optional = isinstance(hint, UnionType)
    kind = next(arm for arm in get_args(hint) if arm is not NoneType) if optional else hint
    assert each.default is not MISSING
    return Setting(each.name, kind, optional, each.default, **each.metadata)


def option(name: str) -> str:
    """The command-line option of a setting."""
    return "--" + name.replace("_", "-")


def add_options(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add the options of the named settings, or of all. What is not given stays absent from the namespace."""
    for each in settings_table():
        if names and each.name not in names:
            continue
        # argparse expands % in help texts.
        text = f"{each.help} (default {_shown(each.default)}; {each.variable})".replace("%", "%%")
        if each.kind is bool:
            action = argparse.BooleanOptionalAction
            parser.add_argument(option(each.name), action=action, default=argparse.SUPPRESS, help=text)
        else:
            metavar = each.name.split("_")[-1].upper()
            parser.add_argument(option(each.name), metavar=metavar, default=argparse.SUPPRESS, help=text)


def overrides(namespace: argparse.Namespace) -> dict[str, object]:
    """What `add_options` parsed, ready for `Settings.load`."""
    names = {each.name for each in settings_table()}
    return {name: value for name, value in vars(namespace).items() if name in names}


def listen_refusal(settings: Settings) -> str | None:
    """Why the server must not listen on `settings.host`, or None."""
    mode: str = settings.authorization
    if mode != "none" or _is_loopback(settings.host):
        return None
    return (
        f"Refusing to listen on {settings.host}: no authorization is configured, so everyone who reaches this address "
        f"could read and change every record. Use --host 127.0.0.1 (the open development mode)."
    )


def reference() -> str:
    """docs/settings.md."""
    rows = [
        f"| `{each.name}` | `{each.variable}` | `{option(each.name)}` | {each.expected} | {_shown(each.default)} "
        f"| {each.help} |"
        for each in settings_table()
    ]
    return _REFERENCE.format(rows="\n".join(rows))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _from_file(path: Path, problems: list[str]) -> dict[str, object]:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        problems.append(f"{path}: not readable as TOML: {error}")
        return {}
    found = {PLUGIN_KEY: tables(raw.pop(PLUGIN_KEY, {}), f"{path}: {PLUGIN_KEY}", problems)}
    return found | _checked(raw, lambda name: f"{path}: {name}", path.parent, problems, text=False)


def _from_variables(environ: Mapping[str, str], cwd: Path, problems: list[str]) -> dict[str, object]:
    own = {each.variable for each in settings_table()}
    given = {
        key: value
        for key, value in environ.items()
        if value and key.startswith(PREFIX) and key not in RESERVED and not key.startswith(RESERVED_PREFIXES)
    }
    of_plugins = {key: value for key, value in given.items() if is_of_plugin(key) and key not in own}
    found: dict[str, object] = {"plugin_variables": of_plugins} if of_plugins else {}
    if PLUGIN_TABLES in given:
        found[PLUGIN_KEY] = from_variable(given[PLUGIN_TABLES], problems)
    raw = {
        key.removeprefix(PREFIX).lower(): value
        for key, value in given.items()
        if key != PLUGIN_TABLES and key not in of_plugins
    }
    return found | _checked(raw, lambda name: PREFIX + name.upper(), cwd, problems, text=True)


def _checked(
    raw: Mapping[str, object], label: Callable[[str], str], folder: Path, problems: list[str], *, text: bool
) -> dict[str, object]:
    """The valid ones of `raw` with their declared types; a sentence for each other one goes to `problems`."""
    rows = {each.name: each for each in settings_table()}
    for unknown in raw.keys() - rows.keys():
        near = get_close_matches(unknown, rows, n=1, cutoff=0.5)
        hint = f"; did you mean {label(near[0])}?" if near else ""
        problems.append(f"{label(unknown)}: there is no such setting{hint}")
    known = {name: raw[name] for name in raw if name in rows}
    schema = Schema.from_dict({name: _Value(rows[name], folder, text=text) for name in known})()
    try:
        loaded: dict[str, object] = schema.load(known)
    except ValidationError as error:
        # A schema without nesting reports a list of sentences per name.
        messages: dict[str, list[str]] = error.messages_dict
        problems += (f"{label(name)}: {'; '.join(sentences)}" for name, sentences in messages.items())
        loaded = error.valid_data if isinstance(error.valid_data, dict) else {}
    return loaded


class _Value(forms.Field[Any]):
    """A marshmallow field for one row; `text` says that values may come as strings (variables, options)."""

    def __init__(self, row: Setting, folder: Path, *, text: bool) -> None:
        super().__init__(validate=row.check)
        self.row, self.folder, self.text = row, folder, text

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        typed = self._from_text(value) if self.text and isinstance(value, str) else self._from_toml(value)
        if typed is None:
            got = "a value" if self.row.secret else repr(value)
            raise ValidationError(f"expected {self.row.expected}, got {got}")
        return typed

    def _from_text(self, value: str) -> Any:
        kind = self.row.kind
        if kind is bool:
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(value.lower())
        if kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                return None
        if get_origin(kind) is tuple:
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return self._from_toml(value)

    def _from_toml(self, value: Any) -> Any:
        kind = self.row.kind
        if get_origin(kind) is Literal:
            return value if value in get_args(kind) else None
        if get_origin(kind) is tuple:
            texts = isinstance(value, list | tuple) and all(isinstance(part, str) for part in value)
            return tuple(value) if texts else None
        if kind is Path:
            return self.folder / Path(value).expanduser() if isinstance(value, str | Path) and str(value) else None
        if kind is float and type(value) is int:
            return float(value)
        return value if type(value) is kind and value != "" else None


def _as_text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(value: object) -> str:
    return "none" if value is None else _as_text(value)


_REFERENCE = """# Settings

Every setting has a key in `fhirhub.toml`, a variable and an option of the commands it concerns. An option wins over a
variable, a variable over the file, the file over the default. The file is `./fhirhub.toml`, or the one that
`FHIRHUB_CONFIG` names. Relative paths in the file count from the file's folder, all others from the current one.
A list in a variable or an option is separated by commas; an empty variable counts as absent. An unknown key or a value
of the wrong type stops the start, and all problems are named at once.

| key | variable | option | value | default | what it does |
|---|---|---|---|---|---|
{rows}

```toml
# fhirhub.toml
port = 8081
data = "/var/lib/fhirhub"
log_format = "json"
cors_origins = ["https://apps.example.org"]
plugins = ["tagging"]

[plugin.tagging]    # the settings of a plugin: its README lists them
agent = "Device/tagging"
```

A key of a plugin's table has a variable, too: `FHIRHUB_PLUGIN_TAGGING_AGENT`. `FHIRHUB_PLUGIN` holds all tables as one
JSON object, `{{"tagging": {{"agent": "Device/tagging"}}}}`, in place of those of the file. A plugin checks its settings
by a schema: what that does not know stops the start.
"""


def current(**given: object) -> Settings:
    """The settings of this process: `load` with its variables and its current folder."""
    return Settings.load(given, os.environ, Path.cwd())
