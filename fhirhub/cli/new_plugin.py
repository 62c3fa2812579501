"""`fhirhub new-plugin NAME`: writes a plugin that works, to be changed into what it should be.

docs/plugins/README.md
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from fhirhub.hooks.manifest import NAME
from fhirhub.plugin import API_VERSION
from fhirhub.settings import ConfigurationError, Settings


def run(settings: Settings, namespace: argparse.Namespace) -> int:
    """Write the folder; 0 when it is there."""
    name: str = namespace.name
    if NAME.fullmatch(name) is None:
        raise ConfigurationError(
            f"A plugin cannot be named {name!r}: a lower case letter, then up to 39 lower case letters, digits or '_'."
        )
    folder = (namespace.folder or settings.plugin_files or Path.cwd()).resolve()
    place = folder / name
    if place.exists():
        raise ConfigurationError(f"{place} is there already.")
    for path, text in _FILES.items():
        file = place / path.format(name=name)
        file.parent.mkdir(parents=True, exist_ok=True)
        for word, value in (("UPPER", name.upper()), ("NAME", name), ("API_VERSION", API_VERSION)):
            text = text.replace(word, value)
        file.write_text(text, encoding="utf-8")
    sys.stdout.write(
        f"{place} is a plugin. Next:\n  pytest {place}\n  fhirhub plugins --plugin-files {folder} --plugins {name}\n"
    )
    return 0


_MANIFEST: Final = """\
name = "NAME"
version = "0.1.0"
api = "API_VERSION"
title = "NAME"
description = "Refuses patients in which elements are missing."
# after = ["other"]       called behind these, where they are enabled
# requires = ["other"]    and only together with these
# [on_change]
# types = ["Patient"]     what fhirhub_on_change hears of; without it, everything
"""

_HOOKS: Final = '''\
"""Refuses patients in which elements are missing. All hooks: `fhirhub hooks`."""

from fhirhub.plugin import hook

from .rules import missing
from .settings import SettingsSchema


@hook
def fhirhub_settings_schema():
    return SettingsSchema


@hook
def fhirhub_validate(resource, reader):
    return missing(resource, reader.settings["required"])
'''

_RULES: Final = '''\
"""What is missing in a patient."""

from fhirhub.plugin import Issue


def missing(resource, required):
    """Return a finding for each element that a patient must have and has not."""
    if resource["resourceType"] != "Patient":
        return []
    return [
        Issue("error", "required", f"A patient needs {name}.", (f"Patient.{name}",))
        for name in required
        if name not in resource
    ]
'''

_SETTINGS: Final = '''\
"""The table [plugin.NAME] of fhirhub.toml."""

from marshmallow import Schema, fields


class SettingsSchema(Schema):
    required = fields.List(fields.String(), load_default=["birthDate"])
'''

_README: Final = """\
# NAME

Refuses patients in which elements are missing (`fhirhub_validate`): 422 with a finding for each.

```toml
# fhirhub.toml
plugins = ["NAME"]
plugin_files = ".."              # the folder in which this one is

[plugin.NAME]
required = ["birthDate"]
```

| setting | variable | default | what it does |
|---|---|---|---|
| `required` | `FHIRHUB_PLUGIN_UPPER_REQUIRED` | `["birthDate"]` | elements that every patient must have |

Tests: `pytest NAME` in the folder above; they start a real server.
"""

_TEST: Final = '''\
"""The plugin NAME in a real server."""

from pathlib import Path

import pytest

from fhirhub.plugin import FhirError
from fhirhub.plugin.testing import patient

pytest_plugins = ["fhirhub.plugin.testing"]


@pytest.fixture
def plugins():
    return ["NAME"]


@pytest.fixture
def settings():
    return {"plugin_files": Path(__file__).parents[2], "plugin": {"NAME": {"required": ["birthDate", "gender"]}}}


def test_a_complete_patient_is_stored(hub):
    stored = hub.create(patient())
    assert hub.read("Patient", stored["id"]) == stored


def test_a_patient_in_whom_something_is_missing_is_refused(hub):
    incomplete = patient()
    del incomplete["gender"]
    with pytest.raises(FhirError) as refused:
        hub.create(incomplete)
    assert refused.value.status == 422
    assert [issue.expression for issue in refused.value.issues] == [("Patient.gender",)]
    assert hub.count("Patient") == 0
'''

_FILES: Final = {
    "plugin.toml": _MANIFEST,
    "__init__.py": _HOOKS,
    "rules.py": _RULES,
    "settings.py": _SETTINGS,
    "README.md": _README,
    "tests/test_{name}.py": _TEST,
}
