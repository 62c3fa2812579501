"""`$plugins`: what it tells of plugins, as a resource that is valid."""

from pathlib import Path
from typing import Any

from fhirhub.hooks.report import report
from fhirhub.hooks.statistics import Row
from fhirhub.model.json import Json, encode
from fhirhub.validation import validate_resource
from tests.hooks.sites import loaded, write_folder

SOURCE = """
@hook
def fhirhub_validate(resource):
    if not resource:
        raise KeyError("王芳")

@hook
def fhirhub_shutdown(): ...
"""


def values(part: Json) -> dict[str, Any]:
    """The parts that are no hooks, by name."""
    return {each["name"]: value for each in part["part"] for key, value in each.items() if key.startswith("value")}


def test_report_tells_order_hooks_calls_time_and_failures(tmp_path: Path) -> None:
    write_folder(tmp_path, "a", SOURCE, 'title = "A"\nafter = ["b"]\nrequires = ["b"]')
    write_folder(tmp_path, "b", "@hook\ndef fhirhub_validate(resource): ...")
    hooks = loaded(tmp_path, "a", "b")
    hooks.call("fhirhub_validate", resource={"id": "1"})
    found = report(hooks, [Row("a", "fhirhub_validate", 2**40, 1.5, 1, "KeyError in a.py, line 3")])
    first, second = found["parameter"]
    assert (values(first)["name"], values(second)["name"]) == ("b", "a")
    assert values(second) == {
        "name": "a",
        "version": "1.2.3",
        "title": "A",
        "order": 2,
        "after": "b",
        "requires": "b",
    }
    validating, ending = (values(part) for part in second["part"] if part["name"] == "hook")
    assert (validating["name"], validating["style"]) == ("fhirhub_validate", "check")
    assert (validating["calls"], validating["failures"]) == (2**40 + 1, 1)
    assert 1.5 <= validating["seconds"] < 2
    assert validating["lastError"] == "KeyError in a.py, line 3"
    assert (ending["name"], ending["calls"]) == ("fhirhub_shutdown", 0)
    assert str(tmp_path) not in encode(found).decode()
    assert list(validate_resource(found)) == []
