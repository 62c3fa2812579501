"""Where plugins are found: bundled ones, those of a folder the operator names, and pip packages.

Finding them runs none of their code.
docs/plugins/README.md
"""

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Final

import fhirhub
from fhirhub.hooks.manifest import MANIFEST, NAME, Manifest, of_file, of_folder
from fhirhub.settings import ConfigurationError

GROUP: Final = "fhirhub"
"""The group of entry points: `[project.entry-points.fhirhub]` with `name = "package"`."""
BUNDLED: Final = "fhirhub_plugins"
"""The import package that holds the bundled plugins."""


@dataclass(frozen=True, slots=True)
class Found:
    """A plugin that could be enabled.

    Arguments:
        name: it is enabled under.
        source: where it is, for people.
        module_name: what is imported.
        place: its folder or file; None: a package, which is looked for when it is enabled.
        version: of its distribution.
    """

    name: str
    source: str
    module_name: str
    place: Path | None = None
    version: str = "0"

    def manifest(self) -> Manifest:
        """Read its manifest. Raises ConfigurationError naming file and key."""
        place = self.place or _place_of(self)
        if place.is_dir():
            return of_folder(place / MANIFEST, self.name)
        beside = place.parent / MANIFEST
        # A single file of a folder of them has no file beside it that is its own.
        if self.place is None and beside.is_file():
            return of_folder(beside, self.name)
        return of_file(place, self.name, self.version)


def find(folder: Path | None) -> dict[str, list[Found]]:
    """Return all plugins by name; more than one of a name is a mistake when it is enabled.

    Arguments:
        folder: of the setting `plugin_files`.

    Raises ConfigurationError: there is no such folder.
    """
    if folder is not None and not folder.is_dir():
        raise ConfigurationError(f"plugin_files: there is no folder {folder}")
    found: dict[str, list[Found]] = {}
    for each in (*_bundled(), *(_in_folder(folder) if folder else ()), *_packages()):
        known = found.setdefault(each.name, [])
        # The folder of the setting may be that of the bundled ones.
        if each.place is None or all(each.place != other.place for other in known):
            known.append(each)
    return dict(sorted(found.items()))


def bundled() -> tuple[str, ...]:
    """Return the names of the plugins that come with fhirhub."""
    return tuple(each.name for each in _bundled())


def _bundled() -> Iterator[Found]:
    folder = _bundled_folder()
    if folder is not None:
        yield from _folders(folder, BUNDLED)


def _bundled_folder() -> Path | None:
    """The folder of the bundled plugins: `plugins/` beside this one in a working copy, else an installed package."""
    project = Path(fhirhub.__file__).parents[1]
    folder = project / "plugins"
    # A folder of that name in site-packages is somebody else's. A working copy comes first: what an editable install
    # has put beside it is a copy of that day.
    if folder.is_dir() and (project / "pyproject.toml").is_file():
        _make_importable(folder, BUNDLED)
        return folder
    spec = find_spec(BUNDLED)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _in_folder(folder: Path) -> Iterator[Found]:
    # Each folder has a name of its own: one process may load more than one of them, as tests do.
    package = f"fhirhub_plugin_files_{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}"
    _make_importable(folder, package)
    yield from _folders(folder, package)
    for file in sorted(folder.glob("*.py")):
        if NAME.fullmatch(file.stem):
            yield Found(file.stem, str(file), f"{package}.{file.stem}", file)


def _folders(folder: Path, package: str) -> Iterator[Found]:
    for place in sorted(folder.iterdir()):
        # One without a manifest is found, too: who enables it is told what is missing.
        if NAME.fullmatch(place.name) and ((place / MANIFEST).is_file() or (place / "__init__.py").is_file()):
            yield Found(place.name, str(place), f"{package}.{place.name}", place)


def _make_importable(folder: Path, package: str) -> None:
    """Make a folder the import package of a name, so that its plugins can import their own modules."""
    if package not in sys.modules:
        spec = ModuleSpec(package, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[package] = module_from_spec(spec)


def _packages() -> Iterator[Found]:
    for point in entry_points(group=GROUP):
        yield Found(point.name, _distribution(point), point.module, None, point.dist.version if point.dist else "0")


def _distribution(point: EntryPoint) -> str:
    return f"package {point.dist.name} {point.dist.version}" if point.dist else f"package {point.module}"


def _place_of(found: Found) -> Path:
    """The folder of a package, or the file of a module. Raises ConfigurationError: there is none."""
    try:
        spec = find_spec(found.module_name)
    except (ImportError, ValueError):
        spec = None
    if spec is not None and spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            f"The plugin {found.name!r} ({found.source}): its entry point names {found.module_name}, "
            "and there is no such module."
        )
    return Path(spec.origin)
