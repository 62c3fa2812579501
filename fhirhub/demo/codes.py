"""Code systems of the demo data, bilingual texts, and small builders of FHIR data types.

https://hl7.org/fhir/R4/datatypes.html, https://hl7.org/fhir/R4/terminologies-systems.html

Everything is coded in LOINC, UCUM, ICD-10, ATC, CVX and HL7's own systems; SNOMED CT is left out because many countries
hold no licence for it.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

Json = dict[str, Any]

LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
ICD10: Final = "http://hl7.org/fhir/sid/icd-10"
ATC: Final = "http://www.whocc.no/atc"
CVX: Final = "http://hl7.org/fhir/sid/cvx"
HL7: Final = "http://terminology.hl7.org/CodeSystem/"
DEMO: Final = "https://fhirhub.example/demo"
"""Everything the demo names itself lies under this address; `.example` can never be registered (RFC 2606)."""
CHINESE_IDENTITY_CARD: Final = "urn:oid:2.16.156.10011.1.3"
DEMO_TAG: Final = {"system": f"{DEMO}/CodeSystem/origin", "code": "demo", "display": "Invented demo data"}
ZONE: Final = "+08:00"


@dataclass(frozen=True, slots=True)
class Text:
    """The same words in English and in Chinese."""

    en: str
    zh: str

    def pick(self, chinese: bool) -> str:
        """The words in the reader's language."""
        return self.zh if chinese else self.en

    def with_translation(self, element: str) -> Json:
        """The element in English with the Chinese words in the translation extension."""
        return {element: self.en, f"_{element}": {"extension": [translation("zh-CN", self.zh)]}}


def translation(language: str, content: str) -> Json:
    """https://hl7.org/fhir/R4/extension-translation.html"""
    return {
        "url": "http://hl7.org/fhir/StructureDefinition/translation",
        "extension": [{"url": "lang", "valueCode": language}, {"url": "content", "valueString": content}],
    }


def resource(resource_type: str, logical_id: str, profile: str | None = None, **elements: Any) -> Json:
    """A resource with its id and the tag every demo resource carries; elements that are None are left out."""
    meta: Json = {"tag": [dict(DEMO_TAG)]} if profile is None else {"profile": [profile], "tag": [dict(DEMO_TAG)]}
    body: Json = {"resourceType": resource_type, "id": logical_id, "meta": meta}
    for name, value in elements.items():
        if value is not None:
            body[name] = value
    return body


def coding(system: str, code: str, display: str) -> Json:
    """A Coding."""
    return {"system": system, "code": code, "display": display}


def concept(system: str, code: str, display: str, text: str | None = None) -> Json:
    """A CodeableConcept with one coding, and a text where the words shown to people differ from the display."""
    coded: Json = {"coding": [coding(system, code, display)]}
    if text is not None:
        coded["text"] = text
    return coded


def quantity(value: Decimal, unit: str, code: str, comparator: str | None = None) -> Json:
    """A Quantity in UCUM; `unit` is what people read, `code` the UCUM code."""
    measured: Json = {"value": value}
    if comparator is not None:
        measured["comparator"] = comparator
    return measured | {"unit": unit, "system": UCUM, "code": code}


def identifier(kind: str, value: str, use: str = "official") -> Json:
    """An identifier the demo hospital assigned; `kind` names the numbering."""
    return {"use": use, "system": f"{DEMO}/{kind}", "value": value}


def decimal(value: float, places: int) -> Decimal:
    """The number rounded to a fixed number of decimal places, trailing zeros kept."""
    return Decimal(f"{value:.{places}f}")


def urn(resource_type: str, logical_id: str) -> str:
    """The fullUrl of a demo resource: always the same for the same type and id."""
    return uuid5(NAMESPACE_URL, f"{DEMO}/{resource_type}/{logical_id}").urn


def inside(resource_type: str, logical_id: str, display: str | None = None) -> Json:
    """A Reference to another entry of the same Bundle, by its fullUrl."""
    return _reference(urn(resource_type, logical_id), display)


def stored(resource_type: str, logical_id: str, display: str | None = None) -> Json:
    """A Reference to a resource that an earlier Bundle brought to the server."""
    return _reference(f"{resource_type}/{logical_id}", display)


def _reference(target: str, display: str | None) -> Json:
    return {"reference": target} if display is None else {"reference": target, "display": display}
