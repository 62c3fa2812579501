"""_sort on parameters of every type: https://hl7.org/fhir/R4/search.html#sort."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from fhirhub.model.json import Json
from fhirhub.search.filter import TokenIs
from fhirhub.search.keys import system_id
from fhirhub.search.parse import parse
from fhirhub.store.plan import Page
from tests.interactions.hub_client import HubClient, observation

UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"


def ids(hub: HubClient, path: str) -> list[str]:
    answer = hub.get(path)
    assert answer.status == 200, answer.resource
    return [resource["id"] for resource in answer.resources]


def forth_and_back(hub: HubClient, path: str) -> list[str]:
    """The ids of all pages; following `previous` from the last one meets the same pages."""
    pages = list(hub.pages(path))
    found = [[resource["id"] for resource in page.resources] for page in pages]
    back = [found[-1]]
    onward = pages[-1].link("previous")
    while onward is not None:
        page = hub.get(onward)
        assert page.status == 200, page.resource
        back.insert(0, [resource["id"] for resource in page.resources])
        assert page.link("first") == path
        onward = page.link("previous")
    assert back == found
    return [each for page in found for each in page]


# Each is sorted by what stands in the lists: the values of one resource.
PATIENTS: dict[str, Json] = {
    "a": {"name": [{"family": "Smithson"}, {"family": "Äbel"}], "birthDate": "1980", "gender": "male"},
    "b": {"name": [{"family": "smith"}], "birthDate": "1980-01-02", "gender": "female"},
    "c": {"name": [{"family": "Zhou"}], "birthDate": "1999-12-31", "address": [{"city": "Berlin"}]},
    "d": {"birthDate": "2001-05-05", "gender": "female", "address": [{"city": "aachen"}]},
    "e": {"name": [{"family": "王"}], "address": [{"city": "Berlin"}, {"city": "Zürich"}]},
    "f": {"name": [{"family": "Smith|on"}], "gender": "other"},
}
FAMILIES = {"a": ["smithson", "abel"], "b": ["smith"], "c": ["zhou"], "e": ["王"], "f": ["smith%7con"]}
CITIES = {"c": ["berlin"], "d": ["aachen"], "e": ["berlin", "zurich"]}
BIRTHS = {name: [p["birthDate"].ljust(10, "-")] for name, p in PATIENTS.items() if "birthDate" in p}
GENDERS = {name: [p["gender"]] for name, p in PATIENTS.items() if "gender" in p}

Values = dict[str, list[Any]]
ORDERS: list[tuple[str, list[tuple[Values, bool]]]] = [
    ("family", [(FAMILIES, False)]),
    ("-family", [(FAMILIES, True)]),
    ("birthdate", [(BIRTHS, False)]),
    ("-birthdate", [(BIRTHS, True)]),
    ("gender", [(GENDERS, False)]),
    ("-gender", [(GENDERS, True)]),
    ("address-city,-birthdate", [(CITIES, False), (BIRTHS, True)]),
    ("-address-city,gender,family", [(CITIES, True), (GENDERS, False), (FAMILIES, False)]),
    ("gender,-_id", [(GENDERS, False), ({name: [name] for name in PATIENTS}, True)]),
]


@pytest.fixture(scope="module")
def patients(hub: HubClient) -> list[str]:
    for name, body in PATIENTS.items():
        assert hub.put(f"Patient/{name}", {"resourceType": "Patient", "id": name, "active": True, **body}).status == 201
    return list(PATIENTS)


def expected(names: list[str], keys: list[tuple[Values, bool]]) -> list[str]:
    """Missing values last, between equals the order of creation in the direction of the first key."""
    ordered = sorted(names, reverse=keys[0][1])
    for values, descending in reversed(keys):
        held = [name for name in ordered if name in values]
        if descending:
            held.sort(key=lambda name: _Reversed(max(values[name])))  # used at once
        else:
            held.sort(key=lambda name: min(values[name]))  # used at once
        ordered = held + [name for name in ordered if name not in values]
    return ordered


class _Reversed:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: "_Reversed") -> bool:
        return bool(other.value < self.value)


@pytest.mark.parametrize(("sort", "keys"), ORDERS, ids=[sort for sort, _ in ORDERS])
@pytest.mark.parametrize("count", [1, 2, 4, 50])
def test_sort_orders_pages_forth_and_back(
    hub: HubClient, patients: list[str], sort: str, keys: list[tuple[Values, bool]], count: int
) -> None:
    path = f"Patient?active=true&_sort={sort}&_count={count}"
    assert forth_and_back(hub, path) == expected(patients, keys)


def quantity(value: str, code: str) -> Json:
    return {"value": Decimal(value), "unit": code, "system": UCUM, "code": code}


@pytest.fixture(scope="module")
def measured(hub: HubClient) -> Iterator[None]:
    rows: dict[str, Json] = {
        "m1": {"valueQuantity": quantity("1.5", "kg"), "subject": {"reference": "Patient/b"}},
        "m2": {"valueQuantity": quantity("200", "g"), "subject": {"reference": "Patient/a"}},
        "m3": {"subject": {"reference": "Patient/c"}},
        "m4": {"valueQuantity": quantity("1200", "g")},
    }
    for name, body in rows.items():
        stored = hub.put(f"Observation/{name}", observation(id=name, status="registered", **body))
        assert stored.status == 201, stored.resource
    for name, value in {"r1": "0.75", "r2": "0.5", "r3": None}.items():
        prediction: Json = {"probabilityDecimal": Decimal(value)} if value else {"rationale": "none"}
        body = {
            "resourceType": "RiskAssessment",
            "id": name,
            "status": "final",
            "subject": {"reference": "Patient/a"},
            "prediction": [prediction],
        }
        assert hub.put(f"RiskAssessment/{name}", body).status == 201
    for name, url in {"v1": "http://b.example/x", "v2": "http://a.example/x", "v3": None}.items():
        body = {"resourceType": "ValueSet", "id": name, "status": "draft", **({"url": url} if url else {})}
        assert hub.put(f"ValueSet/{name}", body).status == 201
    yield


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("Observation?status=registered&_sort=value-quantity", ["m2", "m4", "m1", "m3"]),
        ("Observation?status=registered&_sort=-value-quantity", ["m1", "m4", "m2", "m3"]),
        ("Observation?status=registered&_sort=subject", ["m2", "m1", "m3", "m4"]),
        ("Observation?status=registered&_sort=-subject", ["m3", "m1", "m2", "m4"]),
        ("RiskAssessment?_sort=probability", ["r2", "r1", "r3"]),
        ("RiskAssessment?_sort=-probability", ["r1", "r2", "r3"]),
        ("ValueSet?_sort=url", ["v2", "v1", "v3"]),
        ("ValueSet?_sort=-url", ["v1", "v2", "v3"]),
    ],
)
@pytest.mark.parametrize("count", [1, 50])
def test_sort_by_quantities_in_one_unit_numbers_references_and_uris(
    hub: HubClient, path: str, names: list[str], count: int
) -> None:
    assert forth_and_back(hub, f"{path}&_count={count}") == names


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("Observation?_sort=code-value-quantity", "not-supported", "composite"),
        ("Location?_sort=near", "not-supported", "special"),
        ("Patient?_sort=birthdat", "value", "birthdate"),
        ("Patient?_sort:desc=birthdate", "not-supported", "_sort"),
    ],
)
def test_sort_that_has_no_order_is_refused_by_name(hub: HubClient, path: str, code: str, said: str) -> None:
    answer = hub.get(path)
    assert (answer.status, answer.issue["code"]) == (400, code)
    assert said in answer.issue["diagnostics"]


@pytest.mark.parametrize("sort", ["date", "-date", "status", "-patient,date", "_id", "-_lastUpdated"])
@pytest.mark.parametrize("criteria", ["", "patient=Patient/1&code=a", "code=http://a.example|b"])
def test_sort_of_a_type_nobody_has_stored_finds_nothing(hub: HubClient, sort: str, criteria: str) -> None:
    assert ids(hub, f"Procedure?{criteria}&_sort={sort}") == []


CODES = ("8480-6", "8462-4", "29463-7")


@pytest.fixture(scope="module")
def charted(hub: HubClient) -> None:
    """1,200 Observations: 20 patients, three codes, of each patient and code 20 at 10 different times, some without."""
    for number in range(12):
        rows = []
        for each in range(number * 100, number * 100 + 100):
            person, code, turn = each % 20, CODES[each // 20 % 3], each // 60
            body = observation(
                id=f"chart-{each}",
                code={"coding": [{"system": LOINC, "code": code}]},
                category=[{"coding": [{"system": "http://c.example", "code": "vital-signs"}]}],
                subject={"reference": f"Patient/chart{person}"},
            )
            if turn % 5:
                body["effectiveDateTime"] = f"2026-01-{1 + turn // 2:02}T08:00:00Z"
            request = {"method": "PUT", "url": f"Observation/chart-{each}"}
            rows.append({"request": request, "resource": body})
        assert hub.transaction(*rows).status == 200


def cost(hub: HubClient, query: str, count: int) -> tuple[int, int, set[str]]:
    """Documents examined and returned for the first `count` rows, and the indexes used."""
    pairs = [tuple(pair.split("=", 1)) for pair in query.split("&")]
    parsed = parse("Observation", pairs, handling="strict", site=hub.hub.call.site)  # type: ignore[arg-type]  # pairs
    made = hub.hub.call.find.plan_of("Observation", parsed.filter, Page(parsed.sort, limit=count))
    examined = returned = 0
    indexes: set[str] = set()
    for step in made.steps:
        if returned == count:
            break
        options = step.options()
        found = hub.database["Observation"].find(step.match, **options | {"limit": count - returned}).explain()
        examined += found["executionStats"]["totalDocsExamined"]
        returned += found["executionStats"]["nReturned"]
        indexes |= {part["indexName"] for part in _scans(found["queryPlanner"]["winningPlan"])}
    return examined, returned, indexes


def _scans(stage: Any) -> Iterator[Any]:
    if isinstance(stage, dict):
        if stage.get("stage") == "IXSCAN":
            yield stage
        for inner in stage.values():
            yield from _scans(inner)
    elif isinstance(stage, list):
        for inner in stage:
            yield from _scans(inner)


@pytest.mark.usefixtures("charted")
@pytest.mark.parametrize("way", ["", "-"])
@pytest.mark.parametrize(
    "criteria",
    [
        f"patient=Patient/chart3&code={LOINC}|8480-6",
        f"subject=Patient/chart3&code={LOINC}|8480-6,{LOINC}|8462-4",
        "patient=Patient/chart3&code=8480-6",
        "patient=Patient/chart3",
        f"code={LOINC}|8480-6",
        "category=vital-signs",
        "patient=Patient/chart3&category=http://c.example|vital-signs",
        f"patient=Patient/chart3&code={LOINC}|8480-6&date=lt2026-01-08",
    ],
)
def test_lists_by_the_leading_date_examine_only_what_they_return(hub: HubClient, criteria: str, way: str) -> None:
    examined, returned, indexes = cost(hub, f"{criteria}&_sort={way}date", 10)
    assert returned > 3
    assert examined <= returned + 1
    assert indexes == {"listed"}


def _model(criteria: Callable[[int], bool], way: str) -> list[str]:
    rows = [each for each in range(1200) if criteria(each)]
    dated = {each: 1 + each // 60 // 2 for each in rows if each // 60 % 5}
    # Created in the order of their numbers.
    held = sorted(dated, key=lambda each: (dated[each], each), reverse=way == "-")
    rest = sorted(set(rows) - dated.keys(), reverse=way == "-")
    return [f"chart-{each}" for each in held + rest]


@pytest.mark.usefixtures("charted")
@pytest.mark.parametrize("way", ["", "-"])
@pytest.mark.parametrize(
    ("query", "criteria"),
    [
        ("patient=Patient/chart3&code=8480-6", lambda each: each % 20 == 3 and each // 20 % 3 == 0),
        ("patient=Patient/chart3,Patient/chart4", lambda each: each % 20 in (3, 4)),
        (
            f"subject=Patient/chart3&code={LOINC}|8480-6,8462-4&status=final",
            lambda each: each % 20 == 3 and each // 20 % 3 < 2,
        ),
        (
            "patient=Patient/chart3&date=ge2026-01-03&date=lt2026-01-07",
            lambda each: each % 20 == 3 and each // 60 % 5 and 3 <= 1 + each // 60 // 2 < 7,
        ),
        (
            "patient=Patient/chart3&date=gt2026-01-03&date=gt2026-01-02&date=le2026-01-07&date=ne2026-01-05",
            lambda each: each % 20 == 3 and each // 60 % 5 and 1 + each // 60 // 2 in (4, 6, 7),
        ),
        ("patient=Patient/chart3&date:missing=true", lambda each: each % 20 == 3 and not each // 60 % 5),
        ("patient=Patient/chart3&code:not=8480-6", lambda each: each % 20 == 3 and each // 20 % 3),
        ("patient=Patient/chart3&code=none", lambda each: False),
    ],
)
def test_lists_by_the_leading_date_are_complete_forth_and_back(
    hub: HubClient, query: str, criteria: Callable[[int], bool], way: str
) -> None:
    assert forth_and_back(hub, f"Observation?{query}&_sort={way}date&_count=7") == _model(criteria, way)


@pytest.mark.usefixtures("charted")
def test_a_page_far_down_costs_what_the_first_one_costs(hub: HubClient) -> None:
    find = hub.hub.call.find
    filter = TokenIs(f"code=8480-6|{system_id(LOINC)}")
    sort = parse("Observation", [("_sort", "-date")], handling="strict", site=hub.hub.call.site).sort
    rows = find.search("Observation", filter, Page(sort, limit=300))
    deep = find.plan_of("Observation", filter, Page(sort, rows[-1].position, limit=10))
    examined = 0
    for step in deep.steps:
        found = hub.database["Observation"].find(step.match, **step.options()).explain()
        examined += found["executionStats"]["totalDocsExamined"]
    assert len(rows) == 300
    assert examined <= 20
