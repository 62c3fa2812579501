"""Searches that are deep or strange, and what the database makes of them."""

import pytest

from tests.interactions.hub_client import HubClient

DEPTH = 20
"""Parentheses within one another, and changes between `and` and `or`: as many as are allowed."""


@pytest.fixture(scope="module")
def ann(hub: HubClient) -> str:
    created = hub.post("Patient", {"resourceType": "Patient", "gender": "female", "name": [{"family": "Ann|\u1234"}]})
    assert created.status == 201, created.resource
    return created.id


def test_deepest_expression_is_answered(hub: HubClient, ann: str) -> None:
    expression = f"_id eq {ann}"
    for level in range(DEPTH):
        expression = f"not(gender eq {'male and' if level % 2 else 'other or'} {expression})"
    for level in range(DEPTH):
        expression += " and gender eq female" if level % 2 else " or gender eq unknown"
    answer = hub.get(f"Patient?_filter={expression}")
    assert answer.status == 200, answer.resource
    assert ann in {resource["id"] for resource in answer.resources}


@pytest.mark.parametrize("value", ['"\\u0000"', '"\\ud800"', '"\ufffe"', '"|"', "\x1e", "$where"])
@pytest.mark.parametrize("operator", ["eq", "co", "sw", "ew", "ne"])
def test_strange_text_is_compared_or_refused(hub: HubClient, ann: str, operator: str, value: str) -> None:
    answer = hub.get(f"Patient?_filter=name {operator} {value}&_id={ann}")
    assert answer.status in (200, 400), answer.resource
    found = {resource["id"] for resource in answer.resources} if answer.status == 200 else set()
    assert found == ({ann} if (operator, value) == ("co", '"|"') else set())
