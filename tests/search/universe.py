"""A handful of resources that refer to one another, and what chained criteria mean among them, told by brute force."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import strategies as st

from fhirhub.model.json import Json
from fhirhub.search.extract import extract
from fhirhub.search.filter import Filter, Holds, IdIn, InHierarchy, ReferredBy, Refers, Related, TokenIs, any_of
from fhirhub.search.match import matches
from fhirhub.search.site import Site
from fhirhub.search.values import IndexEntries

from .conftest import BASE_URL

Key = tuple[str, str]


@dataclass(slots=True)
class Universe:
    """All resources there are, by type and id, with what they are found by."""

    site: Site
    entries: dict[Key, IndexEntries] = field(default_factory=dict)

    def add(self, resource: Json) -> IndexEntries:
        """Add a resource, or put it in the place of the one with its type and id."""
        found = extract(resource, resource["resourceType"], self.site)
        self.entries[resource["resourceType"], resource["id"]] = found
        return found

    def search(self, resource_type: str, filter: Filter) -> set[str]:
        """Return the ids of the resources of a type that match."""
        others = _Others(self, resource_type)
        return {
            logical_id
            for logical_id, entries in self.of(resource_type)
            if matches(filter, logical_id=logical_id, updated=0, entries=entries, others=others)
        }

    def of(self, resource_type: str) -> Iterator[tuple[str, IndexEntries]]:
        """Yield the resources of a type."""
        return ((key[1], entries) for key, entries in self.entries.items() if key[0] == resource_type)


@dataclass(frozen=True, slots=True)
class _Others:
    """See `match.Others`; the searched resource is of `resource_type`."""

    universe: Universe
    resource_type: str

    def resolve(self, part: Related) -> Filter:
        match part:
            case Refers(parameter, target_type, inner):
                ids = self.universe.search(target_type, inner)
                stored = [TokenIs(f"{parameter}={target_type}/{each}") for each in ids]
                return any_of([*stored, Holds(parameter, target_type, inner)])
            case ReferredBy(source_type, parameter, inner):
                held = dict(self.universe.of(source_type))
                tokens = {token for each in self.universe.search(source_type, inner) for token in held[each].tokens}
                return IdIn(
                    frozenset(
                        logical_id
                        for logical_id, _ in self.universe.of(self.resource_type)
                        if f"{parameter}={self.resource_type}/{logical_id}" in tokens
                    )
                )
            case InHierarchy(parameter, target_type, logical_id, parent, direction):
                prefix = f"{parent}={target_type}/"
                edges = {
                    (each, token.removeprefix(prefix))
                    for each, entries in self.universe.of(target_type)
                    for token in entries.tokens
                    if token.startswith(prefix)
                }
                edges = edges if direction == "above" else {(above, below) for below, above in edges}
                reached = {logical_id}
                for _ in range(len(edges)):
                    reached |= {end for start, end in edges if start in reached}
                # What is above may be there no longer; references to it are still found.
                return any_of(TokenIs(f"{parameter}={target_type}/{each}") for each in reached)


IDS = ("1", "2", "3")
NAMES = st.sampled_from(["Ann", "anna", "张三"])
CODES = st.sampled_from(["a", "b", "c"])


def pointer(*types: str) -> st.SearchStrategy[Json]:
    """A Reference to any of the types, in one of the ways it can be written; some lead elsewhere."""
    local = st.builds("{}/{}".format, st.sampled_from(types), st.sampled_from(IDS))
    text = st.one_of(
        local,
        local,
        local,
        local.map(f"{BASE_URL}/{{}}".format),
        local.map("{}/_history/1".format),
        local.map("https://other.example.org/{}".format),
        st.just("urn:uuid:1"),
        # Contained ones, under ids that stored ones have as well.
        st.sampled_from(["#1", "#2"]),
    )
    return st.builds(lambda reference: {"reference": reference}, text)


def pointers(*types: str) -> st.SearchStrategy[list[Json]]:
    return st.lists(pointer(*types), min_size=1, max_size=2)


def kind(resource_type: str, mostly: dict[str, st.SearchStrategy[object]], **fixed: object) -> st.SearchStrategy[Json]:
    """Resources of a type with an id; of what they mostly have, each lacks a fourth."""
    always = {"resourceType": resource_type, **fixed}
    parts = {name: st.one_of(value, value, value, st.none()) for name, value in mostly.items()}

    def made(parts: Json) -> Json:
        return always | {name: value for name, value in parts.items() if value is not None}

    return st.fixed_dictionaries({"id": st.sampled_from(IDS), **parts}).map(made)


PEOPLE = st.lists(st.builds(lambda family: {"family": family}, NAMES), min_size=1, max_size=2)
CONCEPT = st.builds(lambda code: {"coding": [{"code": code}]}, CODES)
CONTAINED = st.lists(
    st.one_of(
        kind("Practitioner", {"name": PEOPLE}),
        kind("Organization", {"name": NAMES, "partOf": pointer("Organization")}),
        kind("Patient", {"name": PEOPLE, "managingOrganization": pointer("Organization")}),
        kind("Observation", {"subject": pointer("Patient"), "code": CONCEPT}, status="final"),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda each: each["id"],
)
KINDS = {
    "Practitioner": kind("Practitioner", {"name": PEOPLE}),
    "Organization": kind("Organization", {"name": NAMES, "partOf": pointer("Organization")}),
    "Patient": kind(
        "Patient",
        {
            "name": PEOPLE,
            "gender": st.sampled_from(["male", "female"]),
            "generalPractitioner": pointers("Practitioner", "Organization"),
            "managingOrganization": pointer("Organization"),
            "contained": CONTAINED,
        },
    ),
    "Observation": kind(
        "Observation",
        {
            "subject": pointer("Patient", "Group"),
            "code": CONCEPT,
            "performer": pointers("Practitioner", "Patient", "Organization"),
            "hasMember": pointers("Observation"),
            "contained": CONTAINED,
        },
        status="final",
    ),
    "Group": kind(
        "Group",
        {"code": CONCEPT, "member": st.builds(lambda who: [{"entity": each} for each in who], pointers("Patient"))},
        type="person",
        actual=True,
    ),
    "List": kind(
        "List",
        {"entry": st.builds(lambda items: [{"item": item} for item in items], pointers("Patient", "Observation"))},
        status="current",
        mode="working",
    ),
}
RESOURCES = st.one_of(*KINDS.values())


@st.composite
def worlds(draw: st.DrawFn, *types: str) -> list[Json]:
    """Resources of the types, of all if none is named: most ids are there, so that searches find some, not all."""
    slots = [(resource_type, logical_id) for resource_type in types or KINDS for logical_id in IDS]
    absent = draw(st.sets(st.sampled_from(slots), max_size=len(slots) // 3))
    return [draw(KINDS[name]) | {"id": logical_id} for name, logical_id in slots if (name, logical_id) not in absent]


LINKS: dict[str, dict[str, tuple[str, ...]]] = {
    "Patient": {"general-practitioner": ("Practitioner", "Organization"), "organization": ("Organization",)},
    "Observation": {
        "subject": ("Patient", "Group"),
        "patient": ("Patient",),
        "performer": ("Practitioner", "Patient", "Organization"),
        "has-member": ("Observation",),
    },
    "Organization": {"partof": ("Organization",)},
    "List": {"item": ("Patient", "Observation")},
    "Group": {"member": ("Patient",)},
}
ENDS: dict[str, dict[str, st.SearchStrategy[str]]] = {
    "Practitioner": {"name": NAMES, "name:missing": st.just("true")},
    "Organization": {"name": NAMES, "partof:missing": st.just("true")},
    "Patient": {"name": NAMES, "gender": st.sampled_from(["male", "male,female"]), "gender:not": st.just("male")},
    "Observation": {"code": CODES, "code:not": CODES, "patient": st.builds("Patient/{}".format, st.sampled_from(IDS))},
    "Group": {"code": CODES},
    "List": {"status": st.just("current")},
}


@st.composite
def terms(draw: st.DrawFn, resource_type: str, depth: int = 3) -> tuple[str, str]:
    """A parameter of a type and a value for it; most are chains, either way round."""
    way = draw(st.sampled_from(["chain", "has", "list", "end"])) if depth else "end"
    if way == "chain" and resource_type in LINKS:
        link, targets = draw(st.sampled_from(sorted(LINKS[resource_type].items())))
        target = draw(st.sampled_from(targets))
        rest, value = draw(terms(target, depth - 1))
        # The end is one that target knows; without a type, those of the others that know it count, too.
        typed = draw(st.booleans())
        return f"{link}:{target}.{rest}" if typed else f"{link}.{rest}", value
    sources = [
        (source, link) for source, links in LINKS.items() for link, targets in links.items() if resource_type in targets
    ]
    if way == "has" and sources:
        source, link = draw(st.sampled_from(sources))
        rest, value = draw(terms(source, depth - 1))
        return f"_has:{source}:{link}:{rest}", value
    if way == "list" and resource_type in ("Patient", "Observation"):
        return "_list", draw(st.sampled_from(["1", "1,2", "List/3"]))
    if draw(st.booleans()):
        return "_id", draw(st.sampled_from([*IDS, "1,3"]))
    name, values = draw(st.sampled_from(sorted(ENDS[resource_type].items(), key=lambda pair: pair[0])))
    return name, draw(values)
