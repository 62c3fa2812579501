"""The page of operations: every operation that is built in has its section, and its examples answer as printed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fhirhub.builtin import BUILTIN
from fhirhub.model.json import Json
from fhirhub.plugin import Operation
from tests.interactions.hub_client import HubClient

pytestmark = pytest.mark.docs

PAGE = (Path(__file__).parents[2] / "docs/operations-fhir.md").read_text(encoding="utf-8")
LEFT_OUT = "…"


def operations() -> list[Operation]:
    registering = (module for _, module in BUILTIN if hasattr(module, "fhirhub_register_operations"))
    return [each for module in registering for each in module.fhirhub_register_operations({})]


def fits(printed: Any, answered: Any) -> bool:
    """Whether an answer is what is printed, `…` standing for a value, for more members, or for more items."""
    if printed == LEFT_OUT:
        return True
    if isinstance(printed, dict) and isinstance(answered, dict):
        open_ended = LEFT_OUT in printed
        names = set(printed) - {LEFT_OUT}
        known = names <= set(answered) if open_ended else names == set(answered)
        return known and all(fits(printed[name], answered[name]) for name in names)
    if isinstance(printed, list) and isinstance(answered, list):
        wanted = [each for each in printed if each != LEFT_OUT]
        known = len(wanted) <= len(answered) if len(wanted) < len(printed) else len(wanted) == len(answered)
        return known and all(map(fits, wanted, answered))
    return bool(printed == answered)


def test_every_operation_has_a_section_with_its_parameters() -> None:
    sections = dict(re.findall(r"^## \$([a-z-]+)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))
    codes = {each.definition["code"] for each in operations()}
    assert codes == set(sections)
    for each in operations():
        for row in each.definition["parameter"]:
            assert row["use"] == "out" or f"`{row['name']}`" in sections[each.definition["code"]], row["name"]


def test_examples_answer_as_printed(hub: HubClient) -> None:
    blocks = re.findall(r"```http\n([A-Z]+) (\S+)\n(?:\n(.*?))?```(?:\n\n```json\n(.*?)```)?", PAGE, re.S)
    assert len(blocks) == PAGE.count("```http") >= 7
    for method, path, body, printed in blocks:
        sent: Json | None = json.loads(body) if body else None
        answer = hub.send(method, path, sent)
        assert answer.status in (200, 201), (path, answer.resource)
        if printed:
            assert fits(json.loads(printed), json.loads(answer.content or b"")), (path, answer.resource)
