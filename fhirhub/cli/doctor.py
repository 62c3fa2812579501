"""`fhirhub doctor`: what is missing on this machine.

https://hl7.org/fhir/R4/http.html
"""

import argparse
import sys

from fhirhub.doctor import examine, exit_status, render
from fhirhub.settings import Settings


def run(settings: Settings, _: argparse.Namespace) -> int:
    """Print the findings; 1 when something keeps fhirhub from starting."""
    findings = examine(settings)
    sys.stdout.write(f"{render(findings)}\n")
    return exit_status(findings)
