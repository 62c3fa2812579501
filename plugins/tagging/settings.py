"""The settings of the plugin: `[plugin.tagging]`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from .memory import Memory
from .reading import BUNDLED, RuleError, load_rules
from .rule import Rule

SiteRanges = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings, with the rules they choose.

    Arguments:
        site_ranges: reference ranges of this site by LOINC code: low, high and unit.
        cohort_delay: seconds after a change of tags in which further ones are awaited before Groups are made anew.
        cohort_limit: members above which a Group says its size and names no members.
        memory: what this process has just evaluated.
    """

    rules: tuple[Rule, ...]
    site_ranges: SiteRanges
    cohort_delay: float
    cohort_limit: int
    memory: Memory = field(default_factory=Memory, compare=False)


class _RangeSchema(Schema):
    class Meta:
        unknown = RAISE

    unit = fields.String(required=True)
    low = fields.Decimal(load_default=None)
    high = fields.Decimal(load_default=None)


class SettingsSchema(Schema):
    """Checks `[plugin.tagging]` of fhirhub.toml."""

    class Meta:
        unknown = RAISE

    rules = fields.String(
        load_default=None,
        metadata={"description": "A folder of further rules; one with the id of a bundled rule replaces that."},
    )
    disabled = fields.List(
        fields.String(), load_default=list, metadata={"description": "Ids of rules that are left out."}
    )
    site_ranges = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(_RangeSchema),
        load_default=dict,
        metadata={"description": "Reference ranges of this site by LOINC code, for values that come without."},
    )
    cohort_delay = fields.Float(
        load_default=5.0,
        validate=validate.Range(min=1, max=3600),
        metadata={"description": "Seconds in which changes of a tag are gathered before its Group is made anew."},
    )
    cohort_limit = fields.Integer(
        load_default=50_000,
        validate=validate.Range(min=0, max=100_000),
        metadata={"description": "Members above which a Group says its size and names no members."},
    )

    @post_load
    def _made(self, values: Mapping[str, Any], **_: Any) -> Settings:
        folders = [BUNDLED]
        if values["rules"] is not None:
            folders.append(Path(values["rules"]))
            if not folders[-1].is_dir():
                raise ValidationError(f"{values['rules']} is no folder", "rules")
        try:
            rules = load_rules(folders, frozenset(values["disabled"]))
        except RuleError as error:
            raise ValidationError(str(error), "rules") from None
        ranges = {code: each for code, each in values["site_ranges"].items() if _is_range(each)}
        return Settings(rules, ranges, values["cohort_delay"], values["cohort_limit"])


def _is_range(row: Mapping[str, Decimal | None]) -> bool:
    return row["low"] is not None or row["high"] is not None
