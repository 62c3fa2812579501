"""Known mistakes put into official examples: each is found, and found where it was put."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from fhirhub.definitions import Element, TypeDefinition, r4
from fhirhub.model.json import decode
from fhirhub.validation import validate_resource

EXAMPLES: Final = 100
MUTATIONS_EACH: Final = 600
SEED: Final = 20201

Path = tuple[str | int, ...]

pytestmark = pytest.mark.data


@dataclass(frozen=True)
class Place:
    """An object of a resource: where it is and what type it has."""

    path: Path
    value: dict[str, Any]
    definition: TypeDefinition


def places(value: dict[str, Any], path: Path = ()) -> Iterator[Place]:
    """Every object of a resource that has a type of its own, resources inside resources included."""
    yield from objects(Place(path, value, r4().type(value["resourceType"])))


def objects(place: Place) -> Iterator[Place]:
    yield place
    for name, value in place.value.items():
        element = place.definition.elements.get(name)
        if element is None or r4().type(element.type).kind == "primitive-type":
            continue
        for step, item in enumerate(value) if isinstance(value, list) else ((None, value),):
            path = (*place.path, name) if step is None else (*place.path, name, step)
            if element.type == "Resource":
                yield from places(item, path)
            else:
                yield from objects(Place(path, item, r4().type(element.type)))


@dataclass(frozen=True)
class Mutation:
    """A mistake: what becomes of the object at `path` (None takes a property away), and the name that must be told."""

    kind: str
    path: Path
    changes: dict[str, Any]
    name: str


def drop_required(place: Place) -> Iterator[Mutation]:
    for element in place.definition.elements.values():
        # An object without anything left is told as empty, not as lacking each of its elements.
        if (
            element.min
            and element.name in place.value
            and len(place.value) > 1
            and "_" + element.name not in place.value
        ):
            yield Mutation("required", place.path, {element.name: None}, element.name)
    for choice in place.definition.required_choices:
        names = {prefix + member.name for member in place.definition.choices[choice] for prefix in ("", "_")}
        if place.value.keys() - names:
            yield Mutation("required", place.path, dict.fromkeys(names & place.value.keys()), choice)


WRONG_TYPES: Final[dict[str, list[Any]]] = {
    "text": [7, True, {"a": "b"}, ["x"]],
    "number": ["7", True, {"a": "b"}, [7]],
    "boolean": ["true", 0, {"a": "b"}, [True]],
    "object": ["x", 7, True],
}


def wrong_type(place: Place) -> Iterator[Mutation]:
    for element, value in given(place):
        definition = r4().type(element.type)
        match definition:
            case TypeDefinition(name="boolean"):
                kind = "boolean"
            case TypeDefinition(name="decimal" | "integer") | TypeDefinition(parent="integer"):
                kind = "number"
            case TypeDefinition(kind="primitive-type"):
                kind = "text"
            case _:
                kind = "object"
        for wrong in WRONG_TYPES[kind]:
            changed = [wrong] if element.is_array and not isinstance(wrong, list) else wrong
            if not (element.is_array and isinstance(wrong, list)):
                yield Mutation("type", place.path, {element.name: changed}, element.choice or element.name)
        if element.is_array:
            yield Mutation("type", place.path, {element.name: value[0]}, element.choice or element.name)
            yield Mutation("type", place.path, {element.name: []}, element.choice or element.name)
        else:
            yield Mutation("type", place.path, {element.name: [value]}, element.choice or element.name)


def unknown_element(place: Place) -> Iterator[Mutation]:
    for name in ("fhirhubUnknown", "Status", "resourceTyp", "value", "x" * 80):
        if name not in place.definition.elements:
            yield Mutation("unknown", place.path, {name: "x"}, name[:60])
    for element in list(place.definition.elements.values())[:3]:
        yield Mutation("unknown", place.path, {element.name + "s": [{"x": 1}]}, element.name + "s")


def bad_code(place: Place) -> Iterator[Mutation]:
    for element, value in given(place):
        codes = r4().value_sets[element.binding] if element.binding else None
        if not codes:
            continue
        for wrong in ("no-such-code", next(iter(codes)).swapcase() + "x", "unknown code"):
            item: Any = (
                wrong if element.type == "code" else {"coding": [{"system": "http://example.org", "code": wrong}]}
            )
            changed = [*value, item] if element.is_array else item
            # A code more than its companion has items would be another mistake.
            if not (element.is_array and "_" + element.name in place.value):
                yield Mutation("binding", place.path, {element.name: changed}, element.name)


def second_choice(place: Place) -> Iterator[Mutation]:
    values = {"boolean": True, "string": "x", "dateTime": "2020", "date": "2020", "integer": 1, "code": "x"}
    for choice, members in place.definition.choices.items():
        if not any(member.name in place.value for member in members):
            continue
        for member in members:
            if member.type in values and member.name not in place.value:
                yield Mutation("choice", place.path, {member.name: values[member.type]}, choice)


def misused_companion(place: Place) -> Iterator[Mutation]:
    why = {"extension": [{"url": "http://example.org/why", "valueCode": "x"}]}
    for element, value in given(place):
        companion, name = "_" + element.name, element.choice or element.name
        if r4().type(element.type).kind != "primitive-type" or element.is_attribute:
            yield Mutation("companion", place.path, {companion: why}, name)
        elif element.is_array:
            yield Mutation("companion", place.path, {companion: why}, name)
            yield Mutation("companion", place.path, {companion: [None] * (len(value) + 1)}, name)
            yield Mutation("companion", place.path, {element.name: [*value, None]}, name)
        else:
            companions: list[Any] = ["x", [why], {}, {"value": "x"}, {"extension": []}, {"odd": 1}]
            for wrong in companions:
                yield Mutation("companion", place.path, {companion: wrong}, name)


def given(place: Place) -> Iterator[tuple[Element, Any]]:
    for name, value in place.value.items():
        element = place.definition.elements.get(name)
        if element is not None:
            yield element, value


KINDS: Final = (drop_required, wrong_type, unknown_element, bad_code, second_choice, misused_companion)


def mutated(value: Any, path: Path, changes: dict[str, Any]) -> Any:
    """A copy of the resource with the changes at `path`; what does not change is shared."""
    if path:
        copy: Any = list(value) if isinstance(value, list) else dict(value)
        copy[path[0]] = mutated(value[path[0]], path[1:], changes)
        return copy
    return {name: item for name, item in {**value, **changes}.items() if item is not None}


def is_found(mutation: Mutation, resource: dict[str, Any]) -> bool:
    where = "".join(f"/{step}" for step in mutation.path)
    return any(
        issue.severity == "error" and issue.location[0].startswith(where + "/") and mutation.name in issue.expression[0]
        for issue in validate_resource(resource)
        if issue.expression and issue.location
    )


def test_mutations_of_official_examples_are_found_where_they_were_made(official_examples: dict[str, bytes]) -> None:
    dice = random.Random(SEED)
    small = sorted(name for name, content in official_examples.items() if 1500 < len(content) < 20_000)
    names = dice.sample(small, 3 * EXAMPLES)
    resources = [decode(official_examples[name]) for name in names]
    valid = [resource for resource in resources if not validate_resource(resource)][:EXAMPLES]
    made: dict[str, int] = {}
    missed = []
    for resource in valid:
        everywhere = list(places(resource))
        for kind in KINDS:
            candidates = [mutation for place in everywhere for mutation in kind(place)]
            for mutation in dice.sample(candidates, min(len(candidates), MUTATIONS_EACH // len(KINDS))):
                made[mutation.kind] = made.get(mutation.kind, 0) + 1
                if not is_found(mutation, mutated(resource, mutation.path, mutation.changes)):
                    missed.append((resource["resourceType"], resource.get("id"), mutation))

    assert missed[:3] == []
    assert len(valid) == EXAMPLES
    assert all(made[kind] > 200 for kind in ("required", "type", "unknown", "binding", "choice", "companion")), made
