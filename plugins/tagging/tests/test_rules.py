"""Every rule of the starter set, on both sides of each of its thresholds."""

import re
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

import pytest

from ..evaluation import evaluate_rules
from ..expression import parse
from ..reading import BUNDLED, load_rules
from ..rule import Rule
from .cases import NOW, Case, cases
from .scored_cases import scored_cases

RULES = {rule.id: rule for rule in load_rules([BUNDLED])}
CASES = [*cases(), *scored_cases()]
BY_RULE: dict[str, list[Case]] = defaultdict(list)
for _case in CASES:
    BY_RULE[_case.rule].append(_case)


def said(rule: Rule, case: Case) -> bool | None:
    """What a rule says of a case."""
    return evaluate_rules([rule], case.record(), NOW)[0].holds


@pytest.mark.parametrize("name", sorted(BY_RULE))
def test_rule_says_what_its_cases_expect(name: str) -> None:
    wrong = [case for case in BY_RULE[name] if said(RULES[name], case) is not case.holds]
    assert wrong == []


NUMBER = re.compile(r"(?<![\w.'])\d+(?:\.\d+)?(?![\w.'])")


def shifted(rule: Rule) -> list[Rule]:
    """The rule with each number of its condition a little higher, and a little lower, one at a time."""
    text = rule.condition.text
    found = []
    for match in NUMBER.finditer(text):
        step = Decimal(1).scaleb(-len(match[0].partition(".")[2]))
        for number in (Decimal(match[0]) + step, Decimal(match[0]) - step):
            changed = f"{text[: match.start()]}{abs(number)}{text[match.end() :]}"
            found.append(replace(rule, condition=parse(changed)))
    return found


COVERED = sorted(name for name in RULES if not name.startswith(("rising-", "falling-")))


@pytest.mark.parametrize("name", COVERED)
def test_every_threshold_has_cases_on_both_sides(name: str) -> None:
    """A rule whose threshold is moved by one in its last digit contradicts a case."""
    unnoticed = [
        changed.condition.text
        for changed in shifted(RULES[name])
        if all(said(changed, case) is case.holds for case in BY_RULE[name])
    ]
    assert BY_RULE[name]
    assert unnoticed == []


@pytest.mark.parametrize("name", sorted(RULES))
def test_nothing_known_is_unknown(name: str) -> None:
    rule = RULES[name]
    outcome = evaluate_rules([rule], Case(name, (), None).record(), NOW)[0]
    assert outcome.holds is None
    assert not outcome.tagged
    assert rule.title["zh"] in outcome.sentence("zh")
    assert rule.title["en"] in outcome.sentence("en")


@pytest.mark.parametrize("case", [case for case in CASES if case.holds], ids=lambda case: case.rule)
def test_tag_is_explained_with_its_values(case: Case) -> None:
    outcome = evaluate_rules([RULES[case.rule]], case.record(), NOW)[0]
    assert outcome.tagged
    for language in ("zh", "en"):
        assert not re.search(r"\{[a-z]\w*\.", outcome.sentence(language))
        assert any(character.isdigit() for character in outcome.sentence(language)) or not case.measured
    assert outcome.sources()
