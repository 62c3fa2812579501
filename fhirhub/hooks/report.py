"""`$plugins`: which plugins there are, in which order, what they implement, how often it was called and failed.

https://hl7.org/fhir/R4/parameters.html, docs/operations.md
"""

from collections.abc import Iterable
from decimal import Decimal

from fhirhub.hooks.dispatch import Hooks
from fhirhub.hooks.plugins import Plugin
from fhirhub.hooks.specifications import specifications
from fhirhub.hooks.statistics import Row, merged
from fhirhub.model.json import Json

_MICROSECOND = Decimal("0.000001")


def report(hooks: Hooks, elsewhere: Iterable[Row] = ()) -> Json:
    """Return a Parameters resource: the plugins in their order, of each its hooks in the order of a server's life.

    Where plugins lie on the machine is not in it: that is for the operator, `fhirhub plugins`.

    Arguments:
        elsewhere: what other processes have counted; it is added.
    """
    rows = {(row.plugin, row.hook): row for row in merged((*hooks.statistics.rows(), *elsewhere))}
    return {
        "resourceType": "Parameters",
        "parameter": [_plugin(hooks, position, plugin, rows) for position, plugin in enumerate(hooks.plugins, 1)],
    }


def _plugin(hooks: Hooks, position: int, plugin: Plugin, rows: dict[tuple[str, str], Row]) -> Json:
    implemented = (name for name in specifications() if plugin in hooks.implementers(name))
    return {
        "name": "plugin",
        "part": [
            {"name": "name", "valueString": plugin.name},
            {"name": "version", "valueString": plugin.version},
            {"name": "title", "valueString": plugin.title},
            {"name": "order", "valuePositiveInt": position},
            *({"name": "after", "valueString": name} for name in plugin.after),
            *({"name": "requires", "valueString": name} for name in plugin.requires),
            *(_hook(rows[plugin.name, name]) for name in implemented),
        ],
    }


def _hook(row: Row) -> Json:
    parts: list[Json] = [
        {"name": "name", "valueString": row.hook},
        {"name": "style", "valueCode": specifications()[row.hook].style},
        # An integer of FHIR ends at 2,147,483,647, which a busy server reaches.
        {"name": "calls", "valueDecimal": Decimal(row.calls)},
        {"name": "seconds", "valueDecimal": Decimal(row.seconds).quantize(_MICROSECOND)},
        {"name": "failures", "valueDecimal": Decimal(row.failures)},
    ]
    if row.last_error is not None:
        parts.append({"name": "lastError", "valueString": row.last_error})
    return {"name": "hook", "part": parts}
