"""What is refused. https://hl7.org/fhir/R4/subscription-definitions.html"""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from fhirhub.plugin import FhirError, Hub, Json

from ..rest_hook import is_allowed

ALLOWED = tuple(map(urlsplit, ["https://his.example/fhir", "http://lab.example:8080"]))


@pytest.mark.parametrize(
    ("criteria", "said"),
    [
        ("Nonsense?code=1", "begin with a resource type"),
        ("?code=1", "begin with a resource type"),
        ("/Observation?code=1", "begin with a resource type"),
        ("Observation?cod=1", "code"),
        ("Observation?date=nonsense", "date"),
        ("Observation?code:nonsense=1", "nonsense"),
        ("Observation?_count=3", "_count says nothing of what matches"),
        ("Observation?_include=Observation:subject", "_include says nothing"),
    ],
)
def test_criteria_are_a_search(subscribe: Callable[..., Json], criteria: str, said: str) -> None:
    with pytest.raises(FhirError, match=said) as refused:
        subscribe(criteria)
    assert refused.value.status == 422
    assert refused.value.issues[0].expression == ("Subscription.criteria",)


@pytest.mark.parametrize(
    ("channel", "element", "said"),
    [
        ({"type": "email"}, "type", "There is no channel 'email' here, only: rest-hook"),
        ({"payload": "application/fhir+xml"}, "payload", "application/fhir.json"),
        ({"endpoint": "http://other.example/hook"}, "endpoint", "does not allow"),
        ({"header": ["X-A: 1", "nonsense"]}, "header[1]", "no header"),
        ({"header": ["Host: other.example"]}, "header[0]", "no header"),
        ({"header": ["X-A:"]}, "header[0]", "no header"),
    ],
)
def test_channel_can_be_used(subscribe: Callable[..., Json], channel: Json, element: str, said: str) -> None:
    with pytest.raises(FhirError, match=said) as refused:
        subscribe("Patient?", channel=channel)
    assert refused.value.issues[0].expression == (f"Subscription.channel.{element}",)


def test_what_has_become_wrong_can_be_turned_off(hub: Hub, subscribe: Callable[..., Json]) -> None:
    made = subscribe("Patient?")
    wrong = {**made, "channel": {**made["channel"], "endpoint": "http://gone.example/"}}
    with pytest.raises(FhirError):
        hub.update(wrong)
    assert hub.update({**wrong, "status": "off"})["status"] == "off"


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://his.example/fhir",
            "https://his.example/fhir/",
            "https://his.example/fhir/a?b=c",
            "HTTPS://HIS.example/fhir",
        ),
        *("https://his.example:443/fhir/a", "http://lab.example:8080", "http://lab.example:8080/any/where"),
    ],
)
def test_places_that_are_allowed(url: str) -> None:
    assert is_allowed(url, ALLOWED)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://his.example/fhir",
            "https://his.example/fhirs",
            "https://his.example/",
            "https://his.example.evil/fhir",
        ),
        *(
            "https://his.example@evil.example/fhir",
            "https://evil.example#https://his.example/fhir",
            "ftp://his.example/fhir",
        ),
        *(
            "https://his.example/fhir/../admin",
            "https://his.example/fhir/%2e%2e/admin",
            "https://his.example/fhir/..%2fadmin",
        ),
        *(
            "https://his.example/fhir\\..\\admin",
            "https://his.example/fhir/a b",
            "https://his.example/fhir/a\nb",
            "nonsense",
            "",
        ),
        *(
            "http://lab.example/",
            "http://lab.example:8081/",
            "http://lab.example:x/",
            "http://[::1",
            "//lab.example:8080/",
        ),
    ],
)
def test_places_that_are_not(url: str) -> None:
    assert not is_allowed(url, ALLOWED)
