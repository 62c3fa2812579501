"""Which tags a record gives, and why: a function of the record and a time alone, whatever came in which order.

Where a rule cannot tell now (values are missing or too old, or lie between setting and clearing), what it last told
stands: the rule is asked again as of the times at which values came, the newest first. So unknown never clears a tag,
and a value that turns out to be wrong takes its tag along.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from .kleene import INFINITY, Interval, point
from .observed import Codes, Series
from .record import Record
from .rule import Found, Latest, Rule

Truth = bool | None
_LOOKBACK: Final = 200
"""Times at which a rule is asked again, at most."""
_PLACE: Final = re.compile(r"\{([a-z0-9_]+)(?:\.([a-z]+))?\}")
_MISSING: Final = "—"
_DIGITS: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Used:
    """One value that an outcome rests on."""

    name: str
    text: str
    unit: str
    day: str
    source: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rule says of one patient.

    Arguments:
        holds: whether its condition does, as of the time asked for; None: unknown.
        tagged: whether the patient is to have the tag.
        at: when that was so: the time of the newest value it rests on.
        until: from when on the tag is no longer valid.
        used: the values.
        missing: the inputs for which nothing was found.
        superseded_by: the tag of the group that stands in its place.
    """

    rule: Rule
    holds: Truth
    tagged: bool
    at: datetime | None = None
    day: str | None = None
    until: datetime | None = None
    used: tuple[Used, ...] = ()
    missing: tuple[str, ...] = ()
    superseded_by: str | None = None

    def sources(self) -> tuple[str, ...]:
        """The resources it rests on, as references with versions, each once."""
        return tuple(dict.fromkeys(each.source for each in self.used if each.source))

    def sentence(self, language: str) -> str:
        """Return one sentence that explains it, in `zh` or `en`."""
        title = self.rule.title[language]
        if self.superseded_by is not None:
            return _WORDS[language]["superseded"].format(title=title, by=self.superseded_by)
        if self.tagged:
            values = {each.name: each for each in self.used}
            said = _PLACE.sub(lambda found: _said(values, found[1], found[2]), self.rule.text[language])
            return said if self.holds else said + _WORDS[language]["kept"]
        known = _WORDS[language]["and"].join(f"{each.name} {each.text} {each.unit}".strip() for each in self.used)
        if self.holds is None and self.missing:
            return _WORDS[language]["unknown"].format(title=title, missing=", ".join(self.missing))
        return _WORDS[language]["not"].format(title=title, known=known or _MISSING)


_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "zh": {
        "superseded": "{title}：已由标签 {by} 代表。",
        "kept": "（目前资料不足以重新判断，标签保留。）",
        "unknown": "{title}：无法判断，缺少 {missing}。",
        "not": "{title}：不成立（{known}）。",
        "and": "，",
    },
    "en": {
        "superseded": "{title}: the tag {by} stands in its place.",
        "kept": " (What is known now does not tell anew; the tag stays.)",
        "unknown": "{title}: unknown, {missing} missing.",
        "not": "{title}: does not hold ({known}).",
        "and": ", ",
    },
}


def evaluate_rules(rules: Iterable[Rule], record: Record, as_of: datetime) -> list[Outcome]:
    """Return what each rule says of a record as of a time; of rules of one group one tag at most stands."""
    outcomes = [_outcome(rule, record, as_of) for rule in rules]
    best: dict[str, Outcome] = {}
    for each in outcomes:
        group = each.rule.group
        if group and each.tagged and (group not in best or each.rule.priority > best[group].rule.priority):
            best[group] = each
    return [_in_group(each, best.get(each.rule.group or "")) for each in outcomes]


def _in_group(outcome: Outcome, best: Outcome | None) -> Outcome:
    if best is None or best is outcome or not outcome.tagged:
        return outcome
    return replace(outcome, tagged=False, superseded_by=best.rule.tag)


def _outcome(rule: Rule, record: Record, as_of: datetime) -> Outcome:
    now = _asked(rule, record, as_of, as_of)
    if record.patient is None:
        return replace(now, tagged=False)
    if now.tagged or _clears(rule, now, record, as_of):
        return now
    for moment in record.times(rule.inputs.values(), as_of)[:_LOOKBACK]:
        before = _asked(rule, record, moment, as_of)
        if before.tagged:
            return replace(before, holds=now.holds, missing=now.missing)
        if _clears(rule, before, record, moment):
            return now
    return now


def _asked(rule: Rule, record: Record, at: datetime, as_of: datetime) -> Outcome:
    scope = _scope(rule, record, at)
    holds = rule.condition.holds(scope)
    used = tuple(_used(rule, scope))
    day, moment = _newest(scope)
    until = None if rule.valid_for is None or moment is None else moment + rule.valid_for
    return Outcome(
        rule=rule,
        holds=holds,
        tagged=holds is True and (until is None or until > as_of),
        at=moment,
        day=day,
        until=until,
        used=used,
        missing=tuple(name for name in rule.inputs if scope[name] is None),
    )


def _clears(rule: Rule, outcome: Outcome, record: Record, at: datetime) -> bool:
    """Whether the rule says for certain that the tag is not to be."""
    if outcome.holds is True:
        # It would be set, had its time not passed: what came before cannot set it either.
        return True
    if rule.clear is None:
        return outcome.holds is False
    return rule.clear.holds(_scope(rule, record, at)) is True


def _scope(rule: Rule, record: Record, at: datetime) -> dict[str, Any]:
    scope: dict[str, Any] = {name: record.value(each, at) for name, each in rule.inputs.items()}
    _, moment = _newest(scope)
    age = record.age(moment or at)
    return {**scope, "sex": record.sex, "age": None if age is None else point(age)}


def _newest(scope: Mapping[str, Any]) -> tuple[str | None, datetime | None]:
    found: list[tuple[datetime, str]] = []
    for value in scope.values():
        if isinstance(value, Series) and value.values:
            found.append((value.values[-1].at, value.values[-1].day))
        elif isinstance(value, Codes):
            found.append((value.at, value.day))
    at, day = max(found, default=(None, None))
    return day, at


def _used(rule: Rule, scope: Mapping[str, Any]) -> Iterator[Used]:
    for name, wanted in rule.inputs.items():
        value = scope[name]
        if isinstance(value, Codes):
            yield Used(name, value.text or ", ".join(sorted(value.codes)), "", value.day, value.source)
        elif isinstance(value, Series):
            newest = value.values[-1]
            yield Used(name, _number(newest.number), newest.unit, newest.day, newest.source)
            # A rule on days rests on all of them.
            for other in value.values[:-1] if _looks_back(rule, name) else ():
                yield Used(name, _number(newest.number), newest.unit, newest.day, other.source)
        elif isinstance(value, bool) and not isinstance(wanted, Latest | Found):
            yield Used(name, str(value).lower(), "", "", None)


def _looks_back(rule: Rule, name: str) -> bool:
    text = rule.condition.text
    return any(
        re.search(rf"\b{word}\([^)]*\b{name}\b", text) for word in ("days", "span", "rising", "falling", "change")
    )


def _number(number: Interval) -> str:
    if number.is_point:
        return _plain(number.low)
    if number.low == -INFINITY:
        return f"{'<' if number.high_open else '≤'}{_plain(number.high)}"
    return f"{'>' if number.low_open else '≥'}{_plain(number.low)}"


def _plain(number: Decimal) -> str:
    rounded = number.quantize(_DIGITS) if number.as_tuple().exponent < -2 else number  # type: ignore[operator]  # finite
    return f"{rounded:f}"


def _said(values: Mapping[str, Used], name: str, attribute: str | None) -> str:
    used = values.get(name)
    if used is None:
        return _MISSING
    match attribute:
        case "unit":
            return used.unit
        case "date":
            return used.day[:10]
        case _:
            return used.text


def truth_code(truth: Truth) -> str:
    """Return `true`, `false` or `unknown`."""
    return "unknown" if truth is None else str(truth).lower()
