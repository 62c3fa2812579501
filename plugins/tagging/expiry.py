"""Tags end when their time is over: a job looks every morning."""

from functools import partial
from typing import Any

from fhirhub.plugin import Job, JobRun

from .changes import tag
from .definitions import DEVICE
from .settings import Settings


def expiry_job(settings: Settings) -> Job:
    """Return the job that evaluates everybody anew who has a tag whose time is over."""
    return Job("expiry", partial(_run, settings), schedule="15 4 * * *")


def _run(settings: Settings, run: JobRun) -> Any:
    # Only active Flags carry tags.
    over = (("author", DEVICE), ("_tag:missing", "false"), ("date", f"eb{run.hub.now():%Y-%m-%d}"))
    found = run.hub.search("Flag", (*over, ("_elements", "subject,status")))
    patients = sorted({flag["subject"]["reference"] for flag in found if flag["status"] == "active"})
    for number, patient in enumerate(patients):
        run.progress(number / len(patients), patient)
        tag(patient, run.hub, settings.rules)
    return {"patients": len(patients)}
