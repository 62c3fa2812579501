"""The board."""

from html import escape

from bedboard.beds import holders
from fhirhub.plugin import PageRequest, PageResponse


def board(request: PageRequest) -> PageResponse:
    hub = request.hub
    rows = []
    for bed in hub.search("Location", (("_sort", "name"),)):
        found = holders(f"Location/{bed['id']}", hub)
        state = ", ".join(each.get("subject", {}).get("reference", "?") for each in found) or "free"
        rows.append(f"<tr><td>{escape(bed.get('name', bed['id']))}</td><td>{escape(state)}</td></tr>")
    title = escape(hub.settings["title"])
    table = "".join(rows)
    html = f"<!doctype html><title>{title}</title><h1>{title}</h1><table>{table}</table>"
    return PageResponse(html.encode())
