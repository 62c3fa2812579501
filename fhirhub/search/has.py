"""Reverse chains and lists: resources found by what refers to them.

https://hl7.org/fhir/R4/search.html#has, https://hl7.org/fhir/R4/search.html#list
"""

from typing import Final

from fhirhub.errors import Failure, FhirError
from fhirhub.model.reference import is_logical_id
from fhirhub.search import syntax
from fhirhub.search.chain import Inner, reference
from fhirhub.search.filter import Filter, IdIn, ReferredBy
from fhirhub.search.refusal import NotSearchableError, known_type
from fhirhub.search.site import Site
from fhirhub.search.targets import some

PREFIX: Final = "_has:"
LIST: Final = "_list"
FORM: Final = "expected _has:[type]:[reference parameter]:[search parameter]."

_ITEM: Final = "item"
"""The parameter of List for `List.entry.item`."""


def split(name: str) -> tuple[str, str, str]:
    """Return the parts of `_has:Type:parameter:rest`. Raises NotSearchableError: it has not that form."""
    parts = name.removeprefix(PREFIX).split(":", 2)
    if len(parts) < 3 or not all(parts):
        raise NotSearchableError(FORM)
    return parts[0], parts[1], parts[2]


def reverse_chained(resource_type: str, source: str, parameter: str, site: Site, inner: Inner) -> Filter:
    """Return the filter of `_has:source:parameter:...`.

    Arguments:
        inner: reads what follows for the type that refers.

    Raises NotSearchableError: no such type or reference parameter, or one that never leads to `resource_type`.
    """
    known_type(source, f"there is no resource type {source!r}.")
    code, _, known = reference(source, parameter, site)
    if resource_type not in known:
        raise NotSearchableError(f"{code} of {source} refers to {some(known)}, never to {resource_type}.")
    return ReferredBy(source, code, inner(source))


def listed(name: str, value: str) -> Filter:
    """Return the filter of `_list`: what the entries of any of the lists named refer to.

    Raises FhirError: no id of a List, or a functional list (`$current-...`).
    """
    ids = set()
    for part in syntax.alternatives(name, value):
        logical_id = syntax.unescape(part).removeprefix("List/")
        if logical_id.startswith("$"):
            raise FhirError(
                Failure.NOT_SUPPORTED,
                f"Search parameter {name}: this server keeps no functional lists such as {logical_id[:40]!r}.",
                expression=[f"http.{name}"],
            )
        if not is_logical_id(logical_id):
            raise syntax.bad_value(name, f"expected the id of a List, not {logical_id[:80]!r}.")
        ids.add(logical_id)
    return ReferredBy("List", _ITEM, IdIn(frozenset(ids)))
