"""Why something failed, in words that hold no patient data: what was raised, and where, but not what it says.

docs/how-it-works/worker.md
"""

import traceback
from pathlib import Path
from typing import Final

from fhirhub.errors import FhirError

_OWN: Final = str(Path(__file__).parents[1])


def reason_of(error: BaseException) -> str:
    """Return the class of an exception and the line of the plugin that led to it."""
    kind = type(error).__name__
    if isinstance(error, FhirError):
        kind += f" {error.failure.issue_code}"
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return kind
    # What is raised deep inside of the server is about what the plugin asked for.
    theirs = [frame for frame in frames if not frame.filename.startswith(_OWN)]
    last = theirs[-1] if theirs else frames[-1]
    return f"{kind} in {last.name} ({Path(last.filename).name}:{last.lineno})"
