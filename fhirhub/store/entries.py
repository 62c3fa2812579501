"""Index entries as fields of a stored document, and back.

docs/adr/0006-storage-layout.md

    k  tokens                 d  dates, [{p, l, h}]        q  numbers and quantities, [{p, l, h}], Decimal128;
                                 p tells how long they are (see `ranges`), one number has no h
    g  groups, [{p, k, d, q}] w  words                     p  places, [{at}], GeoJSON
    c  contained resources, [{t, _id, k, d, q, g, w, p}]
    e  the time the resource tells of                      a  keys of lists sorted by `e`

Groups and contained resources have the same fields inside, so the same filters serve them.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bson.decimal128 import Decimal128

from fhirhub.search.values import Amount, Contained, Group, IndexEntries, Point, RangeEntry
from fhirhub.store.ranges import Kind, parameter_of, stored_amount, stored_name

FIELDS: Final = ("k", "d", "q", "g", "w", "p", "c", "e", "a")
"""All fields of a document that hold index entries."""

WITHOUT_ENTRIES: Final = dict.fromkeys(FIELDS, 0)
"""The projection that leaves them out."""


def entries_document(entries: IndexEntries) -> dict[str, Any]:
    """Return the fields that hold the entries; what there is none of has no field."""
    document: dict[str, Any] = {"k": entries.tokens}
    if entries.dates:
        document["d"] = _ranges("date", entries.dates)
    if entries.numbers:
        document["q"] = _ranges("number", entries.numbers)
    if entries.groups:
        document["g"] = [{"p": group.parameter, **entries_document(group.entries)} for group in entries.groups]
    if entries.words:
        document["w"] = entries.words
    if entries.points:
        # One level down, since MongoDB takes an array at the end of the path of an index for a pair of coordinates.
        document["p"] = [{"at": {"type": "Point", "coordinates": [at.longitude, at.latitude]}} for at in entries.points]
    if entries.contained:
        document["c"] = [
            {"t": each.resource_type, "_id": each.logical_id, **entries_document(each.entries)}
            for each in entries.contained
        ]
    if entries.event is not None:
        document["e"] = entries.event
    if entries.listed:
        document["a"] = entries.listed
    return document


def entries_of(document: Mapping[str, Any]) -> IndexEntries:
    """Return the index entries a current document holds."""
    return IndexEntries(
        tokens=list(document.get("k", ())),
        dates=_read_ranges(document.get("d", ())),
        numbers=_read_ranges(document.get("q", ())),
        groups=[Group(group["p"], entries_of({**group, "p": ()})) for group in document.get("g", ())],
        words=list(document.get("w", ())),
        points=[Point(*reversed(each["at"]["coordinates"])) for each in document.get("p", ())],
        contained=[Contained(each["t"], each["_id"], entries_of(each)) for each in document.get("c", ())],
        event=document.get("e"),
        listed=list(document.get("a", ())),
    )


def _ranges(kind: Kind, entries: Iterable[RangeEntry]) -> list[dict[str, Any]]:
    return [_range(stored_name(kind, entry.parameter, entry.low, entry.high), entry) for entry in entries]


def _range(name: str, entry: RangeEntry) -> dict[str, Any]:
    low = stored_amount(entry.low)
    return {"p": name, "l": low} if entry.low == entry.high else {"p": name, "l": low, "h": stored_amount(entry.high)}


def _read_ranges(documents: Iterable[Mapping[str, Any]]) -> list[RangeEntry]:
    return [
        RangeEntry(parameter_of(each["p"]), _amount(each["l"]), _amount(each.get("h", each["l"]))) for each in documents
    ]


def _amount(stored: int | Decimal128) -> Amount:
    return stored.to_decimal() if isinstance(stored, Decimal128) else stored
