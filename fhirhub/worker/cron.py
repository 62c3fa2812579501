"""Cron expressions of five fields, in the site's time zone.

docs/how-it-works/worker.md
"""

from datetime import UTC, datetime, tzinfo

from cronsim import CronSim, CronSimError

from fhirhub.settings import ConfigurationError


def following(expression: str, zone: tzinfo, after: datetime) -> datetime:
    """Return the first time of an expression after a moment, in UTC.

    A time that the clocks of the zone skip is the moment after that; one that they repeat is its first.

    Raises ValueError: it is no cron expression, or its time never comes.
    """
    try:
        return next(CronSim(expression, after.astimezone(zone))).astimezone(UTC)
    except CronSimError as error:
        raise ValueError(f"{expression!r} is no cron expression: {error}") from None
    except StopIteration:
        raise ValueError(f"the time of the cron expression {expression!r} never comes") from None


def check(expression: str, owner: str, now: datetime, zone: tzinfo) -> None:
    """Raise ConfigurationError when an expression is none; it names `owner`, the job."""
    try:
        following(expression, zone, now)
    except ValueError as error:
        raise ConfigurationError(f"The job {owner} cannot be scheduled: {error}.") from None
