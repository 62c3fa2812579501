"""`_include` and `_revinclude` as parameters."""

import pytest

from fhirhub.definitions import SearchParameter
from fhirhub.errors import FhirError
from fhirhub.search.includes import Include
from fhirhub.search.parameters import SearchParameters
from fhirhub.search.parse import parse
from fhirhub.search.site import Site

from .conftest import BASE_URL, Search, refused


def include(source: str | None, parameter: str | None, target: str | None = None, **more: bool) -> Include:
    return Include(source, parameter, target, **({"reverse": False, "iterate": False} | more))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("_include", "Observation:subject", include("Observation", "subject")),
        ("_include", "Observation:subject:Patient", include("Observation", "subject", "Patient")),
        ("_include", "Observation:*", include("Observation", None)),
        ("_include", "*", include(None, None)),
        ("_include:iterate", "Patient:organization", include("Patient", "organization", iterate=True)),
        ("_include:recurse", "Patient:organization", include("Patient", "organization", iterate=True)),
        ("_revinclude", "Provenance:target", include("Provenance", "target", reverse=True)),
        ("_revinclude", "Provenance:target:Observation", include("Provenance", "target", "Observation", reverse=True)),
        ("_revinclude", "*", include(None, None, reverse=True)),
        (
            "_revinclude:iterate",
            "Encounter:patient",
            include("Encounter", "patient", reverse=True, iterate=True),
        ),
    ],
)
def test_include_takes_its_forms(search: Search, name: str, value: str, expected: Include) -> None:
    query = search("Observation", (name, value), (name, value), ("status", "final"))
    assert query.includes == (expected,)
    assert query.used == ((name, value), (name, value), ("status", "final"))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("_include", "", "expected [type]:[reference parameter]"),
        ("_include", "Observation", "expected [type]:[reference parameter]"),
        ("_include", "Observation:", "expected [type]:[reference parameter]"),
        ("_include", "Observation:subject:Patient:x", "expected [type]:[reference parameter]"),
        ("_include", "Observaton:subject", "no resource type 'Observaton'. Did you mean Observation"),
        ("_include", "Observation:subjct", "no reference parameter 'subjct'. Did you mean subject"),
        ("_include", "Observation:code", "code of Observation is of type token; only references"),
        ("_include", "Observation:subject:Patint", "no resource type 'Patint'. Did you mean Patient"),
        ("_include", "Observation:subject:Practitioner", "Observation:subject never refers to Practitioner"),
        ("_include", "Patient:organization", "_include:iterate=Patient:organization"),
        ("_include:iterat", "Observation:subject", "its only modifier is :iterate, not :iterat"),
        ("_revinclude", "Encounter:patient", "never refers to Observation"),
        ("_revinclude", "Provenance:target:Patient", "never refers to Observation"),
    ],
)
def test_include_that_cannot_be_meant_is_refused_even_when_lenient(
    search: Search, name: str, value: str, reason: str
) -> None:
    for handling in ("strict", "lenient"):
        error = refused(search, "Observation", (name, value), handling=handling)
        assert error.issues[0].code == "value"
        assert reason in str(error)


def test_summary_of_texts_takes_no_includes(search: Search) -> None:
    with pytest.raises(FhirError, match="cannot be joined with _include"):
        search("Observation", ("_include", "*"), ("_summary", "text"))


def test_include_by_what_is_not_indexed_yet_is_refused() -> None:
    added = SearchParameter(
        url="http://example.org/device",
        code="by-device",
        type="reference",
        base=("Observation",),
        expression="Observation.device",
    )
    site = Site(BASE_URL, parameters=SearchParameters([added], building={("Observation", "by-device"): 10}))
    for searched, name in (("Observation", "_include"), ("Device", "_revinclude")):
        with pytest.raises(FhirError, match="its index for Observation is still being made") as caught:
            parse(searched, [(name, "Observation:by-device")], handling="strict", site=site)
        assert caught.value.issues[0].expression == (f"http.{name}",)
