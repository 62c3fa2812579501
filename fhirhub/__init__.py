"""fhirhub: a FHIR R4 (4.0.1) server. https://hl7.org/fhir/R4/"""

__version__ = "0.1.0"
