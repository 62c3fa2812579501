"""A register of patients for the tests of $match, and how its answers are read."""

from decimal import Decimal
from typing import Any

from fhirhub.builtin.match import EXPLANATION, GRADE
from fhirhub.model.json import Json
from tests.builtin.parameters import sent
from tests.interactions.hub_client import Answer, HubClient, patient, unique

MRN = "http://hospital.example/mrn"
WANG: Json = {
    "name": [{"family": "王", "given": ["秀英"], "text": "王秀英"}],
    "gender": "female",
    "birthDate": "1949-12-31",
}
JANE: Json = {"name": [{"family": "Okonkwo", "given": ["Jane", "Mary"]}], "gender": "female", "birthDate": "1985-03-04"}
NUMBER = "11010519491231002X"


def identified(*pairs: tuple[str, str]) -> list[Json]:
    return [{"system": system, "value": value} for system, value in pairs]


def by_phone(*numbers: str) -> list[Json]:
    return [{"system": "phone", "value": number} for number in numbers]


class Register:
    """Patients of one test, told from those of others by their ids."""

    def __init__(self, hub: HubClient) -> None:
        self.hub = hub
        self.key = unique()[:10]

    def has(self, name: str, /, **elements: Any) -> None:
        """Store a patient."""
        resource = patient(id=f"{self.key}-{name}", **elements)
        assert self.hub.put(f"Patient/{resource['id']}", resource).status == 201

    def asked(self, count: int = 100, only_certain: bool | None = None, **elements: Any) -> Answer:
        """Ask for a patient."""
        more = {} if only_certain is None else {"valueBoolean_onlyCertainMatches": only_certain}
        answer = self.hub.post("Patient/$match", sent(resource=patient(**elements), valueInteger_count=count, **more))
        assert answer.status == 200, answer.resource
        return answer

    def rows(self, **elements: Any) -> dict[str, Json]:
        """What `search` says, by the names of the patients of this test, in the order of the answer."""
        answer = self.asked(**elements)
        return {
            row["resource"]["id"].partition("-")[2]: row["search"]
            for row in answer.entries
            if row["search"]["mode"] == "match" and row["resource"]["id"].startswith(self.key)
        }

    def grades(self, **elements: Any) -> dict[str, str]:
        """The grades by name."""
        return {name: grade(search) for name, search in self.rows(**elements).items()}


def grade(search: Json) -> str:
    (found,) = (each["valueCode"] for each in search["extension"] if each["url"] == GRADE)
    return str(found)


def explained(search: Json) -> tuple[Decimal, dict[str, tuple[str, Decimal]], list[str]]:
    (found,) = (each["extension"] for each in search["extension"] if each["url"] == EXPLANATION)
    elements = {}
    for row in found:
        if row["url"] == "element":
            name, outcome, weight = row["extension"]
            elements[name["valueCode"]] = (outcome["valueCode"], Decimal(weight["valueDecimal"]))
    (prior,) = (Decimal(row["valueDecimal"]) for row in found if row["url"] == "prior")
    return prior, elements, [row["valueString"] for row in found if row["url"] == "note"]


def outcome(answer: Answer) -> str:
    (row,) = (each for each in answer.entries if each["search"]["mode"] == "outcome")
    return " ".join(issue["diagnostics"] for issue in row["resource"]["issue"])
