"""Value sets and code systems that are stored here, for `:in`, `:not-in`, `:above` and `:below`."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from fhirhub.definitions import ValueSet
from fhirhub.model.json import Json
from fhirhub.search.site import Site
from fhirhub.search.terminology_expansion import Library, expansion
from fhirhub.store.terminology import FRESH_SECONDS, MAX_KEPT, StoredTerminology
from tests.interactions.hub_client import HubClient, hub_on

from .criteria_check import SITE, finds, refusal

SYSTEM = "http://example.org/foods"
OTHER = "http://example.org/other"

FOODS: Json = {
    "resourceType": "CodeSystem",
    "url": SYSTEM,
    "version": "2",
    "status": "active",
    "content": "complete",
    "concept": [
        {
            "code": "plant",
            "concept": [{"code": "fruit", "concept": [{"code": "apple"}, {"code": "pear"}]}, {"code": "leaf"}],
        },
        {"code": "animal"},
        {"code": "salad", "property": [{"code": "parent", "valueCode": "leaf"}]},
        {"code": "soup", "property": [{"code": "above", "valueCode": "leaf"}]},
    ],
    "property": [{"code": "above", "uri": "http://hl7.org/fhir/concept-properties#parent", "type": "code"}],
}


class Shelf:
    """A hub to store value sets on, and the terminology that finds them."""

    def __init__(self, client: HubClient) -> None:
        self._client = client
        self.seconds = 0.0
        self.terminology = StoredTerminology(client.hub.database.find, lambda: self.seconds)

    @property
    def site(self) -> Site:
        return replace(SITE, terminology=self.terminology)

    def put(self, resource: Json, logical_id: str) -> None:
        answer = self._client.send("PUT", f"{resource['resourceType']}/{logical_id}", {**resource, "id": logical_id})
        assert answer.status in (200, 201), answer.resource

    def value_set(self, name: str, **more: object) -> str:
        """Store a value set and return its canonical; what it found before is no longer fresh."""
        url = f"http://example.org/{name}"
        self.put({"resourceType": "ValueSet", "url": url, "status": "active", **more}, name)
        self.seconds += FRESH_SECONDS
        return url


@pytest.fixture
def shelf(mongodb_uri: str) -> Iterator[Shelf]:
    with hub_on(mongodb_uri) as client:
        yield Shelf(client)


def codes(shelf: Shelf, canonical: str) -> set[str] | None:
    found = shelf.terminology.members(canonical)
    return None if found is None else {code for _, code in found}


def composed(*include: Json, exclude: list[Json] | None = None) -> Json:
    return {"include": list(include)} | ({"exclude": exclude} if exclude else {})


def filtered(operator: str, value: str) -> Json:
    return {"system": SYSTEM, "filter": [{"property": "concept", "op": operator, "value": value}]}


def test_value_set_is_composed_of_what_is_stored(shelf: Shelf) -> None:
    shelf.put(FOODS, "foods")
    every = {"plant", "fruit", "apple", "pear", "leaf", "animal", "salad", "soup"}
    listed = shelf.value_set("listed", compose=composed({"system": OTHER, "concept": [{"code": "x"}, {"code": "y"}]}))
    assert codes(shelf, listed) == {"x", "y"}
    assert shelf.terminology.members(listed) == frozenset({(OTHER, "x"), (OTHER, "y")})
    assert codes(shelf, shelf.value_set("whole", compose=composed({"system": SYSTEM}))) == every
    assert codes(shelf, shelf.value_set("kinds", compose=composed(filtered("is-a", "fruit")))) == {
        "fruit",
        "apple",
        "pear",
    }
    below = shelf.value_set("below", compose=composed(filtered("descendent-of", "fruit")))
    assert codes(shelf, below) == {"apple", "pear"}
    without = composed({"system": SYSTEM}, exclude=[filtered("is-a", "plant")])
    assert codes(shelf, shelf.value_set("without", compose=without)) == {"animal"}
    nested = composed({"valueSet": [listed]}, {"system": SYSTEM, "valueSet": [below]})
    assert codes(shelf, shelf.value_set("nested", compose=nested)) == {"x", "y", "apple", "pear"}
    common = composed({"valueSet": [below, "http://example.org/kinds"]})
    assert codes(shelf, shelf.value_set("common", compose=common)) == {"apple", "pear"}
    of_r4 = composed({"valueSet": ["http://hl7.org/fhir/ValueSet/administrative-gender"]})
    assert codes(shelf, shelf.value_set("genders", compose=of_r4)) == {"male", "female", "other", "unknown"}


def test_value_set_that_cannot_be_told_is_not_known(shelf: Shelf) -> None:
    shelf.put(FOODS, "foods")
    assert codes(shelf, "http://example.org/nowhere") is None
    itself = composed({"valueSet": ["http://example.org/itself"]})
    for name, compose in {
        "loinc": composed({"system": "http://loinc.org"}),
        "property": composed({"system": SYSTEM, "filter": [{"property": "colour", "op": "=", "value": "red"}]}),
        "regex": composed(filtered("regex", "a.*")),
        "unheard-of": composed(filtered("is-a", "stone")),
        "version": composed({"system": SYSTEM, "version": "1"}),
        "itself": itself,
        "excluding": composed({"system": SYSTEM}, exclude=[{"system": "http://loinc.org"}]),
    }.items():
        assert codes(shelf, shelf.value_set(name, compose=compose)) is None, name
    assert codes(shelf, shelf.value_set("right", compose=composed({"system": SYSTEM, "version": "2"}))) is not None
    shelf.put({**FOODS, "url": OTHER, "content": "fragment"}, "part")
    assert codes(shelf, shelf.value_set("part", compose=composed({"system": OTHER}))) is None


def test_expansion_tells_where_the_composition_does_not(shelf: Shelf) -> None:
    contains = [{"system": OTHER, "code": "a", "abstract": True, "contains": [{"system": OTHER, "code": "b"}]}]
    expansion: Json = {"timestamp": "2020-01-01T00:00:00Z", "contains": contains}
    open_system = composed({"system": "http://loinc.org"})
    assert codes(shelf, shelf.value_set("both", compose=open_system, expansion=expansion)) == {"b"}
    assert codes(shelf, shelf.value_set("alone", expansion=expansion)) == {"b"}
    assert codes(shelf, shelf.value_set("part", expansion={**expansion, "total": 20})) is None


def test_hierarchy_is_nesting_and_properties(shelf: Shelf) -> None:
    shelf.put(FOODS, "foods")
    terminology = shelf.terminology
    assert terminology.subsumed(SYSTEM, "leaf") == frozenset({"leaf", "salad", "soup"})
    assert terminology.subsuming(SYSTEM, "salad") == frozenset({"salad", "leaf", "plant"})
    assert terminology.subsumed(SYSTEM, "stone") is None
    assert terminology.subsumed("http://example.org/nowhere", "leaf") is None
    shelf.seconds += FRESH_SECONDS
    shelf.put({**FOODS, "hierarchyMeaning": "part-of"}, "foods")
    assert terminology.subsumed(SYSTEM, "plant") == frozenset({"plant"})


def test_newest_active_version_counts(shelf: Shelf) -> None:
    def version(number: str, code: str, status: str) -> None:
        compose = composed({"system": OTHER, "concept": [{"code": code}]})
        resource = {"resourceType": "ValueSet", "url": url, "version": number, "status": status, "compose": compose}
        shelf.put(resource, f"v{number}")

    url = "http://example.org/versioned"
    version("1", "one", "active")
    version("2", "two", "active")
    version("3", "three", "draft")
    assert codes(shelf, url) == {"two"}
    assert codes(shelf, f"{url}|1") == {"one"}
    assert codes(shelf, f"{url}|3") == {"three"}
    assert codes(shelf, f"{url}|4") is None
    assert codes(shelf, "ValueSet/v1") == {"one"}
    assert codes(shelf, "ValueSet/v9") is None


def test_answer_is_asked_for_again_after_a_while(shelf: Shelf) -> None:
    url = shelf.value_set("changing", compose=composed({"system": OTHER, "concept": [{"code": "a"}]}))
    assert codes(shelf, url) == {"a"}
    compose = composed({"system": OTHER, "concept": [{"code": "b"}]})
    shelf.put({"resourceType": "ValueSet", "url": url, "status": "active", "compose": compose}, "changing")
    shelf.seconds += FRESH_SECONDS - 0.1
    assert codes(shelf, url) == {"a"}
    shelf.seconds += 0.1
    assert codes(shelf, url) == {"b"}


def test_no_more_answers_are_kept_than_allowed(shelf: Shelf) -> None:
    url = shelf.value_set("first", compose=composed({"system": OTHER, "concept": [{"code": "a"}]}))
    assert codes(shelf, url) == {"a"}
    compose = composed({"system": OTHER, "concept": [{"code": "b"}]})
    shelf.put({"resourceType": "ValueSet", "url": url, "status": "active", "compose": compose}, "first")
    for number in range(MAX_KEPT):
        assert codes(shelf, f"http://example.org/nowhere/{number}") is None
    assert codes(shelf, url) == {"b"}


@pytest.mark.parametrize("name", ["http://example.org/fruits", "ValueSet/fruits", f"{SITE.base_url}/ValueSet/fruits"])
def test_search_is_by_stored_value_sets(shelf: Shelf, name: str) -> None:
    shelf.put(FOODS, "foods")
    shelf.value_set("fruits", compose=composed(filtered("is-a", "fruit")))

    def observed(code: str) -> Json:
        return {"resourceType": "Observation", "code": {"coding": [{"system": SYSTEM, "code": code}]}}

    assert finds("code:in", name, observed("pear"), shelf.site)
    assert not finds("code:in", name, observed("leaf"), shelf.site)
    assert finds("code:not-in", name, observed("leaf"), shelf.site)
    assert finds("code:below", f"{SYSTEM}|plant", observed("soup"), shelf.site)
    assert "no code 'stone'" in refusal("Observation", "code:below", f"{SYSTEM}|stone", shelf.site)


def test_value_set_without_a_value_is_not_known(shelf: Shelf) -> None:
    extension = [{"url": "http://example.org/why", "valueString": "withheld"}]
    listed = {"system": OTHER, "concept": [{"code": "x"}]}
    one = shelf.value_set("one", compose=composed(listed))
    canonical = {"valueSet": [None, one], "_valueSet": [{"extension": extension}, None]}
    assert codes(shelf, shelf.value_set("canonical", compose=composed(listed, canonical))) is None
    code = {"system": OTHER, "concept": [{"_code": {"extension": extension}}, {"code": "x"}]}
    assert codes(shelf, shelf.value_set("code", compose=composed(code))) is None


def test_value_set_that_is_included_again_and_again_is_expanded_once() -> None:
    # Each includes the next one twice: there are a million ways from the first to the last.
    sets: dict[str, Json] = {
        f"{n}": {"include": [{"valueSet": [f"{n + 1}"]}, {"valueSet": [f"{n + 1}"]}]} for n in range(20)
    }
    sets["20"] = {"include": [{"system": OTHER, "concept": [{"code": "x"}]}]}
    asked: list[str] = []

    def value_set(canonical: str) -> ValueSet:
        asked.append(canonical)
        return ValueSet(canonical, None, sets[canonical])

    library = Library(lambda canonical: None, value_set)
    assert expansion(ValueSet("0", None, sets["0"]), library) == frozenset({(OTHER, "x")})
    assert asked == [f"{n}" for n in range(1, 21)]
