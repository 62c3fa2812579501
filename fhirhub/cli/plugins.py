"""`fhirhub plugins`: which plugins there are and which are enabled, in the order in which they are called.

docs/plugins/README.md
"""

import argparse
import sys

from fhirhub.builtin import BUILTIN
from fhirhub.hooks.discovery import find
from fhirhub.hooks.dispatch import Hooks
from fhirhub.hooks.loader import load
from fhirhub.hooks.plugins import Plugin
from fhirhub.hooks.specifications import specifications
from fhirhub.settings import Settings


def run(settings: Settings, _: argparse.Namespace) -> int:
    """Load the enabled plugins and print a paragraph for each, then the names of the others there are."""
    hooks = load(settings, builtin=BUILTIN)
    for position, plugin in enumerate(hooks.plugins, 1):
        sys.stdout.write("\n".join(_paragraph(position, plugin, hooks)) + "\n")
    enabled = {plugin.name for plugin in hooks.plugins}
    others = [each for name, found in find(settings.plugin_files).items() if name not in enabled for each in found]
    if others:
        sys.stdout.write("Not enabled (setting plugins):\n")
        sys.stdout.writelines(f"  {each.name}: {each.source}\n" for each in others)
    elif not hooks.plugins:
        sys.stdout.write("There are no plugins; `fhirhub new-plugin NAME` writes one.\n")
    return 0


def _paragraph(position: int, plugin: Plugin, hooks: Hooks) -> list[str]:
    title = f", {plugin.title}" if plugin.title != plugin.name else ""
    lines = [f"{position}. {plugin.name} {plugin.version}{title}", f"   from {plugin.source}"]
    if plugin.requires:
        lines.append(f"   requires {', '.join(plugin.requires)}")
    if plugin.after:
        lines.append(f"   after {', '.join(plugin.after)}")
    implemented = [name for name in specifications() if plugin in hooks.implementers(name)]
    return [*lines, f"   {', '.join(implemented) or 'implements no hook'}"]
