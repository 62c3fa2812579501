"""The example hospital: organisations, places, staff and the lifestyle form, loaded before any patient.

https://hl7.org/fhir/R4/organization.html, https://hl7.org/fhir/R4/location.html,
https://hl7.org/fhir/R4/practitioner.html, https://hl7.org/fhir/R4/practitionerrole.html
"""

from dataclasses import dataclass
from typing import Final

from fhirhub.demo.codes import HL7, Json, Text, coding, concept, identifier, inside, resource
from fhirhub.demo.lifestyle import questionnaire
from fhirhub.demo.scripts import pinyin_name, spoken_language, written_name

HOSPITAL: Final = "demo-hospital"
CHECKUP_CENTRE: Final = "demo-checkup-centre"
LABORATORY: Final = "demo-laboratory"
SITE: Final = "demo-site"
EXAMINATION_ROOM: Final = "demo-room-examination"
BLOOD_ROOM: Final = "demo-room-blood"

HOSPITAL_NAME: Final = Text("Example Hospital", "示例医院")
CHECKUP_CENTRE_NAME: Final = Text("Example Hospital Checkup Centre", "示例医院体检中心")
LABORATORY_NAME: Final = Text("Example Hospital Laboratory", "示例医院检验科")


@dataclass(frozen=True, slots=True)
class Employee:
    """A member of staff; `role` is a code of HL7's practitioner-role system."""

    id: str
    family: Text
    given: Text
    sex: str
    role: str
    work: Text
    organization: str = CHECKUP_CENTRE

    @property
    def name(self) -> str:
        """The name as the staff list shows it."""
        return f"{self.family.zh}{self.given.zh}" if self.chinese else f"{self.given.en} {self.family.en}"

    @property
    def chinese(self) -> bool:
        """Whether the name is written in Chinese."""
        return self.family.zh != self.family.en


def _english(word: str) -> Text:
    return Text(word, word)


_GENERAL: Final = Text("General practice", "全科医学")
_INTERNAL: Final = Text("Internal medicine", "内科")
_NURSING: Final = Text("Checkup nursing", "体检护理")
_CHEMISTRY: Final = Text("Clinical chemistry", "临床检验")

DOCTORS: Final = (
    Employee("demo-doctor-1", Text("Lin", "林"), Text("Wenhao", "文浩"), "male", "doctor", _GENERAL),
    Employee("demo-doctor-2", Text("Zhao", "赵"), Text("Jingyi", "静怡"), "female", "doctor", _INTERNAL),
    Employee("demo-doctor-3", _english("Bennett"), _english("Alice"), "female", "doctor", _GENERAL),
    Employee("demo-doctor-4", Text("Song", "宋"), Text("Guohua", "国华"), "male", "doctor", _INTERNAL),
)
NURSES: Final = (
    Employee("demo-nurse-1", Text("He", "何"), Text("Yuting", "雨婷"), "female", "nurse", _NURSING),
    Employee("demo-nurse-2", _english("Turner"), _english("Samuel"), "male", "nurse", _NURSING),
)
CHEMISTS: Final = (
    Employee("demo-chemist-1", Text("Xu", "徐"), Text("Ning", "宁"), "female", "doctor", _CHEMISTRY, LABORATORY),
)
STAFF: Final = (*DOCTORS, *NURSES, *CHEMISTS)

_ADDRESS: Final = {
    "use": "work",
    "text": "示例省示例市示范区示例中路1号",
    "line": ["示例中路1号"],
    "city": "示例市",
    "district": "示范区",
    "state": "示例省",
    "country": "CN",
}


def facility_resources() -> list[Json]:
    """Every resource of the hospital; those referred to stand before those that refer."""
    return [
        *_organizations(),
        *_locations(),
        *(_practitioner(employee) for employee in STAFF),
        *(_role(employee) for employee in STAFF),
        questionnaire(),
    ]


def _organizations() -> list[Json]:
    return [
        _organization(HOSPITAL, HOSPITAL_NAME, coding(f"{HL7}organization-type", "prov", "Healthcare Provider"), None),
        _organization(
            CHECKUP_CENTRE,
            CHECKUP_CENTRE_NAME,
            coding(f"{HL7}organization-type", "dept", "Hospital Department"),
            HOSPITAL,
        ),
        _organization(
            LABORATORY, LABORATORY_NAME, coding(f"{HL7}organization-type", "dept", "Hospital Department"), HOSPITAL
        ),
    ]


def _organization(logical_id: str, name: Text, kind: Json, parent: str | None) -> Json:
    return resource(
        "Organization",
        logical_id,
        identifier=[identifier("organizations", logical_id.removeprefix("demo-"))],
        active=True,
        type=[{"coding": [kind]}],
        **name.with_translation("name"),
        alias=[name.zh],
        telecom=[{"system": "phone", "value": "+86 000 0000 0000", "use": "work"}],
        address=[dict(_ADDRESS)],
        partOf=None if parent is None else inside("Organization", parent),
    )


def _locations() -> list[Json]:
    return [
        _location(SITE, Text("Checkup Centre, building 1", "体检中心1号楼"), ("bu", "Building"), None),
        _location(EXAMINATION_ROOM, Text("Examination room 101", "101检查室"), ("ro", "Room"), SITE),
        _location(BLOOD_ROOM, Text("Blood collection room 102", "102采血室"), ("ro", "Room"), SITE),
    ]


def _location(logical_id: str, name: Text, kind: tuple[str, str], parent: str | None) -> Json:
    return resource(
        "Location",
        logical_id,
        identifier=[identifier("locations", logical_id.removeprefix("demo-"))],
        status="active",
        **name.with_translation("name"),
        alias=[name.zh],
        mode="instance",
        address=dict(_ADDRESS) if parent is None else None,
        physicalType=concept(f"{HL7}location-physical-type", *kind),
        managingOrganization=inside("Organization", CHECKUP_CENTRE),
        partOf=None if parent is None else inside("Location", parent),
    )


def _practitioner(employee: Employee) -> Json:
    names = [written_name(employee.name, employee.family.zh, (employee.given.zh,), employee.chinese)]
    if employee.chinese:
        names.append(pinyin_name(employee.family.en, employee.given.en))
    return resource(
        "Practitioner",
        employee.id,
        identifier=[identifier("staff", employee.id.removeprefix("demo-").upper())],
        active=True,
        name=names,
        gender=employee.sex,
        communication=[spoken_language(employee.chinese)],
    )


def _role(employee: Employee) -> Json:
    role_names = {"doctor": "Doctor", "nurse": "Nurse"}
    return resource(
        "PractitionerRole",
        f"{employee.id}-role",
        active=True,
        practitioner=inside("Practitioner", employee.id, employee.name),
        organization=inside("Organization", employee.organization),
        code=[concept(f"{HL7}practitioner-role", employee.role, role_names[employee.role])],
        specialty=[employee.work.with_translation("text")],
        location=[inside("Location", SITE)],
    )
