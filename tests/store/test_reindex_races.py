"""Reindexing while others write, with older search parameters than there are: no entry is lost, and it comes to an end.

docs/how-it-works/search-parameters.md
"""

from collections.abc import Callable
from dataclasses import replace

from fhirhub.model.json import Json
from fhirhub.search.site import Site
from fhirhub.store.reindex import Reindexer
from fhirhub.store.stored import Draft
from fhirhub.store.unit_of_work import Unit
from tests.interactions.hub_client import HubClient
from tests.interactions.test_search_parameters import ids, nicknamed, parameter
from tests.store.test_reindex import OLD, QUICK, runs


def reindexer_of(hub: HubClient, site: Callable[[], Site]) -> Reindexer:
    """A process that reindexes by the parameters it knows of."""
    own = hub.hub
    parts = (own.database.collections, own.database.parameters, own.database.reindex, site)
    return Reindexer(*parts, own._failures, owner="other", pace=QUICK)


def put(resource: Json, logical_id: str) -> Callable[[Unit], object]:
    """The write of a process that knows the search parameters of R4 alone."""
    draft = Draft.of(resource, OLD)
    return lambda unit: unit.put(draft, logical_id, "PUT")


def generations(hub: HubClient) -> dict[str, int | None]:
    return {document["_id"]: document.get("x") for document in hub.database["Patient"].find({}, ["x"])}


def test_stalled_process_with_old_parameters_makes_the_entries_of_the_new_ones(hub: HubClient) -> None:
    """It prepared a write, stood still for longer than any sweep looks back, and commits."""
    hub.put("Patient/p", nicknamed("A", id="p"))
    prepared = [put(nicknamed("A"), "late"), put(nicknamed("B"), "alone")]
    hub.put("SearchParameter/n", parameter(id="n"))
    never_again = replace(QUICK, late_seconds=(0.0, 0.0))
    reindexer = hub.hub.reindexer(never_again)
    assert reindexer.step()
    hub.hub.call.commits.run(prepared[0], types=["Patient"])
    hub.hub.call.commits.run_alone(prepared[1], types=["Patient"])
    assert not reindexer.step()
    assert ids(hub, "Patient?nickname=A") == {"p", "late"}
    assert ids(hub, "Patient?nickname=B") == {"alone"}
    assert generations(hub) == {"p": 1, "late": 1, "alone": 1}


def test_reindex_by_one_who_knows_no_parameter_takes_no_entries_away(hub: HubClient) -> None:
    hub.put("Patient/old", nicknamed("A", id="old"))
    hub.put("SearchParameter/n", parameter(id="n"))
    hub.put("Patient/new", nicknamed("A", id="new"))
    hub.post("$reindex")
    # The one who reindexes everything has not heard of the parameter yet.
    behind = reindexer_of(hub, lambda: OLD)
    assert behind._index("Patient", behind._chunk("Patient", "_id", {"$gt": ""}, None)) == 0
    assert generations(hub) == {"old": None, "new": 1}
    tokens = {each["_id"]: " ".join(each["k"]) for each in hub.database["Patient"].find()}
    assert "nickname=" in tokens["new"]
    while hub.hub.reindexer(QUICK).step():
        pass
    assert ids(hub, "Patient?nickname=A") == {"old", "new"}


def test_reindex_passes_what_is_up_to_date_in_queries_of_bounded_cost(hub: HubClient) -> None:
    """However many need nothing, as after a load that began with the parameter, no query has to skip them all."""
    hub.put("SearchParameter/n", parameter(id="n"))
    for number in range(12):
        hub.put(f"Patient/{number:02}", nicknamed("A", id=f"{number:02}"))
    hub.database["Patient"].update_many({"_id": {"$in": ["04", "11"]}}, {"$unset": {"x": "", "k": ""}})
    hub.database.command("profile", 2)
    try:
        assert hub.hub.reindexer(QUICK).step()
    finally:
        hub.database.command("profile", 0)
    assert (runs(hub)[0]["done"], runs(hub)[0]["percent"]) == (12, 100)
    assert ids(hub, "Patient?nickname=A&_count=20") == {f"{number:02}" for number in range(12)}
    reads = list(hub.database["system.profile"].find({"ns": f"{hub.database.name}.Patient", "op": "query"}))
    assert len(reads) >= 4
    assert max(read["docsExamined"] for read in reads) <= QUICK.chunk
