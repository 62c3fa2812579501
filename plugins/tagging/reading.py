"""Rules from YAML: every mistake is told with file, rule and key, before anything runs."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import yaml
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from fhirhub.plugin import FhirPathError, evaluate

from .expression import Expression, ExpressionError, parse
from .rule import LOINC, Exists, Found, Input, Latest, Range, Rule

BUNDLED: Final = Path(__file__).parent / "rules"
_DURATION: Final = re.compile(r"(\d+)(d|wk|mo|y)")
_DAYS: Final = {"d": Decimal(1), "wk": Decimal(7), "mo": Decimal("30.4375"), "y": Decimal("365.25")}
_STATUSES: Final = ("final", "amended", "corrected")
_KNOWN: Final = frozenset({"sex", "age"})
"""What every rule knows of the patient: the sex, and the age at the newest value it uses."""
_SENTENCE: Final = re.compile(r"\{([a-z0-9_]+)(?:\.[a-z]+)?\}")
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")


class RuleError(ValueError):
    """A rule that cannot be used; says which and why."""


class _InputSchema(Schema):
    class Meta:
        unknown = RAISE

    latest = fields.Raw()
    exists = fields.String()
    find = fields.String()
    unit = fields.String()
    molar_mass = fields.Decimal(data_key="molarMass")
    max_age = fields.String(data_key="maxAge", validate=validate.Regexp(_DURATION.pattern + "$"))
    status = fields.List(fields.String())
    range = fields.Dict(keys=fields.String(validate=validate.OneOf(("any", "male", "female"))))
    path = fields.String()
    date = fields.String()


class _TagSchema(Schema):
    class Meta:
        unknown = RAISE

    code = fields.String(required=True, validate=validate.Regexp(_ID.pattern + "$"))
    category = fields.String(load_default="clinical")
    valid_for = fields.String(data_key="validFor", validate=validate.Regexp(_DURATION.pattern + "$"))


class _RuleSchema(Schema):
    class Meta:
        unknown = RAISE

    id = fields.String(required=True, validate=validate.Regexp(_ID.pattern + "$"))
    version = fields.String(required=True)
    title = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    inputs = fields.Dict(keys=fields.String(), values=fields.Nested(_InputSchema), required=True)
    condition = fields.String(required=True, data_key="if")
    clear = fields.String()
    tag = fields.Nested(_TagSchema, required=True)
    text = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    evidence = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    group = fields.String()
    priority = fields.Integer()
    urgency = fields.String(validate=validate.OneOf(("routine", "urgent", "stat")))


def load_rules(folders: Iterable[Path], disabled: frozenset[str] = frozenset()) -> tuple[Rule, ...]:
    """Return the rules of all `*.yaml` files; one of a later folder takes the place of one with the same id.

    Arguments:
        disabled: ids of rules that are left out.

    Raises RuleError.
    """
    found: dict[str, Rule] = {}
    for folder in folders:
        here: dict[str, Rule] = {}
        for file in sorted(folder.glob("*.yaml")):
            for rule in read_rules(file.read_text(encoding="utf-8"), file.name):
                if rule.id in here:
                    raise RuleError(f"{file.name}: there are two rules {rule.id}")
                here[rule.id] = rule
        found |= here
    if unknown := disabled - set(found):
        raise RuleError(f"There is no rule {', '.join(sorted(unknown))} that could be disabled.")
    rules = tuple(rule for rule in found.values() if rule.id not in disabled)
    tags: dict[str, Rule] = {}
    for rule in rules:
        if (other := tags.setdefault(rule.tag, rule)) is not rule:
            raise RuleError(f"The rules {other.id} and {rule.id} both set the tag {rule.tag}")
    return rules


def read_rules(text: str, name: str) -> Iterator[Rule]:
    """Yield the rules of a file, one YAML document each. Raises RuleError."""
    # Numbers as texts: YAML's own would be floats, and 6.10 not what was written.
    try:
        documents = list(yaml.load_all(text, Loader=yaml.BaseLoader))  # it makes texts, lists, mappings
    except yaml.YAMLError as error:
        raise RuleError(f"{name}: {error}") from None
    for document, source in zip(documents, _sources(text), strict=True):
        where = document.get("id", "a rule") if isinstance(document, dict) else "a rule"
        try:
            yield _rule(_RuleSchema().load(document), source)
        except (ValidationError, ExpressionError, FhirPathError, RuleError) as error:
            raise RuleError(f"{name}, {where}: {error}") from None


def _sources(text: str) -> list[str]:
    parts = re.split(r"^---\s*$", text, flags=re.MULTILINE)
    return [part.strip() + "\n" for part in parts if any(line and line[0] != "#" for line in part.splitlines())]


def _rule(raw: Mapping[str, Any], source: str) -> Rule:
    inputs = {name: _input(name, each) for name, each in raw["inputs"].items()}
    condition = parse(raw["condition"])
    clear = parse(raw["clear"]) if "clear" in raw else None
    for expression in filter(None, (condition, clear)):
        _check_names(expression, inputs)
    for language in ("zh", "en"):
        if language not in raw["title"] or language not in raw["text"]:
            raise RuleError(f"title and text need {language}")
        if unknown := {each for each in _SENTENCE.findall(raw["text"][language]) if each not in inputs}:
            raise RuleError(f"text.{language} names {', '.join(sorted(unknown))}, which is no input")
    if "source" not in raw["evidence"]:
        raise RuleError("evidence needs a source")
    tag = raw["tag"]
    return Rule(
        id=raw["id"],
        version=raw["version"],
        tag=tag["code"],
        title=raw["title"],
        category=tag["category"],
        inputs=inputs,
        condition=condition,
        clear=clear,
        text=raw["text"],
        evidence=raw["evidence"],
        source=source,
        valid_for=duration(tag.get("valid_for")),
        group=raw.get("group"),
        priority=raw.get("priority", 0),
        urgency=raw.get("urgency", "routine"),
    )


def _check_names(expression: Expression, inputs: Mapping[str, Input]) -> None:
    if unknown := expression.names - set(inputs) - _KNOWN:
        raise RuleError(f"{expression.text!r} names {', '.join(sorted(unknown))}, which is no input")


def duration(text: str | None) -> timedelta | None:
    """Return `18mo`, `90d`, `1y` as a time; a month is a twelfth of a year of 365.25 days."""
    if text is None:
        return None
    found = _DURATION.fullmatch(text)
    if found is None:
        raise RuleError(f"{text!r} is no duration such as 90d, 6wk, 18mo or 1y")
    return timedelta(days=float(int(found[1]) * _DAYS[found[2]]))


def _input(name: str, raw: Mapping[str, Any]) -> Input:
    kinds = [kind for kind in ("latest", "exists", "find") if kind in raw]
    if len(kinds) != 1 or name in _KNOWN:
        raise RuleError(f"input {name} must have one of latest, exists and find, and not be called sex or age")
    if kinds == ["latest"]:
        return Latest(
            codes=tuple(_codes(raw["latest"])),
            unit=raw.get("unit"),
            statuses=frozenset(raw.get("status", _STATUSES)),
            molar_mass=raw.get("molar_mass"),
            max_age=duration(raw.get("max_age")),
            ranges={sex: _range(name, each) for sex, each in raw["range"].items()} if "range" in raw else None,
        )
    resource_type, _, query = raw[kinds[0]].partition("?")
    if kinds == ["exists"]:
        return Exists(resource_type, query)
    if "path" not in raw or "date" not in raw:
        raise RuleError(f"input {name} needs path and date")
    for path in (raw["path"], raw["date"]):
        evaluate(path, {"resourceType": resource_type})
    return Found(resource_type, query, raw["path"], raw["date"], duration(raw.get("max_age")))


def _codes(raw: Any) -> Iterator[tuple[str, str]]:
    for each in raw if isinstance(raw, list) else [{"code": code} for code in str(raw).split("|")]:
        if isinstance(each, str):
            each = {"code": each}
        yield each.get("system", LOINC), each["code"]


def _range(name: str, raw: Any) -> Range:
    try:
        low, high = (None if end in ("", "null", "~") else Decimal(end) for end in raw)
    except (InvalidOperation, ValueError, TypeError):
        raise RuleError(f"input {name}: a range is [low, high], with null where there is none") from None
    return low, high
