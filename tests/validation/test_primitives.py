"""Primitive values, type by type: what passes, what does not."""

import time
from decimal import Decimal
from typing import Any

import pytest

from fhirhub.model.json import decode
from fhirhub.validation import validate_resource
from fhirhub.validation.faults import Scope
from fhirhub.validation.primitives import primitive_check, usual_string
from fhirhub.validation.seen import Seen

EXTENSION_VALUE = {
    "boolean": "valueBoolean",
    "integer": "valueInteger",
    "unsignedInt": "valueUnsignedInt",
    "positiveInt": "valuePositiveInt",
    "decimal": "valueDecimal",
    "string": "valueString",
    "markdown": "valueMarkdown",
    "code": "valueCode",
    "id": "valueId",
    "uri": "valueUri",
    "url": "valueUrl",
    "canonical": "valueCanonical",
    "oid": "valueOid",
    "uuid": "valueUuid",
    "date": "valueDate",
    "dateTime": "valueDateTime",
    "instant": "valueInstant",
    "time": "valueTime",
    "base64Binary": "valueBase64Binary",
}

UUID = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"

RIGHT: dict[str, list[Any]] = {
    "boolean": [True, False],
    "integer": [0, -1, 2**31 - 1, -(2**31)],
    "unsignedInt": [0, 2**31 - 1],
    "positiveInt": [1, 2**31 - 1],
    "decimal": [
        0,
        -1,
        Decimal("1.50"),
        Decimal("-0.00"),
        Decimal("1E-22"),
        Decimal("1E+245"),
        10**33,
        Decimal("0." + "1" * 33),
    ],
    "string": ["a", " a ", "王小明", "line\r\nand\ttab", "\x7f", "a\u00a0b", "😀", "x" * 2**20],
    "markdown": ["# a\n\n* b"],
    "code": ["a", "a b c", "a-b", "A\u00a0"],
    "id": ["a", "A-1.b", "x" * 64],
    "uri": [
        "http://e.org/a?b=c#d",
        "urn:a:b",
        "relative/path",
        UUID,
        UUID.upper().replace("URN:UUID", "urn:uuid"),
        "http://e.org/名",
    ],
    "url": ["https://e.org", "mailto:a@e.org"],
    "canonical": ["http://e.org/p|1.0.0", "#contained"],
    "oid": ["urn:oid:1.2.840.10008", "urn:oid:0.0"],
    "uuid": [UUID],
    "date": ["2024", "2024-02", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31", "1850-12-31"],
    "dateTime": [
        "2024",
        "2024-02",
        "2024-02-29",
        "2024-02-29T23:59:59Z",
        "2024-12-31T23:59:60Z",
        "2024-02-29T00:00:00.123456789+14:00",
        "1750-06-30T12:00:00-05:00",
    ],
    "instant": ["2024-02-29T23:59:59.1Z", "2024-02-28T23:59:59+08:00"],
    "time": ["00:00:00", "23:59:59.999", "23:59:60"],
    "base64Binary": ["AAAA", "AA==", "AAA=", "AAAA\r\nAAAA", " AA A A"],
}

WRONG: dict[str, list[Any]] = {
    "boolean": ["true", 0, 1, Decimal("1.0")],
    "integer": [2**31, -(2**31) - 1, Decimal("1.0"), Decimal("1E2"), "1", True],
    "unsignedInt": [-1, 2**31],
    "positiveInt": [0, -1, 2**31],
    "decimal": [
        "1",
        True,
        1.5,
        10**34,
        Decimal("1E308"),
        Decimal("1E-308"),
        Decimal("0." + "1" * 35),
        Decimal("NaN"),
        Decimal("Infinity"),
    ],
    "string": ["", 1, "a\x00", "a\x08b", "\x1f", "\ud800", "\udfff", "\ufffe", "x" * (2**20 + 1)],
    "markdown": ["", "\x0b"],
    "code": ["", " a", "a ", "a  b", "a\tb", "a\n", 1],
    "id": ["", "a_b", "a/b", "x" * 65, "a\n", "é", "a b"],
    "uri": ["", "http://e.org/a b", " http://e.org", "http://e.org/\n", "a\u00a0b", 'a"b', "<a>", "a\x00"],
    "url": ["http://e.org/a b"],
    "canonical": ["http://e.org/p |1"],
    "oid": ["1.2.3", "urn:oid:3.1", "urn:oid:1.02", "urn:oid:1"],
    "uuid": ["c757873d-ec9a-4326-a141-556f43239520", UUID.upper(), UUID + "0"],
    "date": [
        "",
        "24",
        "0000",
        "2023-00",
        "2023-13",
        "2023-02-29",
        "2023-02-30",
        "2024-04-31",
        "1900-02-29",
        "2024-2-1",
        "20240201",
        "2024-02-01T10:00:00Z",
        "2024-02-01\n",
        "２０２４",
        "2024-W07-3",
        2024,
    ],
    "dateTime": [
        "2024-02-01T10:00:00",
        "2024-02-01T10:00Z",
        "2024-02-01T24:00:00Z",
        "2024-02-01 10:00:00Z",
        "2024-02-30T10:00:00Z",
        "2024-02-01T10:00:00+15:00",
        "2024-02-01T10:60:00Z",
        "2024-02-01T10:00:00.Z",
        "2024-02-01T10:00:00,5Z",
        "2024-02-01T10:00:00z",
    ],
    "instant": ["2024", "2024-02-01", "2024-02-01T10:00:00", "2023-02-29T10:00:00Z"],
    "time": ["24:00:00", "10:00", "10:00:00Z", "1:00:00", "10:00:61"],
    "base64Binary": ["", "A", "AAA", "AA=A", "=AAA", "AAAA=", "AAAA====", "AA==AAAA", "AAAA!", "AAA_", "é", "    ", 1],
}


def issues(type_name: str, value: Any) -> list[Any]:
    extension = {"url": "http://example.org/x", EXTENSION_VALUE[type_name]: value}
    return validate_resource({"resourceType": "Basic", "code": {"text": "x"}, "extension": [extension]})


@pytest.mark.parametrize(("type_name", "value"), [(name, value) for name, values in RIGHT.items() for value in values])
def test_right_value_passes(type_name: str, value: Any) -> None:
    assert issues(type_name, value) == []


@pytest.mark.parametrize(("type_name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_wrong_value_is_refused_at_its_element(type_name: str, value: Any) -> None:
    found = issues(type_name, value)

    assert [issue.expression for issue in found] == [(f"Basic.extension[0].value.ofType({type_name})",)]
    assert {(issue.severity, issue.code) for issue in found} <= {("error", "value"), ("error", "structure")}


def test_every_primitive_of_r4_is_tried() -> None:
    assert RIGHT.keys() == WRONG.keys() == EXTENSION_VALUE.keys()


@pytest.mark.parametrize("type_name", EXTENSION_VALUE)
def test_string_recognised_as_usual_is_one_the_check_accepts(type_name: str) -> None:
    scope = Scope({}, conditional_references=False)
    texts = {text for values in (*RIGHT.values(), *WRONG.values()) for text in values if isinstance(text, str)}
    check, recognises = primitive_check(type_name), usual_string(type_name)

    accepted = {text for text in texts if check(text, scope) is None}

    assert {text for text in texts if recognises(text)} <= accepted


def test_seen_strings_are_bounded_in_number_and_length() -> None:
    seen = Seen(most=10)
    texts = [str(number) for number in range(1000)]

    for text in (*texts, "x" * 97):
        seen.remember(text)

    recognised = [text for text in (*texts, "x" * 97) if seen.recognise(text)]
    assert 0 < len(recognised) <= 10
    assert recognised[-1] == texts[-1]


@pytest.mark.parametrize(
    "digits", ["1.50", "1E-22", "1.000000000000000000E-245", "-1.000000000000000000E+245", "1000000000000000000"]
)
def test_decimal_of_the_official_examples_passes_as_parsed(digits: str) -> None:
    source = '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":DIGITS}}'
    source = source.replace("DIGITS", digits)
    assert validate_resource(decode(source.encode())) == []


def test_id_of_a_resource_and_of_an_element_follow_their_own_rules() -> None:
    resource = {
        "resourceType": "Patient",
        "id": "a b",
        "name": [{"id": "a_b", "family": "A"}, {"id": "a b", "family": "B"}],
    }

    assert [issue.expression[0] for issue in validate_resource(resource)] == ["Patient.id", "Patient.name[1].id"]


HOSTILE = {
    "code": "a " * 100_000 + " ",
    "date": "0" * 500_000,
    "dateTime": "2024-02-01T10:00:00." + "0" * 500_000,
    "id": "x" * 500_000,
    "oid": "urn:oid:1" + ".1" * 250_000 + ".",
    "base64Binary": "AAAA " * 100_000 + "=",
    "uri": " " * 500_000,
}


@pytest.mark.parametrize("type_name", HOSTILE)
def test_hostile_text_is_refused_at_once(type_name: str) -> None:
    start = time.process_time()

    found = issues(type_name, HOSTILE[type_name])

    assert [issue.code for issue in found] == ["value"]
    assert time.process_time() - start < 1
