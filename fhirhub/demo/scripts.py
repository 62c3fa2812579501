"""Names and languages of people who write in Chinese or in English.

https://hl7.org/fhir/R4/datatypes.html#HumanName, https://hl7.org/fhir/R4/extension-iso21090-en-representation.html
"""

from fhirhub.demo.codes import Json, concept


def written_name(text: str, family: str, given: tuple[str, ...], chinese: bool) -> Json:
    """The official HumanName in the bearer's own script; Chinese characters are marked as ideographic."""
    name: Json = {"use": "official", "text": text, "family": family, "given": list(given)}
    return {"extension": [_representation("IDE")], **name} if chinese else name


def pinyin_name(family: str, given: str) -> Json:
    """The same Chinese name in pinyin, marked as syllabic."""
    return {
        "extension": [_representation("SYL")],
        "use": "official",
        "text": f"{family} {given}",
        "family": family,
        "given": [given],
    }


def _representation(code: str) -> Json:
    """https://hl7.org/fhir/R4/extension-iso21090-en-representation.html"""
    return {"url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation", "valueCode": code}


def spoken_language(chinese: bool) -> Json:
    """The language as a CodeableConcept of BCP 47."""
    code, name = ("zh-CN", "Chinese (China)") if chinese else ("en-GB", "English (Great Britain)")
    return concept("urn:ietf:bcp:47", code, name)
