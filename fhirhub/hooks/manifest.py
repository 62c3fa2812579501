"""The manifest of a plugin: `plugin.toml` in its folder, or `__fhirhub__` in its only file.

docs/plugins/README.md
"""

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from fhirhub.definitions import r4
from fhirhub.plugin import API_VERSION
from fhirhub.settings import ConfigurationError

MANIFEST: Final = "plugin.toml"
VARIABLE: Final = "__fhirhub__"
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""Names of plugins: of folders, Python packages, variables and URLs alike."""

_API: Final = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a plugin says of itself; `fhirhub.hooks.plugins.Plugin` describes the fields."""

    name: str
    version: str
    title: str
    description: str = ""
    after: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    on_change_types: frozenset[str] = frozenset()


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean ...?` with the known names like `name`, or nothing."""
    found = get_close_matches(name, sorted(known), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(found)}?" if found else ""


def of_folder(file: Path, name: str) -> Manifest:
    """Read a `plugin.toml`.

    Arguments:
        name: of the folder or entry point, which the manifest repeats.

    Raises ConfigurationError naming file and key.
    """
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{file}: the plugin {name!r} has no manifest; it is a file with name, version and api."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"{file}: not readable as TOML: {error}") from None
    return _checked(raw, str(file), name)


def of_file(file: Path, name: str, version: str = "0") -> Manifest:
    """Read the manifest of a plugin that is one file, without running it: a dict of literals named `__fhirhub__`.

    What it leaves out, or a file without it, has the name of the file and the API of this server.

    Arguments:
        version: of a plugin that does not tell.

    Raises ConfigurationError naming file and key.
    """
    defaults = {"name": name, "version": version, "api": API_VERSION}
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    except (SyntaxError, ValueError, OSError) as error:
        raise ConfigurationError(f"{file}: the plugin {name!r} is not readable as Python: {error}") from None
    for value in _assigned(tree):
        try:
            raw = ast.literal_eval(value)
        except ValueError:
            raw = None
        if not isinstance(raw, dict):
            raise ConfigurationError(
                f"{file}: {VARIABLE}: expected a dict of literals; it is read without running the file"
            )
        return _checked(defaults | raw, f"{file}: {VARIABLE}", name)
    return _checked(defaults, str(file), name)


def _assigned(tree: ast.Module) -> Iterator[ast.expr]:
    for node in tree.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == VARIABLE for target in targets):
            assert isinstance(node, ast.Assign | ast.AnnAssign)
            if node.value is not None:
                yield node.value


def _names() -> fields.List[str]:
    name = validate.Regexp(re.compile(rf"{NAME.pattern}\Z"), error="not the name of a plugin: {input!r}")
    return fields.List(fields.String(validate=name), load_default=())


def _is_api(text: str) -> None:
    found = _API.fullmatch(text)
    if found is None:
        raise ValidationError(f'expected a version such as "{API_VERSION}", got {text!r}')
    major, minor = map(int, found.groups())
    ours = tuple(map(int, API_VERSION.split(".")))
    if major != ours[0] or minor > ours[1]:
        raise ValidationError(f"the plugin is written for the plugin API {text}, and this fhirhub has {API_VERSION}")


def _are_types(names: list[str]) -> None:
    for name in names:
        if not r4().is_resource_type(name):
            raise ValidationError(
                f"{name!r} is not a resource type of FHIR R4.{did_you_mean(name, r4().resource_types)}"
            )


class _OnChange(Schema):
    types = fields.List(fields.String(), validate=_are_types, load_default=())


class _Form(Schema):
    class Meta:
        unknown = RAISE

    name = fields.String(
        required=True,
        validate=validate.Regexp(
            re.compile(rf"{NAME.pattern}\Z"),
            error="expected a lower case letter, then up to 39 lower case letters, digits and '_', got {input!r}",
        ),
    )
    version = fields.String(required=True, validate=validate.Length(min=1, error="expected a version"))
    api = fields.String(required=True, validate=_is_api)
    title = fields.String(load_default="")
    description = fields.String(load_default="")
    after = _names()
    requires = _names()
    on_change = fields.Nested(_OnChange, load_default=dict)


def _checked(raw: Mapping[str, Any], label: str, name: str) -> Manifest:
    form = _Form()
    problems = [
        f"{label}: {key}: there is no such key.{did_you_mean(key, form.fields)}"
        for key in map(str, raw)
        if key not in form.fields
    ]
    try:
        found: Any = form.load({key: value for key, value in raw.items() if key in form.fields})
    except ValidationError as error:
        problems += (f"{label}: {sentence}" for sentence in sentences(error.messages_dict))
    if not problems and found["name"] != name:
        problems.append(f"{label}: name: expected {name!r}, as the plugin is found under, got {found['name']!r}")
    if problems:
        raise ConfigurationError("\n".join(problems))
    return Manifest(
        name,
        found["version"],
        found["title"] or name,
        found["description"],
        tuple(found["after"]),
        tuple(found["requires"]),
        frozenset(found["on_change"].get("types", ())),
    )


def sentences(messages: Mapping[Any, Any], path: str = "") -> Iterator[str]:
    """Yield what marshmallow found, a sentence each, with the key it is about: `on_change.types: ...`."""
    for key, found in messages.items():
        here = f"{path}.{key}" if path else str(key)
        if isinstance(found, Mapping):
            yield from sentences(found, here)
        else:
            yield f"{here}: {'; '.join(map(str, found))}"
