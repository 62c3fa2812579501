"""More cases: of scores of constitution, and of what Tasks say."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from .cases import NOW, Case, pair

BIASED: tuple[str, ...] = ("qi-deficiency", "yang-deficiency", "yin-deficiency", "phlegm-dampness")
BIASED += ("damp-heat", "blood-stasis", "qi-stagnation", "special-diathesis")
FOLLOW_UP = "code=https://fhirhub.example/follow-up/CodeSystem/tasks|follow-up"


def _constitution() -> Iterator[Case]:
    for code in BIASED:
        rule = f"constitution-{code}"
        yield from pair(
            rule,
            (code, f"{code}-33"),
            "{score}",
            *(("39", "10", False), ("40", "10", True), ("39", "11", True), ("40", "", True), ("", "11", True)),
            *(("39", "", None), ("", "10", None)),
        )
    for suffix, low, high, most in (("", "59", "60", "39"), ("-33", "16", "17", "10")):
        over = str(int(most) + 1)
        for balanced, others, holds in (
            (high, dict.fromkeys(BIASED, most), True),
            (low, dict.fromkeys(BIASED, most), False),
            *((high, {**dict.fromkeys(BIASED, most), code: over}, False) for code in BIASED),
        ):
            rows = {"balanced": balanced, **others}
            # The other form says that it is not so.
            other = ("balanced" if suffix else "balanced-33", "1", "{score}")
            scores = tuple((f"{code}{suffix}", text, "{score}") for code, text in rows.items())
            yield Case("constitution-balanced", (*scores, other), holds)
    yield Case("constitution-balanced", (("balanced", "80", "{score}"),), None)


def _follow_up() -> Iterator[Case]:
    for codes, holds in (
        (("lost",), True),
        (("reached",), False),
        (("reached", "lost"), False),
        (("lost", "reached"), True),
    ):
        yield Case("lost-to-follow-up", (), holds, more=tuple(map(_task, codes, (1, 2))))
    unsaid = {key: value for key, value in _task("lost", 1).items() if key != "businessStatus"}
    yield Case("lost-to-follow-up", (), None, more=(unsaid,))


def _task(status: str, days_ago: int) -> Mapping[str, Any]:
    """A Task; those of a record come the newest first."""
    system = "https://fhirhub.example/follow-up/CodeSystem/business-status"
    return {
        "resourceType": "Task",
        "query": FOLLOW_UP,
        "status": "in-progress",
        "intent": "order",
        "businessStatus": {"coding": [{"system": system, "code": status}]},
        "authoredOn": "2025-01-01",
        "lastModified": f"{NOW - timedelta(days=days_ago):%Y-%m-%d}",
    }


def scored_cases() -> Iterator[Case]:
    yield from _constitution()
    yield from _follow_up()
