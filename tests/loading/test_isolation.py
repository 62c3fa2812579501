"""A mistake of fhirhub itself costs the resource it happens at, not its neighbours."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from fhirhub.hub import Hub, open_hub
from fhirhub.settings import Settings
from tests.loading.loads import all_of, ndjson, patient, transaction, written


@contextmanager
def hub_with(settings: Settings, new_id: Callable[[], str]) -> Iterator[Hub]:
    hub = open_hub(settings, new_id=new_id)
    try:
        yield hub
    finally:
        hub.close()


def test_mistake_at_one_resource_leaves_the_others_of_its_chunk(settings: Settings) -> None:
    number = itertools.count(1)

    def new_id() -> str:
        made = next(number)
        if made == 3:
            raise RuntimeError("out of ids")
        return f"made-{made}"

    with hub_with(settings, new_id) as hub:
        loaded = written(hub, ndjson(*(patient(multipleBirthInteger=each) for each in range(5))))
        assert not loaded.refusals
        assert loaded.tally == {"Patient": {"created": 5}}
        assert sorted(each["multipleBirthInteger"] for each in all_of(hub, "Patient")) == [0, 1, 2, 3, 4]


def test_mistake_is_reported_with_its_place(settings: Settings) -> None:
    def new_id() -> str:
        raise RuntimeError("out of ids")

    with hub_with(settings, new_id) as hub:
        loaded = written(hub, ndjson(patient("has-one"), patient(), transaction(("POST", "Patient", patient()))))
    assert loaded.tally == {"Patient": {"created": 1, "refused": 2}}
    assert [refusal.place.line for refusal in loaded.refusals] == [2, 3]
    for refusal in loaded.refusals:
        assert refusal.issues[0].code == "exception"
        assert "RuntimeError: out of ids" in refusal.issues[0].diagnostics


@pytest.mark.parametrize("update_create", [False, True])
def test_refusal_by_a_rule_of_the_site_is_a_refusal(settings: Settings, update_create: bool) -> None:
    with hub_with(
        Settings(mongodb_uri=settings.mongodb_uri, database=settings.database, update_create=update_create), lambda: "x"
    ) as hub:
        loaded = written(hub, ndjson(patient("own-id")))
    assert loaded.tally == {"Patient": {"created" if update_create else "refused": 1}}
