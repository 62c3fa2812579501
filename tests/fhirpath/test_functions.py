"""The functions FHIR adds, variables, the things an evaluation is given from outside."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fhirhub.fhirpath import FhirPathError, Node, compile_expression

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "name": [{"family": "Li", "given": ["An"]}],
    "gender": "female",
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Ward 3", "partOf": {"reference": "#"}}],
    "managingOrganization": {"reference": "#o"},
    "generalPractitioner": [{"reference": "Practitioner/1"}],
    "maritalStatus": {"coding": [{"system": "urn:s", "code": "M"}]},
    "extension": [{"url": "urn:a", "valueCode": "x"}, {"url": "urn:b", "valueInteger": 1}],
    "modifierExtension": [{"url": "urn:m", "valueBoolean": True}],
}


def values(text: str, resource: dict[str, Any] = PATIENT, **given: Any) -> list[Any]:
    return [node.value for node in compile_expression(text, resource["resourceType"]).evaluate(resource, **given)]


class OneCode:
    """A terminology that knows one code in one value set."""

    def member_of(self, coded: dict[str, Any] | str, type_name: str, value_set: str) -> bool | None:
        return (coded, type_name, value_set) == ("female", "code", "urn:vs")

    def subsumes(self, general: dict[str, Any], specific: dict[str, Any]) -> bool | None:
        return str(general["code"]) <= str(specific["code"])


def test_resolve_finds_contained_resources_and_the_container() -> None:
    assert values("managingOrganization.resolve().name") == ["Ward 3"]
    assert values("contained.partOf.resolve().id") == ["p"]


def test_resolve_asks_the_resolver_for_the_rest() -> None:
    practitioner = {"resourceType": "Practitioner", "name": [{"family": "Wu"}]}
    found = values("generalPractitioner.resolve().name.family", resolver={"Practitioner/1": practitioner}.get)
    assert found == ["Wu"]
    assert values("generalPractitioner.resolve()") == []
    assert values("generalPractitioner.resolve() is Practitioner") == [True]


def test_resolve_finds_entries_of_the_same_bundle() -> None:
    entries = [
        {"fullUrl": "https://h.example/fhir/Patient/1", "resource": {"resourceType": "Patient", "id": "1"}},
        {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "u"}},
        {
            "fullUrl": "https://h.example/fhir/Observation/1",
            "resource": {
                "resourceType": "Observation",
                "subject": {"reference": "Patient/1"},
                "focus": [{"reference": "urn:uuid:1"}, {"reference": "https://h.example/fhir/Patient/1"}],
                "performer": [{"reference": "Patient/2"}],
            },
        },
    ]
    bundle = {"resourceType": "Bundle", "entry": entries}
    assert values("entry.resource.subject.resolve().id", bundle) == ["1"]
    assert values("entry.resource.focus.resolve().id", bundle) == ["u", "1"]
    assert values("entry.resource.performer.resolve().id", bundle) == []
    assert values("entry.resource.focus.where(resolve() is Patient).count()", bundle) == [2]


def test_extension_finds_by_url() -> None:
    assert values("extension('urn:a').value") == ["x"]
    assert values("hasExtension('urn:b') and hasExtension('urn:c').not()") == [True]
    assert values("name.extension('urn:a')") == []


def test_has_value_and_get_value_are_about_primitives() -> None:
    assert values("gender.hasValue() and name.hasValue().not()") == [True]
    [node] = compile_expression("gender.getValue()", "Patient").evaluate(PATIENT)
    assert (node.type, node.value, node.parent) == ("System.String", "female", None)


def test_check_modifiers_lets_known_ones_pass() -> None:
    assert values("$this.checkModifiers('urn:m').id") == ["p"]
    with pytest.raises(FhirPathError, match="urn:m"):
        values("$this.checkModifiers('urn:other').id")


def test_member_of_asks_the_terminology() -> None:
    assert values("gender.memberOf('urn:vs')", terminology=OneCode()) == [True]
    assert values("gender.memberOf('urn:other')", terminology=OneCode()) == [False]
    assert values(
        "maritalStatus.coding.subsumes(%other)", terminology=OneCode(), variables={"other": {"code": "N"}}
    ) == [True]
    assert values(
        "maritalStatus.coding.subsumedBy(%other)", terminology=OneCode(), variables={"other": {"code": "N"}}
    ) == [False]


@pytest.mark.parametrize("text", ["gender.memberOf('urn:vs')", "maritalStatus.coding.subsumes(maritalStatus.coding)"])
def test_terminology_functions_fail_without_terminology(text: str) -> None:
    with pytest.raises(FhirPathError, match="no terminology"):
        values(text)


def test_conforms_to_asks_for_profiles_and_knows_the_base_types() -> None:
    asked = []

    def conforms(resource: dict[str, Any], profile: str) -> bool | None:
        asked.append(profile)
        return {"urn:yes": True, "urn:no": False}.get(profile)

    assert values("conformsTo('urn:yes')", conforms=conforms) == [True]
    assert values("conformsTo('urn:no')", conforms=conforms) == [False]
    assert values("conformsTo('http://hl7.org/fhir/StructureDefinition/DomainResource')", conforms=conforms) == [True]
    with pytest.raises(FhirPathError, match="urn:unknown"):
        values("conformsTo('urn:unknown')", conforms=conforms)
    assert asked == ["urn:yes", "urn:no", "http://hl7.org/fhir/StructureDefinition/DomainResource", "urn:unknown"]


@pytest.mark.parametrize(
    ("div", "safe"),
    [
        ("<div xmlns='http://www.w3.org/1999/xhtml'>Li <b>An</b></div>", True),
        ("<div xmlns='http://www.w3.org/1999/xhtml'><img src='#x' alt='x'/></div>", True),
        (
            "<div xmlns='http://www.w3.org/1999/xhtml'><!-- note --><p class='a' style='b' xml:lang='zh'>x</p></div>",
            True,
        ),
        ("<div>x</div>", False),
        ("<p xmlns='http://www.w3.org/1999/xhtml'>x</p>", False),
        ("<div xmlns='http://www.w3.org/1999/xhtml'>  </div>", False),
        ("<div xmlns='http://www.w3.org/1999/xhtml'>x", False),
        ("<div xmlns='http://www.w3.org/1999/xhtml'><script>x</script></div>", False),
        ("<div xmlns='http://www.w3.org/1999/xhtml'><p onclick='x'>x</p></div>", False),
        ("<div xmlns='http://www.w3.org/1999/xhtml'><a href=' java\nscript:x'>x</a></div>", False),
        ("<div xmlns='http://www.w3.org/1999/xhtml'>&nbsp;x</div>", False),
        ("<div xmlns='http://www.w3.org/1999/xhtml'><?x y?>x</div>", False),
        ("<!DOCTYPE div [<!ENTITY e 'x'>]><div xmlns='http://www.w3.org/1999/xhtml'>&e;</div>", False),
        ("", False),
    ],
)
def test_html_checks_let_only_plain_narratives_pass(div: str, safe: bool) -> None:
    patient = {"resourceType": "Patient", "text": {"status": "generated", "div": div}}
    assert values("text.`div`.htmlChecks()", patient) == [safe]


def test_variables_come_from_outside_and_from_the_specification() -> None:
    given = {"number": 2, "list": ["a", True, Decimal("1.5")], "patient": PATIENT, "nothing": None}
    assert values("%number + 1", variables=given) == [3]
    assert values("%list", variables=given) == ["a", True, Decimal("1.5")]
    assert values("%patient.name.family", variables=given) == ["Li"]
    assert values("%nothing", variables=given) == []
    assert values("%'ext-birthPlace'") == ["http://hl7.org/fhir/StructureDefinition/birthPlace"]
    with pytest.raises(FhirPathError, match="%other"):
        values("%other", variables=given)


def test_clock_is_read_once_an_evaluation() -> None:
    moments = iter([datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)])
    assert values("now() = now() and today() = @2024-01-01", now=lambda: next(moments)) == [True]


def test_trace_shows_and_changes_nothing() -> None:
    shown: list[tuple[str, list[Any]]] = []

    def trace(name: str, nodes: list[Node]) -> None:
        shown.append((name, [node.value for node in nodes]))

    assert values("name.given.trace('g').trace('n', length())", trace=trace) == ["An"]
    assert shown == [("g", ["An"]), ("n", [2])]


def test_is_true_follows_singleton_evaluation() -> None:
    def truth(text: str) -> bool | None:
        return compile_expression(text, "Patient").is_true(PATIENT)

    assert [truth(text) for text in ("active", "active.not()", "link", "gender", "name.exists()")] == [
        True, False, None, True, True,
    ]  # fmt: skip
    with pytest.raises(FhirPathError, match="not 2"):
        truth("extension")


def test_constant_parts_are_found_once_and_right() -> None:
    names = [{"resourceType": "Organization", "id": str(n), "name": "x"} for n in range(5)]
    patient = PATIENT | {"contained": names}
    assert values("contained.where(id in %resource.contained.id.tail()).id", patient) == ["1", "2", "3", "4"]
    assert values("(1 | 2).aggregate($total + %resource.contained.select(1).count() + $this, 0)", patient) == [13]
    assert values("(1 | 2).select((3 | 4).where($this > 3) + $this)", patient) == [5, 6]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'a-b_c'.replaceMatches('(?<x>[a-z])-([a-z])', '$2-${x}')", ["b-a_c"]),
        ("'abc'.lastIndexOf('c')", [2]),
        ("'a,b'.split(',')", ["a", "b"]),
        ("'abc'.substring(1, 0)", [""]),
        ("'zz'.decode('hex')", []),
        ("name.given.join('/')", ["An"]),
        ("name.given.repeat($this)", ["An"]),
        ("(3 | 1 | 2).sort()", [1, 2, 3]),
        ("{}.convertsToInteger()", []),
        ("('a' | 'b').subsetOf('b' | 'a' | 'c')", [True]),
        ("(true | false).anyTrue() and (true | false).allTrue().not()", [True]),
    ],
)
def test_functions_of_n1(text: str, expected: list[Any]) -> None:
    assert [str(v) if isinstance(v, Node) else v for v in values(text.replace("?<x>", "?P<x>"))] == expected
