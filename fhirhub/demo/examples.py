"""Which people of the population are worth looking at first, and the requests that show them."""

from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from fhirhub.demo.bundles import SEED, UNTIL, YEARS
from fhirhub.demo.people import Person, draw_person
from fhirhub.demo.trajectories import DIABETES, HYPERTENSION, History, live


@dataclass(frozen=True, slots=True)
class Example:
    """A request to try. `path` is relative to the base URL and percent-encoded; `patient` is the logical id shown."""

    patient: str
    title: str
    path: str


def chosen_examples(
    patients: int = 100, *, seed: int = SEED, until: date = UNTIL, years: int = YEARS
) -> tuple[Example, ...]:
    """Requests about up to three people of the population `generate` makes of the same arguments.

    One whose blood pressure fell under treatment, one with diabetes, one in good health; a small population may lack
    some of them. The requests use reads and reference, token and string parameters only.
    """
    found: dict[str, Person] = {}
    for number in range(1, patients + 1):
        person = draw_person(seed, number, until)
        story = _story(live(person, seed, until, years))
        if story is not None:
            found.setdefault(story, person)
        if len(found) == 3:
            break
    chosen: list[Example] = []
    if treated := found.get("treated"):
        chosen += [
            Example(
                treated.id,
                f"{treated.name.written}, whose blood pressure fell under treatment",
                f"Patient/{treated.id}",
            ),
            Example(
                treated.id,
                "the blood pressure of every checkup",
                f"Observation?patient={treated.id}&code=http://loinc.org%7C85354-9",
            ),
            Example(treated.id, "what was diagnosed", f"Condition?patient={treated.id}"),
        ]
    if diabetic := found.get("diabetic"):
        name = diabetic.name.written
        chosen += [
            Example(
                diabetic.id,
                f"haemoglobin A1c of {name}, who has diabetes",
                f"Observation?patient={diabetic.id}&code=4548-4",
            ),
            Example(diabetic.id, "the targets of treatment", f"Goal?patient={diabetic.id}"),
        ]
    if healthy := found.get("healthy"):
        name, family = healthy.name.written, healthy.name.family
        chosen += [
            Example(healthy.id, f"everyone whose family name begins with {family}", f"Patient?family={quote(family)}"),
            Example(
                healthy.id, f"the checkup reports of {name}, in good health", f"DiagnosticReport?patient={healthy.id}"
            ),
        ]
    return tuple(chosen)


def _story(history: History) -> str | None:
    """What this person is an example of, if of anything."""
    if not history.diagnoses:
        return "healthy" if len(history.checkups) >= 6 else None
    pressure = history.diagnosis(HYPERTENSION)
    if pressure is not None and pressure.treated:
        course = [checkup.values["systolic"] for checkup in history.checkups]
        if history.checkups[-2].day > pressure.recorded and max(course) >= 148 and max(course[-2:]) < 140:
            return "treated"
    sugar = history.diagnosis(DIABETES)
    return "diabetic" if sugar is not None and sugar.treated and len(history.checkups) >= 6 else None
