"""Features of FHIR that are written as plugins on the public API, and are always there.

https://hl7.org/fhir/R4/operations.html
"""

from typing import Any, Final

BUILTIN: Final[tuple[tuple[str, Any], ...]] = ()
"""Names and modules."""
