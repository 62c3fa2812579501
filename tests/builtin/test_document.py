"""$document. https://hl7.org/fhir/R4/composition-operation-document.html"""

from typing import Any

from fhirhub.model.json import Json
from tests.builtin.test_lastn import measured, somebody
from tests.interactions.hub_client import HubClient


def composition(subject: str, author: str, *entries: str, **more: Any) -> Json:
    return {
        "resourceType": "Composition",
        "status": "final",
        "type": {"text": "Report"},
        "subject": {"reference": subject},
        "date": "2024-01-01",
        "author": [{"reference": author}],
        "title": "Report",
        "section": [{"title": "Results", "entry": [{"reference": entry} for entry in entries]}],
        **more,
    }


def written(hub: HubClient) -> tuple[str, str, str, str]:
    """A Composition, and what it refers to: subject, author, an Observation."""
    who = somebody(hub)
    doctor = f"Practitioner/{hub.post('Practitioner', {'resourceType': 'Practitioner'}).id}"
    role = {"resourceType": "PractitionerRole", "practitioner": {"reference": doctor}}
    author = f"PractitionerRole/{hub.post('PractitionerRole', role).id}"
    seen = f"Observation/{hub.post('Observation', measured(who, '1', '2024-01-01')).id}"
    made = hub.post("Composition", composition(who, author, seen, "http://elsewhere.example/fhir/Observation/1"))
    return f"Composition/{made.id}", who, doctor, seen


def test_document_holds_what_the_composition_refers_to(hub: HubClient) -> None:
    path, who, doctor, seen = written(hub)
    bundle = hub.get(f"{path}/$document").resource
    assert bundle["type"] == "document"
    urls = [row["fullUrl"] for row in bundle["entry"]]
    assert urls[0].endswith(path)
    assert {"/".join(url.split("/")[-2:]) for url in urls} >= {path, who, doctor, seen}
    assert len(urls) == len(set(urls)) == 5
    assert bundle["identifier"]["value"].startswith("urn:uuid:")
    assert "id" not in bundle
    assert hub.post("Bundle", bundle).status == 201
    by_id = hub.get(f"Composition/$document?id={path.partition('/')[2]}").resource
    assert [row["fullUrl"] for row in by_id["entry"]] == urls
    by_url = hub.get(f"Composition/$document?id={urls[0]}").resource
    assert [row["fullUrl"] for row in by_url["entry"]] == urls


def test_document_is_stored_when_asked(hub: HubClient) -> None:
    path, *_ = written(hub)
    bundle = hub.get(f"{path}/$document?persist=true").resource
    assert hub.get(f"Bundle/{bundle['id']}").resource["identifier"] == bundle["identifier"]


def test_what_cannot_be_made_is_told(hub: HubClient) -> None:
    path, *_, seen = written(hub)
    hub.delete(seen)
    answer = hub.get(f"{path}/$document")
    assert (answer.status, answer.issue["code"]) == (422, "business-rule")
    assert seen in answer.issue["diagnostics"]
    assert answer.issue["expression"] == ["Composition.section[0].entry[0].reference"]
    assert hub.get("Composition/nothing/$document").status == 404
    assert hub.get("Composition/$document?id=nothing").status == 404
    for query, says in (("", "id"), ("id=Patient/1", "Patient/1"), (f"id={path}&graph=http://x.example", "graph")):
        wrong = hub.get(f"Composition/$document?{query}")
        assert (wrong.status, says in wrong.issue["diagnostics"]) == (400, True)
