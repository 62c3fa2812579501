"""`fhirhub hooks`: every hook, how it is called, and which plugins implement it.

docs/plugins/hooks.md
"""

import argparse
import sys

from fhirhub.builtin import BUILTIN
from fhirhub.hooks.loader import load
from fhirhub.hooks.specifications import specifications
from fhirhub.settings import Settings


def run(settings: Settings, _: argparse.Namespace) -> int:
    """Print the hooks in the order of a server's life."""
    hooks = load(settings, builtin=BUILTIN)
    for each in specifications().values():
        sys.stdout.write(f"{each.name}({', '.join(each.arguments)})\n  {each.style}: {each.summary}.\n")
        if names := [plugin.name for plugin in hooks.implementers(each.name)]:
            sys.stdout.write(f"  implemented by {', '.join(names)}\n")
    return 0
