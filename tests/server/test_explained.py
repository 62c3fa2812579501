"""_explain over HTTP: by form as by GET, in JSON and in XML."""

import pytest

from fhirhub.plugin.minimal import minimal
from tests.server.running import FHIR_XML, Server

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("path", ["/Observation", "", "/Patient/nobody/Observation", "/Patient/nobody/*"])
def test_search_by_form_is_explained_as_one_by_get(server: Server, path: str) -> None:
    server.created(minimal("Observation"))
    types = "" if path.endswith("Observation") else "_type=Observation&"
    asked = f"{types}_lastUpdated=gt2020&_id=1&_explain=true"
    by_get = server.ask("GET", f"{path}?{asked}")
    by_form = server.ask("POST", f"{path}/_search", data=asked, headers=FORM) if "*" not in path else by_get
    for answer in (by_get, by_form):
        assert answer.status_code == 200, answer.text
        assert answer.json()["resourceType"] == "Parameters"
        (search,) = [each["part"] for each in answer.json()["parameter"] if each["name"] == "search"]
        assert search[0] == {"name": "resourceType", "valueCode": "Observation"}
        assert "_id is 1" in search[1]["valueString"]
    in_xml = server.ask("GET", f"{path}?{asked}", headers={"Accept": FHIR_XML})
    assert in_xml.content.count(b'<name value="documentsExamined"/>') == 2
