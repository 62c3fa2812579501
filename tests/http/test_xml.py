"""FHIR XML both ways, on snippets written by hand: https://hl7.org/fhir/R4/xml.html."""

from decimal import Decimal
from typing import Any

import pytest

from fhirhub.errors import Failure, FhirError
from fhirhub.http.xml import from_xml, to_xml
from fhirhub.model.json import Json, encode

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
F = 'xmlns="http://hl7.org/fhir"'
X = 'xmlns="http://www.w3.org/1999/xhtml"'

PAIRS: dict[str, tuple[Json, str]] = {
    "primitives and order": (
        {"resourceType": "Patient", "gender": "female", "active": True, "birthDate": "1970-03-30", "id": "p1"},
        f'<Patient {F}><id value="p1"/><active value="true"/><gender value="female"/>'
        '<birthDate value="1970-03-30"/></Patient>',
    ),
    "meta of a resource": (
        {"resourceType": "Patient", "meta": {"versionId": "3", "tag": [{"code": "x"}]}, "language": "de"},
        f'<Patient {F}><meta><versionId value="3"/><tag><code value="x"/></tag></meta><language value="de"/></Patient>',
    ),
    "repeating elements": (
        {"resourceType": "Patient", "name": [{"given": ["Ada", "Bea"]}, {"family": "Ek"}]},
        f'<Patient {F}><name><given value="Ada"/><given value="Bea"/></name>'
        '<name><family value="Ek"/></name></Patient>',
    ),
    "ids of elements, URLs of extensions": (
        {
            "resourceType": "Patient",
            "extension": [{"id": "e1", "url": "http://x.test/a", "valueInteger": 0}],
            "name": [{"id": "n1", "text": "Ada"}],
        },
        f'<Patient {F}><extension id="e1" url="http://x.test/a"><valueInteger value="0"/></extension>'
        '<name id="n1"><text value="Ada"/></name></Patient>',
    ),
    "nested extensions": (
        {
            "resourceType": "Patient",
            "extension": [{"extension": [{"url": "b", "valueBoolean": False}], "url": "http://x.test/a"}],
        },
        f'<Patient {F}><extension url="http://x.test/a"><extension url="b"><valueBoolean value="false"/></extension>'
        "</extension></Patient>",
    ),
    "primitives with id and extension": (
        {
            "resourceType": "Patient",
            "birthDate": "1970-03-30",
            "_birthDate": {
                "id": "b",
                "extension": [{"url": "http://x.test/t", "valueDateTime": "1970-03-30T14:35:00Z"}],
            },
        },
        f'<Patient {F}><birthDate value="1970-03-30" id="b"><extension url="http://x.test/t">'
        '<valueDateTime value="1970-03-30T14:35:00Z"/></extension></birthDate></Patient>',
    ),
    "a primitive without a value": (
        {
            "resourceType": "Patient",
            "_gender": {"extension": [{"url": "http://x.test/why", "valueCode": "unknown"}]},
        },
        f'<Patient {F}><gender><extension url="http://x.test/why"><valueCode value="unknown"/></extension>'
        "</gender></Patient>",
    ),
    "nulls in arrays": (
        {
            "resourceType": "Patient",
            "name": [{"given": [None, "Ada", "Bea"], "_given": [{"id": "g0"}, None, {"id": "g2"}]}],
        },
        f'<Patient {F}><name><given id="g0"/><given value="Ada"/><given value="Bea" id="g2"/></name></Patient>',
    ),
    "an array of extensions alone": (
        {"resourceType": "Patient", "name": [{"_given": [{"id": "g0"}, {"id": "g1"}]}]},
        f'<Patient {F}><name><given id="g0"/><given id="g1"/></name></Patient>',
    ),
    "a choice stands where its element stands": (
        {
            "resourceType": "Observation",
            "interpretation": [{"text": "high"}],
            "valueQuantity": {"value": Decimal("1.50"), "unit": "kg"},
            "issued": "2024-01-01T00:00:00Z",
        },
        f'<Observation {F}><issued value="2024-01-01T00:00:00Z"/><valueQuantity><value value="1.50"/><unit value="kg"/>'
        '</valueQuantity><interpretation><text value="high"/></interpretation></Observation>',
    ),
    "contained resources": (
        {
            "resourceType": "Observation",
            "contained": [{"resourceType": "Patient", "id": "p"}, {"resourceType": "Device", "id": "d"}],
            "status": "final",
        },
        f'<Observation {F}><contained><Patient><id value="p"/></Patient></contained>'
        '<contained><Device><id value="d"/></Device></contained><status value="final"/></Observation>',
    ),
    "resources in a Bundle": (
        {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"fullUrl": "urn:x", "resource": {"resourceType": "Patient", "active": False}}],
        },
        f'<Bundle {F}><type value="collection"/><entry><fullUrl value="urn:x"/><resource><Patient>'
        '<active value="false"/></Patient></resource></entry></Bundle>',
    ),
    "parameters": (
        {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "a", "part": [{"name": "b", "valueString": "c"}]},
                {"name": "r", "resource": {"resourceType": "Patient", "id": "p"}},
            ],
        },
        f'<Parameters {F}><parameter><name value="a"/><part><name value="b"/><valueString value="c"/></part>'
        "</parameter>"
        '<parameter><name value="r"/><resource><Patient><id value="p"/></Patient></resource></parameter></Parameters>',
    ),
    "backbone elements that contain themselves": (
        {
            "resourceType": "Questionnaire",
            "item": [{"linkId": "1", "item": [{"linkId": "1.1", "item": [{"linkId": "1.1.1"}]}]}],
        },
        f'<Questionnaire {F}><item><linkId value="1"/><item><linkId value="1.1"/><item><linkId value="1.1.1"/></item>'
        "</item></item></Questionnaire>",
    ),
    "a narrative": (
        {
            "resourceType": "Patient",
            "text": {"status": "generated", "div": f'<div {X}><p class="a">Å &amp; <br/>b</p></div>'},
        },
        f'<Patient {F}><text><status value="generated"/><div {X}><p class="a">Å &amp; <br/>b</p></div>'
        "</text></Patient>",
    ),
    "signs that attributes normalise": (
        {"resourceType": "Patient", "name": [{"text": "a\n\tb\r\"<&>' €𝄞 "}]},
        f'<Patient {F}><name><text value="a&#10;&#9;b&#13;&quot;&lt;&amp;&gt;\' €𝄞 "/></name></Patient>',
    ),
    "an empty resource": ({"resourceType": "Patient"}, f"<Patient {F}/>"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_to_xml_writes_the_document(name: str) -> None:
    resource, document = PAIRS[name]
    assert to_xml(resource).decode() == HEAD + document


@pytest.mark.parametrize("name", PAIRS)
def test_from_xml_reads_the_document(name: str) -> None:
    resource, document = PAIRS[name]
    assert from_xml(document.encode()) == resource


def test_from_xml_orders_keys_as_the_definitions_do() -> None:
    resource = from_xml(
        f'<Observation {F}><id value="o"/><extension id="i" url="u"><extension url="v">'
        '<valueCode value="c"/></extension></extension><status value="final" id="s"/>'
        '<valueInteger value="1"/></Observation>'.encode()
    )
    assert list(resource) == ["resourceType", "id", "extension", "status", "_status", "valueInteger"]
    assert list(resource["extension"][0]) == ["id", "extension", "url"]


@pytest.mark.parametrize(
    "digits", ["1", "1.0", "1.50", "-0.0", "100", "0.00", "1E+2", "123456789012345678901234567890.10", "1E-7"]
)
def test_decimals_keep_their_digits(digits: str) -> None:
    document = f'<Observation {F}><valueQuantity><value value="{digits}"/></valueQuantity></Observation>'.encode()
    resource = from_xml(document)
    assert encode(resource["valueQuantity"]) == f'{{"value":{digits}}}'.encode()
    assert to_xml(resource) == HEAD.encode() + document


def test_from_xml_gives_the_numbers_json_gives() -> None:
    document = f'<Observation {F}><valueQuantity><value value="1"/></valueQuantity></Observation>'
    value = from_xml(document.encode())["valueQuantity"]["value"]
    assert (value, type(value)) == (1, int)
    value = from_xml(document.replace('"1"', '"1e2"').encode())["valueQuantity"]["value"]
    assert (str(value), type(value)) == ("1E+2", Decimal)


def test_from_xml_trims_what_no_type_allows_and_keeps_strings() -> None:
    resource = from_xml(
        f'<Patient {F}><active value=" true "/><name><use value="usual "/><text value=" Ada "/></name>'
        "</Patient>".encode()
    )
    assert resource["active"] is True
    assert resource["name"] == [{"use": "usual", "text": " Ada "}]


def test_from_xml_ignores_comments_prefixes_and_formatting() -> None:
    resource = from_xml(
        b'<?xml version="1.0"?><!-- a --><f:Patient xmlns:f="http://hl7.org/fhir">\n <!-- b -->\n'
        b'  <f:active value="true"><!-- c --></f:active>\n<f:name id="n"><!-- d --><f:text value="Ada"/></f:name>\n'
        b"</f:Patient><!-- e -->"
    )
    assert resource == {"resourceType": "Patient", "active": True, "name": [{"id": "n", "text": "Ada"}]}


def test_to_xml_pretty_reads_back_the_same() -> None:
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "text": {"status": "generated", "div": f"<div {X}>a <b>b</b>  c</div>"},
        "contained": [{"resourceType": "Device", "id": "d"}],
        "name": [{"family": "Ek", "_family": {"id": "f", "extension": [{"url": "u", "valueCode": "c"}]}}],
    }
    pretty = to_xml(resource, pretty=True).decode()
    assert from_xml(pretty.encode()) == resource
    assert pretty.splitlines()[:4] == [HEAD.strip(), f"<Patient {F}>", "  <text>", '    <status value="generated"/>']
    assert "\n    <Device>\n      <id value" in pretty


def test_to_xml_leaves_its_argument_alone() -> None:
    resource, _ = PAIRS["nulls in arrays"]
    before = encode(resource)
    to_xml(resource)
    assert encode(resource) == before


WRONG = {
    "unknown element": ('<Patient {F}><active value="true"/>\n<shoe value="1"/></Patient>', "Patient.shoe", 2),
    "unknown attribute": ('<Patient {F}><active value="true" x="1"/></Patient>', "Patient.active", 1),
    "id of a resource as an attribute": ('<Patient {F} id="p"/>', "Patient", 1),
    "value on a complex element": ('<Patient {F}><name value="Ada"/></Patient>', "Patient.name[0]", 1),
    "schema location": (
        '<Patient {F} xmlns:s="http://www.w3.org/2001/XMLSchema-instance" s:schemaLocation="a b"/>',
        "Patient",
        1,
    ),
    "wrong order": ('<Patient {F}><gender value="male"/>\n\n<active value="true"/></Patient>', "Patient.active", 3),
    "array split": (
        '<Patient {F}><name><given value="a"/><suffix value="b"/><given value="c"/></name></Patient>',
        "Patient.name[0].given[1]",
        1,
    ),
    "repeated single element": (
        '<Patient {F}><gender value="male"/><gender value="male"/></Patient>',
        "Patient.gender",
        1,
    ),
    "empty element": ("<Patient {F}><name/></Patient>", "Patient.name[0]", 1),
    "empty primitive": ("<Patient {F}><active/></Patient>", "Patient.active", 1),
    "empty value": ('<Patient {F}><gender value=""/></Patient>', "Patient.gender", 1),
    "blank code": ('<Patient {F}><gender value="  "/></Patient>', "Patient.gender", 1),
    "text": ("<Patient {F}><name>\nAda</name></Patient>", "Patient.name[0]", 1),
    "text behind an element": ('<Patient {F}><name><text value="A"/>\nAda</name></Patient>', "Patient.name[0]", 1),
    "not a boolean": ('<Patient {F}><active value="yes"/></Patient>', "Patient.active", 1),
    "not a number": (
        '<Observation {F}><valueQuantity><value value="+1"/></valueQuantity></Observation>',
        "Observation.value.ofType(Quantity).value",
        1,
    ),
    "leading zero": (
        '<Observation {F}><valueInteger value="01"/></Observation>',
        "Observation.value.ofType(integer)",
        1,
    ),
    "other namespace": ('<Patient {F}><active xmlns="urn:x" value="true"/></Patient>', "Patient.active", 1),
    "div outside XHTML": (
        '<Patient {F}><text><status value="empty"/><div>a</div></text></Patient>',
        "Patient.text.div",
        1,
    ),
    "foreign markup in a narrative": (
        '<Patient {F}><text><div {X}>a<svg xmlns="http://www.w3.org/2000/svg"/></div></text></Patient>',
        "Patient.text.div",
        1,
    ),
    "two resources": (
        "<Patient {F}><contained><Device/><Device/></contained></Patient>",
        "Patient.contained[0]",
        1,
    ),
    "no resource": ("<Bundle {F}><entry><resource/></entry></Bundle>", "Bundle.entry[0].resource", 1),
    "inside a contained resource": (
        '<Bundle {F}><entry><resource><Patient>\n<name><text value="A"/></name><name><x/></name></Patient>'
        "</resource></entry></Bundle>",
        "Bundle.entry[0].resource.name[1].x",
        2,
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_from_xml_refuses(name: str) -> None:
    document, expression, line = WRONG[name]
    with pytest.raises(FhirError) as caught:
        from_xml(document.replace("{F}", F).replace("{X}", X).encode())
    issue = caught.value.issues[0]
    assert caught.value.failure is Failure.MALFORMED
    assert (issue.severity, issue.expression, issue.location) == ("error", (expression,), (f"line {line}",))
    assert issue.diagnostics.startswith(f"{expression}: ") or expression in issue.diagnostics


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (f"<Patientt {F}/>", "Patientt"),
        ("<Patient/>", "namespace"),
        (f"<DomainResource {F}/>", "DomainResource"),
        ('<Patient xmlns="http://hl7.org/fhir">', "not well-formed"),
        ("", "not well-formed"),
        ("{}", "not well-formed"),
        (f"<Patient {F}>&nbsp;</Patient>", "nbsp"),
    ],
)
def test_from_xml_refuses_what_is_no_resource(document: str, word: str) -> None:
    with pytest.raises(FhirError) as caught:
        from_xml(document.encode())
    assert caught.value.status == 400
    assert word in caught.value.issues[0].diagnostics


def test_from_xml_reports_everything_at_once() -> None:
    with pytest.raises(FhirError) as caught:
        from_xml(f'<Patient {F}><shoe value="1"/><active value="ja"/><gender value=""/></Patient>'.encode())
    assert [i.expression for i in caught.value.issues] == [("Patient.shoe",), ("Patient.active",), ("Patient.gender",)]


def test_from_xml_stops_after_many_issues() -> None:
    with pytest.raises(FhirError) as caught:
        from_xml(f"<Patient {F}>{'<shoe/>' * 5000}</Patient>".encode())
    assert len(caught.value.issues) == 50


def test_from_xml_says_once_what_is_wrong_inside_an_element() -> None:
    with pytest.raises(FhirError) as caught:
        from_xml(f"<Patient {F}><name><shoe/></name></Patient>".encode())
    assert [i.expression for i in caught.value.issues] == [("Patient.name[0].shoe",)]


@pytest.mark.parametrize(
    ("resource", "expression", "word"),
    [
        ({"resourceType": "Patient", "name": [{"text": "a\x00"}]}, "Patient.name[0].text", "U+0000"),
        ({"resourceType": "Patient", "name": [{"text": "\ud800"}]}, "Patient.name[0].text", "U+D800"),
        ({"resourceType": "Patient", "name": [{"text": "a\uffff"}]}, "Patient.name[0].text", "U+FFFF"),
        ({"resourceType": "Patient", "shoe": 1}, "Patient", "shoe"),
        ({"resourceType": "Patient", "_name": [{}]}, "Patient", "_name"),
        ({"resourceType": "Patient", "name": []}, "Patient.name", "array"),
        ({"resourceType": "Patient", "name": [{}]}, "Patient.name[0]", "empty"),
        ({"resourceType": "Patient", "name": {"text": "a"}}, "Patient.name", "array"),
        ({"resourceType": "Patient", "gender": ["male"]}, "Patient.gender", "string"),
        ({"resourceType": "Patient", "active": "true"}, "Patient.active", "true or false"),
        ({"resourceType": "Patient", "birthDate": None}, "Patient.birthDate", "null"),
        ({"resourceType": "Patient", "birthDate": ""}, "Patient.birthDate", "empty"),
        ({"resourceType": "Patient", "name": [{"given": [None]}]}, "Patient.name[0].given[0]", "null"),
        ({"resourceType": "Patient", "name": [{"id": "\x01", "text": "a"}]}, "Patient.name[0].id", "U+0001"),
        ({"resourceType": "Patient", "multipleBirthInteger": True}, "Patient.multipleBirth.ofType(integer)", "number"),
        (
            {"resourceType": "Observation", "valueQuantity": {"value": Decimal("NaN")}},
            "Observation.value.ofType(Quantity).value",
            "finite",
        ),
        ({"resourceType": "Patient", "contained": [{"resourceType": "X"}]}, "Patient.contained[0]", "resource"),
        ({"resourceType": "Patient", "text": {"div": "<div>"}}, "Patient.text.div", "well-formed"),
        ({"resourceType": "Patient", "text": {"div": "<p/>"}}, "Patient.text.div", "no div"),
        ({"resourceType": "Patient", "text": {"div": "<?x?><div/>"}}, "Patient.text.div", "processing instruction"),
        (
            {"resourceType": "Patient", "text": {"div": '<?xml version="1.0"?><div/>'}},
            "Patient.text.div",
            "declaration",
        ),
        ({"resourceType": "Patient", "text": {"div": "<!DOCTYPE div><div/>"}}, "Patient.text.div", "DOCTYPE"),
        ({"resourceType": "Patient", "text": {"div": "<div/></text>"}}, "Patient.text.div", "well-formed"),
        ({"resourceType": "Patient", "text": {"div": "<div>" * 65 + "</div>" * 65}}, "Patient.text.div", "64 levels"),
        ({"resourceType": "Nothing"}, "Nothing", "no resource"),
    ],
)
def test_to_xml_names_what_xml_cannot_carry(resource: Any, expression: str, word: str) -> None:
    with pytest.raises(FhirError) as caught:
        to_xml(resource)
    assert caught.value.failure is Failure.NOT_ACCEPTABLE
    assert caught.value.issues[0].expression == (expression,)
    assert caught.value.issues[0].diagnostics.startswith(expression)
    assert word in caught.value.issues[0].diagnostics


@pytest.mark.parametrize(
    ("sent", "served"),
    [
        ("<div>a</div>", f"<div {X}>a</div>"),
        (f"<div {X}><td></td><br></br><a name='n'/></div>", f'<div {X}><td></td><br/><a name="n"></a></div>'),
        (f"<div {X}>&#160;&#x26;<![CDATA[<]]>></div>", f"<div {X}>\u00a0&amp;&lt;&gt;</div>"),
        ('<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>a</h:p></h:div>', f"<div {X}><p>a</p></div>"),
        (f'<div {X} xml:lang="de" title="&quot;&#10;">a<!-- b -->c</div>',) * 2,
    ],
)
def test_narrative_comes_back_in_one_form(sent: str, served: str) -> None:
    resource = {"resourceType": "Patient", "text": {"status": "additional", "div": sent}}
    assert from_xml(to_xml(resource))["text"]["div"] == served
