"""Days are those of the site."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fhirhub.plugin import Hub, Json
from fhirhub.plugin.testing import Clock, observation, patient


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"time_zone": "Asia/Shanghai"}


def test_value_of_this_morning_counts_this_morning(
    hub: Hub, drain: Callable[[], None], clock: Clock, tags: Callable[[str], dict[str, Json]]
) -> None:
    # Seven in the morning of 1 February in Shanghai.
    clock.set(datetime(2026, 1, 31, 23, 0, tzinfo=UTC))
    who = f"Patient/{hub.create(patient(birthDate='2008-02-01'))['id']}"
    hub.create(observation(who, "39156-5", Decimal("25"), "kg/m2", "2026-02-01"))
    drain()
    # Of age since this day, which has not come in UTC.
    assert set(tags(who)) == {"overweight"}
