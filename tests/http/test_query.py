"""Paths and parameters as text: https://hl7.org/fhir/R4/http.html."""

from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirhub.errors import FhirError
from fhirhub.http.routes import ROUTES, route_of
from fhirhub.model.url import MAX_PARAMETERS, parse_path, parse_query

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.lists(st.tuples(TEXT, TEXT)))
def test_query_comes_back_as_it_was_encoded(pairs: list[tuple[str, str]]) -> None:
    assert parse_query(urlencode(pairs)) == tuple(pairs)
    assert parse_query(urlencode(pairs, quote_via=quote).encode()) == tuple(pairs)


@given(st.lists(TEXT.filter(lambda segment: segment and "/" not in segment)))
def test_path_comes_back_as_it_was_encoded(segments: list[str]) -> None:
    wsgi = "".join(f"/{segment}" for segment in segments).encode().decode("latin-1")
    assert parse_path(wsgi) == parse_path(f"{wsgi}/") == tuple(segments)


@given(st.binary() | st.text())
def test_query_raises_only_fhir_errors(text: str | bytes) -> None:
    try:
        pairs = parse_query(text)
    except FhirError as error:
        assert error.status == 400
    else:
        assert all("\0" not in name + value for name, value in pairs)


@given(st.text())
def test_path_raises_only_fhir_errors(text: str) -> None:
    try:
        segments = parse_path(f"/{text}")
    except FhirError as error:
        assert error.status == 400
    else:
        assert all(segments)
        assert route_of(segments) in ROUTES


def test_query_of_too_many_parameters_is_refused() -> None:
    assert len(parse_query("&".join(["a=1"] * MAX_PARAMETERS))) == MAX_PARAMETERS
    with pytest.raises(FhirError) as caught:
        parse_query("&".join(["a=1"] * (MAX_PARAMETERS + 1)))
    assert (caught.value.status, caught.value.issues[0].code) == (400, "too-costly")


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("", "/"),
        ("metadata", "/metadata"),
        ("_history", "/_history"),
        ("_search", "/_search"),
        ("$reindex", "/$operation"),
        ("Patient", "/{type}"),
        ("Patient/_search", "/{type}/_search"),
        ("Patient/_history", "/{type}/_history"),
        ("Patient/$match", "/{type}/$operation"),
        ("Patient/1", "/{type}/{id}"),
        ("Patient/1/_history", "/{type}/{id}/_history"),
        ("Patient/1/_history/2", "/{type}/{id}/_history/{vid}"),
        ("Patient/1/$everything", "/{type}/{id}/$operation"),
        ("Patient/1/Observation", "/{type}/{id}/{type}"),
        ("Patient/1/Observation/_search", "/{type}/{id}/{type}/_search"),
        ("Patient/1/a/b/c", "other"),
    ],
)
def test_route_has_nothing_of_the_client(path: str, route: str) -> None:
    assert route_of(tuple(filter(None, path.split("/")))) == route
