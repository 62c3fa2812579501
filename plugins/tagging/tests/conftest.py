"""A server with tagging."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from fhirhub.plugin import Hub, Json


@pytest.fixture
def plugins() -> Sequence[str]:
    return ("tagging",)


@pytest.fixture
def tags(hub: Hub) -> Callable[[str], dict[str, Json]]:
    """A function that returns the active Flags of a patient (`Patient/1`) by their code, those of trends left out."""

    def of(patient: str) -> dict[str, Json]:
        found = hub.search("Flag", (("patient", patient),))
        active = {flag["code"]["coding"][0]["code"]: flag for flag in found if flag["status"] == "active"}
        return {code: flag for code, flag in active.items() if not code.startswith(("change-", "rising-", "falling-"))}

    return of


@pytest.fixture
def evaluate(hub: Hub) -> Callable[..., dict[str, dict[str, Any]]]:
    """A function that invokes $evaluate-tags and returns its rows by the code of the tag."""

    def run(patient: str, **parameters: Any) -> dict[str, dict[str, Any]]:
        kinds = {"dryRun": "valueBoolean", "as_of": "valueDate", "rule": "valueId"}
        rows = [{"name": name.replace("_", "-"), kinds[name]: value} for name, value in parameters.items()]
        answer = hub.operation(
            f"{patient}/$evaluate-tags", {"resourceType": "Parameters", **({"parameter": rows} if rows else {})}
        )
        assert answer is not None
        found: dict[str, dict[str, Any]] = {}
        for row in answer["parameter"]:
            if row["name"] == "tag":
                parts: dict[str, Any] = {}
                for part in row["part"]:
                    key = next(key for key in part if key != "name")
                    parts.setdefault(part["name"], []).append(part[key])
                found[parts["code"][0]] = {name: each[0] if len(each) == 1 else each for name, each in parts.items()}
        return found

    return run
