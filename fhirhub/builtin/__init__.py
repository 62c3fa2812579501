"""Features of FHIR that are written as plugins on the public API, and are always there.

https://hl7.org/fhir/R4/operations.html
"""

from typing import Any, Final

from fhirhub.builtin import diff, document, everything, lastn, match, meta, ndjson, stats, validate

BUILTIN: Final[tuple[tuple[str, Any], ...]] = (
    ("meta", meta),
    ("validate", validate),
    ("everything", everything),
    ("diff", diff),
    ("lastn", lastn),
    ("stats", stats),
    ("document", document),
    ("match", match),
    ("ndjson", ndjson),
)
"""Names and modules."""
