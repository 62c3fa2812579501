"""The searches that the R4 specification shows, line by line, with what each has to find among a few resources.

https://hl7.org/fhir/R4/search.html, https://hl7.org/fhir/R4/search_filter.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

ALL: Final = "*"
"""Every resource of the type there is."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page.

    Arguments:
        shown: the search as the page shows it, without `[base]/`.
        finds: the ids of the matches, or `Type/id` for includes and where types mix; `ALL`; in order when `ordered`.
        refused: what the diagnostics have to say where the search must not be answered.
        sent: what is sent in its place, for the reason `because` gives: a name that R4 does not define, an ellipsis.
    """

    shown: str
    finds: str | None = None
    refused: str | None = None
    sent: str | None = None
    because: str = ""
    ordered: bool = False


def _unnamed(code: str, instead: str) -> str:
    return f"R4 has no parameter {code} there; {instead} plays its part."


_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
_ACME: Final = "http://acme.org/fhir/ValueSet"
_UCUM: Final = "http://unitsofmeasure.org"
_ALIKE: Final = "MedicationDispense?_include=MedicationDispense:prescription&_include:iterate=MedicationRequest"

PAGE: Final[Mapping[str, tuple[Line, ...]]] = MappingProxyType(
    {
        "errors": (
            Line("Observation?subject=101", ""),
            Line("Observation?patient.identifier=http://example.com/fhir/identifier/mrn|123456", ""),
            Line("Observation?code=loinc|1234-1", ""),
            Line("Condition?onset=le1995", refused="onset-date"),
            Line("Condition?onset=le1995", "ha125", sent="Condition?onset-date=le1995", because="R4: onset-date"),
            Line("Condition?onset:text=1995", refused="onset"),
            Line(
                "Condition?onset:text=1995",
                refused="text",
                sent="Condition?onset-date:text=1995",
                because="R4: onset-date",
            ),
            Line(
                "Condition?onset=23%20May%202009",
                refused="23 May",
                sent="Condition?onset-date=23%20May%202009",
                because="R4: onset-date",
            ),
        ),
        "all": (
            Line("Patient?_id=23", "23"),
            Line("Observation?_lastUpdated=gt2010-10-01", ALL),
            Line("Condition?_tag=http://acme.org/codes|needs-review", "ha125"),
            Line("DiagnosticReport?_profile=http://hl7.org/fhir/StructureDefinition/lipid", "lipid"),
            Line("DiagnosticReport?_profile=Profile/lipid", "local"),
        ),
        "number": (
            Line("RiskAssessment?probability=gt0.8", "likely"),
            Line("RiskAssessment?probability=gt8e-1", "likely"),
            Line("ImmunizationRecommendation?dose-number=2", refused="dose-number"),
            Line(
                "ImmunizationRecommendation?dose-number=2",
                "two",
                sent="MolecularSequence?variant-start=2",
                because=_unnamed("dose-number", "variant-start"),
            ),
        ),
        "date": (Line("Patient/23/Procedure?date=ge2010-01-01&date=le2011-12-31", "ward"),),
        "string": (
            Line("Patient?given=eve", "42 evelyn"),
            Line("Patient?given:contains=eve", "42 evelyn severine"),
            Line("Patient?given:exact=Eve", "42"),
        ),
        "uri": (
            Line(f"ValueSet?url={_ACME}/123", "123"),
            Line("ValueSet?url:below=http://acme.org/fhir/", "123 124 cardiac"),
            Line(f"ValueSet?url:above={_ACME}/123/_history/5", "123"),
            Line("ValueSet?url=urn:oid:1.2.3.4.5", "oid"),
        ),
        "token": (
            Line("Patient?identifier=http://acme.org/patient|2345", "23"),
            Line("Patient?gender=male", "23"),
            Line("Patient?gender:not=male", "42 evelyn severine petra"),
            Line("Composition?section=48765-2", "allergies"),
            Line("Composition?section:not=48765-2", "family"),
            Line("Patient?active=true", "23"),
            Line("Condition?code=http://acme.org/conditions/codes|ha125", "ha125"),
            Line("Condition?code=ha125", "ha125 elsewhere"),
            Line("Condition?code:text=headache", "ha125 liver"),
            Line("Condition?code:in=http%3A%2F%2Fsnomed.info%2Fsct%3Ffhir_vs%3Disa%2F126851005", refused="126851005"),
            Line("Condition?code:below=126851005", refused="below"),
            Line(f"Condition?code:in={_ACME}/cardiac-conditions", "ha125"),
            Line(
                "Patient?identifier:otype=http://terminology.hl7.org/CodeSystem/v2-0203|MR|446053",
                "severine",
                sent="Patient?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|446053",
                because="The page misspells its own modifier.",
            ),
            Line("Patient?identifier:otype=http://terminology.hl7.org/CodeSystem/v2-0203|MR|446053", refused="otype"),
        ),
        "mimetype": (
            Line("DocumentReference?contenttype=text/xml", "bare"),
            Line("DocumentReference?contenttype:below=text/xml", "bare charset"),
        ),
        "quantity": (
            Line(f"Observation?value-quantity=5.4|{_UCUM}|mg", "of-23 absolute"),
            # 0.0054 g and 5.4 mg are one amount; [5.395, 5.405) mg is what three digits leave.
            Line(f"Observation?value-quantity=5.40e-3|{_UCUM}|g", "of-23 absolute"),
            Line("Observation?value-quantity=5.4||mg", "of-23 both"),
            Line("Observation?value-quantity=5.4", "of-23 both potassium-low"),
            Line(f"Observation?value-quantity=le5.4|{_UCUM}|mg", "of-23 absolute"),
            Line(f"Observation?value-quantity=ap5.4|{_UCUM}|mg", "of-23 absolute mrn"),
        ),
        "reference": (
            Line("Observation?subject=Patient/23", "of-23 absolute"),
            Line("Observation?subject:Patient=23", "of-23 absolute"),
            Line("Observation?subject:identifier=http://acme.org/fhir/identifier/mrn|123456", "mrn"),
        ),
        "versions": (
            Line("Observation?definition:below=http:http://acme.com/some-profile", refused="definition"),
            Line(
                "Observation?definition:below=http:http://acme.com/some-profile",
                "v1-0 v1-1 v2-0",
                sent="ServiceRequest?instantiates-canonical:below=http://acme.com/some-profile",
                because=_unnamed("definition", "instantiates-canonical"),
            ),
            Line(
                "Observation?definition:below=http:http://acme.com/some-profile|1",
                "v1-0 v1-1",
                sent="ServiceRequest?instantiates-canonical:below=http://acme.com/some-profile|1",
                because=_unnamed("definition", "instantiates-canonical"),
            ),
        ),
        "recursive": (
            Line("Procedure?location:below=42", "ward bed"),
            Line(
                "MedicationAdministration?encounter:above=21",
                "ward bed",
                sent="Procedure?encounter:above=Encounter/21",
                because=_unnamed("encounter", "that of Procedure"),
            ),
        ),
        "chaining": (
            Line("DiagnosticReport?subject.name=peter", "high"),
            Line("DiagnosticReport?subject:Patient.name=peter", "high"),
            Line("Patient?general-practitioner.name=Joe&general-practitioner.address-state=MN", "23"),
        ),
        "has": (
            Line("Patient?_has:Observation:patient:code=1234-5", "23"),
            Line("Patient?_has:Observation:patient:code=123,456", "23 42"),
            Line("Patient?_has:Observation:patient:code=123&_has:Observation:patient:code=456", "42"),
            Line("Patient?_has:Observation:patient:_has:AuditEvent:entity:user=MyUserId", refused="user"),
            Line(
                "Patient?_has:Observation:patient:_has:AuditEvent:entity:user=MyUserId",
                "23",
                sent="Patient?_has:Observation:patient:_has:AuditEvent:entity:altid=MyUserId",
                because=_unnamed("user", "altid"),
            ),
        ),
        "combining": (
            Line("Patient?language=FR&language=NL", "23"),
            Line("Patient?language=FR,NL", "23 42 evelyn"),
            Line("Condition?code:text=this,that", ""),
            Line("Patient?language=FR,NL&language=EN", "42"),
            Line("Group?characteristic-value=gender$mixed,owner$Eve", "mixed eves"),
            Line(
                "DiagnosticReport?result.code-value-quantity=http://loinc.org|2823-3$gt5.4|http://unitsofmeasure.org"
                "|mmol/L",
                "high",
            ),
            Line("Observation?component-code-value-quantity=http://loinc.org|8480-6$lt60", "low-systolic"),
            Line("Group?characteristic-value=gender$mixed", "mixed"),
            Line("Questionnaire?context-type-value=focus$http://snomed.info/sct|408934002", "abuse"),
        ),
        "missing": (
            Line(f"AllergyIntolerance?clinical-status={_CLINICAL}|active", "active"),
            Line("AllergyIntolerance?clinical-status:missing=true", "unsaid"),
            Line(f"AllergyIntolerance?clinical-status={_CLINICAL}|active&clinical-status:missing=true", ""),
        ),
        "escaping": (
            Line("Observation?code=a,b", "a b"),
            Line("Observation?code=a\\,b", "comma"),
            Line(f"ValueSet?url={_ACME}/123,{_ACME}/124,125", "123"),
            Line(f"ValueSet?url={_ACME}/123,{_ACME}/124%2CValueSet/125", "123"),
            Line(f"ValueSet?url={_ACME}/123,{_ACME}/124\\,125", "123 124"),
            Line("Observation?code=xx\\xx", refused="backslash"),
        ),
        "text": (Line("Condition?_text=(bone OR liver) and metastases", "ha125 liver"),),
        "list": (
            Line("Patient?_list=42", "23 42"),
            Line("Patient?_list=42&gender=female", "42"),
            Line("AllergyIntolerance?patient=42&_list=$current-allergies", refused="functional lists"),
        ),
        "filter": (
            Line("Observation?code=http://loinc.org|1234-5&subject.name=peter", "of-23"),
            Line(
                'Observation?_filter=code eq http://loinc.org|1234-5 and subject.name co "peter"',
                "of-23",
            ),
        ),
        "type": (
            Line(
                "?_type=Observation,Condition&other params...",
                "Condition/ha125",
                sent="?_type=Observation,Condition&_tag=http://acme.org/codes|needs-review",
            ),
            Line(
                "?_type=Observation,Condition&other params...",
                "Condition/elsewhere Condition/ha125",
                sent="?_type=Observation,Condition&code=ha125",
            ),
        ),
        "sort": (
            Line(
                "Observation?_sort=status,-date,category",
                "later comma",
                ordered=True,
                sent="Observation?_sort=status,-date,category&_count=2",
                because="Two rows tell the order.",
            ),
        ),
        "include": (
            Line("MedicationRequest?_include=MedicationRequest:patient", "23 plain Patient/23"),
            Line("MedicationRequest?_revinclude=Provenance:target", "23 plain Provenance/of-23"),
            Line(f"{_ALIKE}:performer&criteria...", refused="performer", sent=f"{_ALIKE}:performer"),
            Line(
                f"{_ALIKE}:performer&criteria...",
                "given MedicationRequest/plain Practitioner/joe",
                sent=f"{_ALIKE}:requester",
                because=_unnamed("performer", "requester"),
            ),
            Line(
                "Observation?_include=Observation:related-target&criteria...",
                "a Observation/b",
                sent="Observation?_include=Observation:has-member&code=a",
                because=_unnamed("related-target", "has-member"),
            ),
            Line(
                "Observation?_include:iterate=Observation:related-target&criteria...",
                "a Observation/b Observation/of-23",
                sent="Observation?_include:iterate=Observation:has-member&code=a",
                because=_unnamed("related-target", "has-member"),
            ),
        ),
        "contained": (
            Line("MedicationRequest?medication.ingredient-code=abc", "23"),
            Line("Medication?ingredient-code=abc", ""),
            Line("Medication?ingredient-code=abc&_contained=true", "MedicationRequest/23"),
            Line("Medication?ingredient-code=abc&_contained=true&_containedType=contained", "MedicationRequest/23#m1"),
        ),
        "summary": (Line("ValueSet?_summary=true", ALL),),
        "elements": (Line("Patient?_elements=identifier,active,link", ALL),),
        "query": (Line("Patient?_query=name&parameters...", refused="_query", sent="Patient?_query=name"),),
        "search_filter": (
            Line('Patient?_filter=name co "pet"', "23 petra"),
            Line('Patient?_filter=given eq "peter" and birthdate ge 2014-10-10', "23"),
            Line("Observation?_filter=code eq http://loinc.org|1234-5", "of-23 mrn"),
            Line(
                'Observation?_filter=subject.name co "pet"',
                "of-23 absolute",
            ),
            Line('Observation?_filter=related[type eq "has-component"].target pr true', refused="related"),
            Line("Observation?_filter=related[type eq has-component].target re Observation/4", refused="related"),
            Line("Observation?_filter=has-member re Observation/b", "a"),
            Line("Observation?_filter=code eq loinc|1234-5", "of-23 mrn"),
            Line("Patient?_filter=not (gender eq female) and active pr false", "evelyn petra"),
            Line('Patient?_filter=given sw "eve" or given ew "rine"', "42 evelyn severine"),
            Line("Patient?_filter=gender eq male or gender eq female and active pr true", "23 severine"),
            Line("Patient?_filter=gender eq male or (gender eq female and active pr false)", "23 42"),
            Line(f"Condition?_filter=code in {_ACME}/cardiac-conditions", "ha125"),
        ),
    }
)
"""By the anchor of the paragraph."""
