"""The checks of extensions beyond their structure.

https://hl7.org/fhir/R4/extensibility.html
"""

import re
from functools import cache
from typing import Any, Final

from fhirhub.validation.faults import Check, Faults, Scope, fault, shown

_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")


@cache
def extension_check(structure: Check, *, nested: bool) -> Check:
    """Return the check of an Extension; `structure` checks its elements, `nested` ones may have a relative url."""

    def check(value: Any, scope: Scope) -> Faults | None:
        found = structure(value, scope)
        if type(value) is not dict:
            return found
        url = value.get("url")
        if not nested and type(url) is str and url[:4] != "http" and not _ABSOLUTE.fullmatch(url):
            text = f"{shown(url)} names no extension: outside of other extensions the url must be absolute."
            found = (found or []) + fault("extension-url", "value", text, "url")
        if len(value) != 2 or "url" not in value or "id" in value:
            return _one_content(value, found)
        return found

    return check


def _one_content(value: dict[str, Any], found: Faults | None) -> Faults | None:
    has_value = any(name.startswith(("value", "_value")) for name in value)
    if has_value is ("extension" in value):
        text = "An extension has either a value or extensions of its own" + (", not both." if has_value else ".")
        found = (found or []) + fault("ext-1", "invariant", text)
    return found
