"""XML that attacks its reader: https://hl7.org/fhir/R4/security.html#narrative."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhirhub.errors import FhirError
from fhirhub.http.xml import from_xml, to_xml
from fhirhub.model.json import encode_canonical

F = 'xmlns="http://hl7.org/fhir"'
SECRET = "secret-of-the-host"


def _lol() -> str:
    entities = '<!ENTITY a0 "lol">' + "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
    return f'<!DOCTYPE Patient [{entities}]><Patient {F}><name><text value="&a9;"/></name></Patient>'


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE Patient SYSTEM "file://{file}"><Patient {F}/>',
        '<!DOCTYPE Patient [<!ENTITY x SYSTEM "file://{file}">]><Patient {F}><active value="&x;"/></Patient>',
        '<!DOCTYPE Patient [<!ENTITY x SYSTEM "file://{file}">]><Patient {F}><text><div>&x;</div></text></Patient>',
        '<!DOCTYPE Patient [<!ENTITY % x SYSTEM "file://{file}"> %x;]><Patient {F}/>',
        '<?xml version="1.0"?><!-- a --><!-- <b> --> \n<!DOCTYPE Patient><Patient {F}/>',
        "\ufeff<!DOCTYPE Patient><Patient {F}/>",
        _lol().replace("{", "{{").replace("}", "}}"),
    ],
)
def test_from_xml_refuses_a_doctype(document: str, tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_text(SECRET)
    with pytest.raises(FhirError) as caught:
        from_xml(document.replace("{file}", str(file)).replace("{F}", F).encode())
    assert "DOCTYPE" in caught.value.issues[0].diagnostics
    assert SECRET not in str(caught.value.issues)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037"])
@pytest.mark.parametrize("doctype", ["", '<!DOCTYPE Patient [<!ENTITY x "y">]>'])
def test_from_xml_refuses_other_encodings(encoding: str, doctype: str) -> None:
    document = f'<?xml version="1.0" encoding="{encoding}"?>{doctype}<Patient {F}><active value="true"/></Patient>'
    with pytest.raises(FhirError) as caught:
        from_xml(document.encode(encoding))
    assert caught.value.status == 400


def test_from_xml_refuses_a_declared_encoding_that_is_not_utf8() -> None:
    with pytest.raises(FhirError, match="UTF-8"):
        from_xml(f'<?xml version="1.0" encoding="ISO-8859-1"?><Patient {F}/>'.encode())


def test_from_xml_refuses_bytes_that_are_not_utf8() -> None:
    with pytest.raises(FhirError) as caught:
        from_xml(f'<Patient {F}><name>\n<text value="\xff"/></name></Patient>'.encode("latin-1"))
    assert caught.value.issues[0].location[0].startswith("line 2, column ")


@pytest.mark.parametrize(
    "document",
    ['<?xml-stylesheet href="a.xsl"?><Patient {F}/>', "<Patient {F}><?php x?></Patient>", "<Patient {F}/><?x?>"],
)
def test_from_xml_refuses_processing_instructions(document: str) -> None:
    with pytest.raises(FhirError, match="processing instruction"):
        from_xml(document.replace("{F}", F).encode())


@pytest.mark.parametrize("depth", [31, 32, 200, 5000])
def test_from_xml_refuses_deep_nesting(depth: int) -> None:
    inner = '<extension url="a">' * depth + '<valueCode value="c"/>' + "</extension>" * depth
    document = f"<Patient {F}>{inner}</Patient>".encode()
    if depth == 31:
        assert from_xml(document)["extension"][0]["url"] == "a"
        return
    with pytest.raises(FhirError) as caught:
        from_xml(document)
    assert "64 levels" in str(caught.value) or "not well-formed" in str(caught.value)


def test_from_xml_refuses_a_deep_narrative() -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml">' + "<p>" * 64 + "</p>" * 64 + "</div>"
    with pytest.raises(FhirError, match="64 levels"):
        from_xml(f"<Patient {F}><text>{div}</text></Patient>".encode())


def test_to_xml_refuses_deep_nesting() -> None:
    extension: dict[str, object] = {"url": "a", "valueCode": "c"}
    for _ in range(32):
        extension = {"url": "a", "extension": [extension]}
    with pytest.raises(FhirError, match="64 levels"):
        to_xml({"resourceType": "Patient", "extension": [extension]})


def test_narrative_cannot_break_out_of_its_element() -> None:
    evil = '<div xmlns="http://www.w3.org/1999/xhtml">a</div></text><active value="true"/><text><div>'
    with pytest.raises(FhirError):
        to_xml({"resourceType": "Patient", "text": {"div": evil}})


_PIECES = """
<Patient xmlns="http://hl7.org/fhir">|</Patient>|<name>|</name>|<text value="a"/>|<active value="true"/>|<text>|</text>
|<div xmlns="http://www.w3.org/1999/xhtml">|</div>|<p>x</p>|<contained>|</contained>|<extension url="u">|</extension>
|<valueInteger value="12"/>|<valueDecimal value="1e99999999999999"/>|<!-- c -->|<![CDATA[x]]>|&#0;|&amp;|&x;|<?p i?>
|<!DOCTYPE a>| |text|<Bundle>|</Bundle>|<entry>|</entry>|<resource>|</resource>|<given value="" id="g"/>|<x:y/>
|<a xmlns="">|<name><given id="g"/><given value="Ada"/></name>|<gender value="male"/>|<birthDate id="b"/>
"""
_fragments = st.lists(st.sampled_from([piece.strip("\n") for piece in _PIECES.split("|")]), max_size=14)


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(str.encode), _fragments.map(lambda f: "".join(f).encode())
    )
)
def test_from_xml_raises_nothing_but_fhir_errors(data: bytes) -> None:
    try:
        resource = from_xml(data)
    except FhirError as error:
        assert error.status == 400
        assert all(issue.diagnostics for issue in error.issues)
        return
    assert from_xml(to_xml(resource)) == resource


@settings(max_examples=300, deadline=None)
@given(_fragments)
def test_from_xml_reads_any_content_of_a_resource_or_refuses_it(fragments: list[str]) -> None:
    try:
        resource = from_xml(f"<Patient {F}>{''.join(fragments)}</Patient>".encode())
    except FhirError as error:
        assert error.status == 400
        return
    assert resource["resourceType"] == "Patient"
    assert from_xml(to_xml(resource, pretty=True)) == resource


_KEYS = ["resourceType", "id", "text", "div", "name", "_name", "given", "_given", "active", "contained", "x"]
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["Patient", "<div/>"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["id", "text", "name", "_birthDate", "birthDate", "active", "contained"]), _json)
)
def test_to_xml_writes_any_json_or_refuses_it(content: dict[str, object]) -> None:
    resource = {"resourceType": "Patient", **content}
    try:
        document = to_xml(resource)
    except FhirError as error:
        assert error.status == 406
        assert error.issues[0].expression[0].startswith("Patient")
        return
    again = to_xml(from_xml(document))
    assert encode_canonical(from_xml(again)) == encode_canonical(from_xml(document))
