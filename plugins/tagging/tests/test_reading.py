"""Rules and settings as they are written: what is wrong with them is told, and the README is true."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from marshmallow import ValidationError

from ..expression import ExpressionError, parse
from ..reading import BUNDLED, RuleError, load_rules, read_rules
from ..settings import SettingsSchema

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
RULE: str = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)[0]


def changed(*pairs: tuple[str, str]) -> str:
    text: str = RULE
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


def test_readme_shows_a_rule_that_can_be_read() -> None:
    (rule,) = read_rules(RULE, "README.md")
    assert (rule.id, rule.tag, rule.group, rule.priority) == ("ifg", "ifg", "glucose", 1)
    assert rule.source == RULE


def test_readme_names_every_setting(tmp_path: Path) -> None:
    written = tomllib.loads(re.findall(r"```toml\n(.*?)```", README, re.DOTALL)[0])["plugin"]["tagging"]
    assert set(written) == set(SettingsSchema().fields)
    settings = SettingsSchema().load({**written, "rules": str(tmp_path)})
    assert "fatty-liver-clue" not in {rule.id for rule in settings.rules}
    assert settings.site_ranges["1742-6"]["high"] == 45


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (changed(("if: fpg >= 6.1", "if: fgp >= 6.1")), "fgp"),
        (changed(("if: fpg >= 6.1", "if: fpg >== 6.1")), "a value should stand at 7"),
        (changed(("if: fpg >= 6.1", "if: (fpg >= 6.1")), "')' should stand"),
        (changed(("if: fpg >= 6.1", "if: sqrt(fpg) >= 6.1")), "no function sqrt()"),
        (changed(("if: fpg >= 6.1", "if: fpg.mean >= 6.1")), "has no mean"),
        (changed(("if: fpg >= 6.1", "if: days(fpg > dm) >= 6.1")), "one input"),
        (changed(("maxAge: 18mo", "maxAge: long")), "maxAge"),
        (changed(("maxAge: 18mo", "maxage: 18mo")), "Unknown field"),
        (changed(("en: Impaired fasting glucose}", "fr: Hyperglycémie}")), "need en"),
        (changed(("{fpg.value} {fpg.unit} (", "{hba1c.value} (")), "hba1c"),
        (changed(("source: CDS 2020", "from: CDS 2020")), "source"),
        (changed(("dm: {exists", "sex: {exists")), "sex"),
        (changed(("id: ifg  ", "id: IFG  ")), "id"),
        ("- [", "x.yaml"),
        ("just a text", "a rule"),
    ],
)
def test_mistake_in_a_rule_is_told_with_file_and_place(text: str, says: str) -> None:
    with pytest.raises(RuleError) as told:
        list(read_rules(text, "x.yaml"))
    assert "x.yaml" in str(told.value)
    assert says in str(told.value)


@pytest.mark.parametrize("text", ["a" * 20 + "(" * 60, "(" * 60 + "x" + ")" * 60, "x @ 1", "", "x in ()", "not", "1 2"])
def test_nonsense_is_no_expression(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_rule_of_the_site_takes_the_place_of_a_bundled_one(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(changed(("fpg >= 6.1 and", "fpg >= 5.6 and")), encoding="utf-8")
    rules = {rule.id: rule for rule in load_rules([BUNDLED, tmp_path])}
    assert rules["ifg"].condition.text.startswith("fpg >= 5.6")
    (tmp_path / "twice.yaml").write_text(RULE, encoding="utf-8")
    with pytest.raises(RuleError, match="two rules ifg"):
        load_rules([BUNDLED, tmp_path])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"rules": "no-such-folder"}, "no folder"),
        ({"disabled": ["no-such-rule"]}, "no-such-rule"),
        ({"cohort_delay": -1}, "cohort_delay"),
        ({"site_ranges": {"1742-6": {"high": 40}}}, "unit"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_mistake_in_settings_is_told(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as told:
        SettingsSchema().load(settings)
    assert says in str(told.value)
