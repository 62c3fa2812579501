"""What the operator is told: a line for each refusal, OperationOutcomes in a file, the sum at the end.

https://hl7.org/fhir/R4/operationoutcome.html
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from fhirhub.errors import operation_outcome
from fhirhub.loading.results import FATES, Refusal, Tally
from fhirhub.model.json import Json

SOURCE: Final = "https://fhirhub.example/StructureDefinition/load-source"
"""The extension of an OperationOutcome that says what it is about: file, line, entry, resource."""

_ALWAYS_SHOWN: Final = ("created", "updated", "unchanged", "refused")


@dataclass(slots=True)
class Summary:
    """Everything that came of a load."""

    tally: Tally = field(default_factory=Counter)
    refusals: int = 0
    skipped: int = 0

    def count(self, *fates: str) -> int:
        """Return how many resources met one of these fates."""
        return sum(number for (_, fate), number in self.tally.items() if fate in fates)

    def lines(self, seconds: float) -> Iterator[str]:
        """Yield a table of types and fates, and the rate."""
        shown = [fate for fate in FATES if fate in _ALWAYS_SHOWN or self.count(fate)]
        types = sorted({name for name, _ in self.tally})
        if types:
            width = max(map(len, (*types, "total")))
            yield f"{'':{width}}" + "".join(f"  {fate:>9}" for fate in shown)
            for name in types:
                yield f"{name:{width}}" + "".join(f"  {self.tally[name, fate]:>9,}" for fate in shown)
            if len(types) > 1:
                yield f"{'total':{width}}" + "".join(f"  {self.count(fate):>9,}" for fate in shown)
        stored = self.count("created", "updated", "unchanged", "deleted")
        files = f"; {self.skipped:,} files skipped" if self.skipped else ""
        yield f"{stored:,} resources in {seconds:.1f} s ({stored / max(seconds, 0.001):,.0f}/s){files}"


def sentences(refusal: Refusal) -> Iterator[str]:
    """Yield one line per issue: where, what, why."""
    what = f" {refusal.resource}" if refusal.resource else ""
    for issue in refusal.issues:
        element = ", ".join(issue.expression or ())
        at = ", ".join(place for place in issue.location if not place.startswith("/"))
        where = "".join(f" {text}:" for text in (element, at) if text)
        yield f"{refusal.place}{what}:{where} {issue.diagnostics}"


def outcome(refusal: Refusal) -> Json:
    """Return the OperationOutcome of a refusal, with its source as an extension."""
    place = refusal.place
    facts: list[dict[str, Any]] = [{"url": "file", "valueString": place.source}]
    if place.line is not None:
        facts.append({"url": "line", "valuePositiveInt": place.line})
    if place.entry is not None:
        facts.append({"url": "entry", "valueUnsignedInt": place.entry})
    if refusal.resource:
        facts.append({"url": "resource", "valueString": refusal.resource})
    built = operation_outcome(refusal.issues)
    return {"resourceType": built["resourceType"], "extension": [{"url": SOURCE, "extension": facts}], **built}
