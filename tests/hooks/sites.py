"""Plugins in tests: written into a folder as a site would, then loaded."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from types import MappingProxyType
from typing import Any, Final

from fhirhub.hooks.dispatch import Hooks
from fhirhub.hooks.loader import load
from fhirhub.settings import Settings

NO_SOURCES: Final[Mapping[str, str]] = MappingProxyType({})
HEAD: Final = "from fhirhub.plugin import *\n\n"


def write_file(folder: Path, name: str, source: str) -> Path:
    """Write a plugin of one file."""
    file = folder / f"{name}.py"
    file.write_text(HEAD + dedent(source), encoding="utf-8")
    return file


def write_folder(folder: Path, name: str, source: str = "", manifest: str = "", **modules: str) -> Path:
    """Write a plugin that is a folder; `manifest` is added to its name, version and API."""
    place = folder / name
    place.mkdir(parents=True)
    top = f'name = "{name}"\nversion = "1.2.3"\napi = "1.0"\n'
    (place / "plugin.toml").write_text(top + dedent(manifest), encoding="utf-8")
    (place / "__init__.py").write_text(HEAD + dedent(source), encoding="utf-8")
    for module, text in modules.items():
        (place / f"{module}.py").write_text(dedent(text), encoding="utf-8")
    return place


def loaded(folder: Path, *names: str, sources: Mapping[str, str] = NO_SOURCES, **settings: Any) -> Hooks:
    """Write single files and load plugins of a folder, in the order of the names (default: of the sources)."""
    for name, source in sources.items():
        write_file(folder, name, source)
    return load(Settings(plugins=names or tuple(sources), plugin_files=folder, **settings))
