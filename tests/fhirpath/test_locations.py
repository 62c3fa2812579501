"""Where nodes stand: what FHIRPath Patch needs to change them."""

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from fhirhub.fhirpath import Node, companion, compile_expression
from fhirhub.fhirpath.node import children, descendants, root_node

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "name": [{"family": "Li", "given": ["An", None, "Bo"], "_given": [None, {"id": "masked"}, None]}, {"text": "A Li"}],
    "birthDate": "1980-02-29",
    "_birthDate": {"extension": [{"url": "urn:time", "valueDateTime": "1980-02-29T10:00:00Z"}]},
    "_gender": {"id": "g"},
    "multipleBirthInteger": 2,
    "contact": [{"name": {"family": "Wu"}}],
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Ward 3"}],
}


def located(node: Node) -> Any:
    """What stands at a node's place."""
    assert node.parent is not None
    assert node.key is not None
    container = node.parent.value if isinstance(node.parent.value, dict) else companion(node.parent)
    found = container.get(node.key) if container is not None else None
    if node.index is None or found is None:
        return found
    # The values of a primitive can end before their companions do.
    return found[node.index] if node.index < len(found) else None


def one(expression: str) -> Node:
    [node] = compile_expression(expression, "Patient").evaluate(PATIENT)
    return node


def test_node_of_an_array_has_its_key_and_index() -> None:
    node = one("Patient.name[0].given[2]")
    assert (node.value, node.type, node.key, node.index) == ("Bo", "string", "given", 2)
    assert node.parent is not None
    assert (node.parent.type, node.parent.key, node.parent.index) == ("HumanName", "name", 0)
    assert node.path() == "Patient.name[0].given[2]"


def test_node_of_a_single_element_has_no_index() -> None:
    node = one("name.where(family.exists()).family")
    assert (node.key, node.index) == ("family", None)
    assert located(node) == "Li"


def test_node_of_a_choice_has_the_key_of_its_type() -> None:
    node = one("Patient.multipleBirth")
    assert (node.type, node.key, node.path()) == ("integer", "multipleBirthInteger", "Patient.multipleBirth")


def test_node_of_a_backbone_element_has_its_path_as_type() -> None:
    assert one("contact").type == "Patient.contact"


def test_node_of_a_contained_resource_has_its_own_type() -> None:
    assert (one("contained").type, one("contained.name").path()) == ("Organization", "Patient.contained[0].name")


def test_primitive_without_value_is_there_with_its_companion() -> None:
    node = one("name[0].given[1]")
    assert (node.value, node.index, companion(node)) == (None, 1, {"id": "masked"})
    gender = one("gender")
    assert (gender.value, gender.key, companion(gender)) == (None, "gender", {"id": "g"})


def test_children_of_a_primitive_stand_in_its_companion() -> None:
    extension = one("birthDate.extension")
    assert (extension.key, extension.index, located(extension)["url"]) == ("extension", 0, "urn:time")
    assert one("birthDate.extension.value").path() == "Patient.birthDate.extension[0].value"


def test_computed_values_stand_nowhere() -> None:
    node = one("name.count()")
    assert (node.parent, node.key, node.index) == (None, None, None)


def test_root_stands_nowhere() -> None:
    assert (one("$this").parent, one("Patient").value is PATIENT) == (None, True)


def test_every_descendant_is_what_stands_at_its_place() -> None:
    nodes = list(descendants(root_node(PATIENT)))
    assert len(nodes) == 21
    assert all(located(node) is node.value for node in nodes)


def test_evaluation_goes_on_from_a_node_within_a_resource() -> None:
    name = one("name[0]")
    expression = compile_expression("family & %resource.birthDate.toString() & %context.given.first()", "HumanName")
    assert [node.value for node in expression.evaluate(name)] == ["Li1980-02-29An"]


def test_resource_variables_tell_a_contained_resource_from_its_container() -> None:
    name = one("contained.name")
    expression = compile_expression("%resource.id | %rootResource.birthDate.toString()", "string")
    assert [node.value for node in expression.evaluate(name)] == ["o", "1980-02-29"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "_name", "given", "_given", "valueString", "id", "extension", "resourceType"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON)
@example([{"given": "text beside a list", "_given": [{"id": "x"}]}])
@example([{"given": ["a list beside an object"], "_given": {"id": "x"}}])
@example([{"given": [], "_given": [False]}])
def test_walking_any_json_neither_fails_nor_leaves_it(content: Any) -> None:
    resource = {"resourceType": "Patient", "name": content, "extension": content, "contained": [content]}
    root = root_node(resource)
    assert {node.parent for node in children(root)} <= {root}
    for node in descendants(root):
        assert located(node) == node.value
        assert node.path().startswith("Patient.")
