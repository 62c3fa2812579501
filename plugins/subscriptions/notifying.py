"""The job that tells one subscriber of one version.

https://hl7.org/fhir/R4/subscription.html
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from fhirhub.plugin import FhirError, Job, JobRun, Json, Notification

from .criteria import parse
from .settings import Settings
from .status import has_ended, put_in_error

JOB: Final = "notify"


def notify_job(settings: Settings) -> Job:
    """Return the job."""
    return Job(JOB, _telling(settings.attempts), attempts=settings.attempts, timeout=timedelta(minutes=5))


def _telling(attempts: int) -> Callable[[JobRun], str]:
    def tell(run: JobRun) -> str:
        subscription = run.hub.read("Subscription", run.parameters["subscription"])
        if subscription is None or subscription["status"] != "active" or has_ended(subscription, run.hub):
            return "nobody asks for it any more"
        notification = _notification(subscription, run)
        if notification is None:
            return "a later version is told instead, or there is none any more"
        try:
            run.hub.channels[subscription["channel"]["type"]].send(notification)
        except Exception as error:
            if run.attempt >= attempts:
                put_in_error(subscription, f"Given up after {run.attempt} attempts: {_told(error)}", run.hub)
            raise
        return "told"

    return tell


def _notification(subscription: Json, run: JobRun) -> Notification | None:
    """Return what is to be told; None: a later version fulfils the criteria, too, and has a notification of its own.

    So nobody hears of an older version after a newer one, however often this is tried.
    """
    resource_type, logical_id, version = (run.parameters[name] for name in ("type", "id", "version"))
    current = run.hub.read(resource_type, logical_id)
    if current is None:
        return None
    told = current
    if current["meta"]["versionId"] != version:
        if parse(subscription["criteria"]).match(run.hub, logical_id):
            return None
        earlier = run.hub.read(resource_type, logical_id, version)
        if earlier is None:
            return None
        told = earlier
    payload = told if subscription["channel"].get("payload") else None
    return Notification(subscription, resource_type, logical_id, version, payload)


def _told(error: Exception) -> str:
    """Class of an error; its message where that is meant to be told."""
    return str(error) if isinstance(error, FhirError) else type(error).__name__
