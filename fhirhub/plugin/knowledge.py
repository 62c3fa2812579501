"""What plugins need to know about FHIR data: units, times, ages, paths, operations of R4.

https://hl7.org/fhir/R4/ucum.html, https://hl7.org/fhir/R4/datatypes.html#dateTime,
https://hl7.org/fhir/R4/fhirpath.html
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final

from fhirhub.definitions import OperationParameter, r4
from fhirhub.fhirpath import compile_expression
from fhirhub.model.json import Json
from fhirhub.search import dates
from fhirhub.ucum import UcumError, convert, decimal_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS: Final = 15


def convert_quantity(value: Decimal, unit: str, to: str, *, molar_mass: Decimal | None = None) -> Decimal | None:
    """Return a number of one UCUM unit as a number of another; None where that cannot be done.

    Arguments:
        value, unit: what is to be converted, with its case-sensitive UCUM code.
        to: the UCUM code of the result.
        molar_mass: of the substance in g/mol: leads from amounts of substance to masses and back (mg/dL, mmol/L).
    """
    for factor, bridge in ((Decimal(1), ""), (molar_mass, ".g/mol"), (molar_mass and 1 / molar_mass, ".mol/g")):
        if factor is None:
            continue
        try:
            return decimal_of(convert(value * factor, f"{unit}{bridge}", to), _DIGITS)
        except UcumError:
            continue
    return None


def date_range(text: str, zone: tzinfo = UTC) -> tuple[datetime, datetime] | None:
    """Return the first moment of a FHIR date, dateTime or instant and the first one after it; None: it is none.

    `2024` lasts a year, `2024-02-03` a day, `2024-02-03T10:00:00Z` a second.

    Arguments:
        zone: where dates are, and times that name no zone of their own.
    """
    found = dates.date_range(text, zone)
    if found is None:
        return None
    low, high = (_EPOCH + timedelta(microseconds=each) for each in found)
    return low, high


def age_at(birth_date: str, at: date) -> int | None:
    """Return full years of age on a day; None where the birth date does not tell, or the day is before it.

    Of a birth date without day or month, only an age that is the same for all its days is told. Who was born on 29
    February is a year older on 1 March of other years.
    """
    birth = date_range(birth_date)
    if birth is None:
        return None
    first, last = birth[0].date(), (birth[1] - timedelta(microseconds=1)).date()
    ages = {at.year - born.year - ((at.month, at.day) < (born.month, born.day)) for born in (first, last)}
    return ages.pop() if len(ages) == 1 and last <= at else None


def evaluate(expression: str, resource: Json, variables: Mapping[str, Any] | None = None) -> list[Any]:
    """Return the values a FHIRPath expression finds in a resource, as JSON has them.

    Raises FhirPathError: the expression is none, or cannot be evaluated on this resource.
    """
    compiled = compile_expression(expression, resource.get("resourceType"))
    return [node.value for node in compiled.evaluate(resource, variables=variables or {})]


def r4_compartment(name: str) -> Mapping[str, tuple[str, ...]]:
    """Return the resource types that can belong to a `Patient`, `Encounter`, ..., and the parameters that say so.

    A type that stands for the owner itself has `{def}` among them. Raises KeyError: there is no such compartment.
    """
    return r4().compartments[name].members


def r4_resource_types() -> tuple[str, ...]:
    """Return the names of the resource types of R4."""
    return r4().resource_types


def r4_operation(name: str) -> Json:
    """Return an OperationDefinition of R4 by its id, such as `Patient-everything`. Raises KeyError."""
    found = r4().operations[name]
    return {
        "resourceType": "OperationDefinition",
        "id": name,
        "url": found.url,
        "name": found.name,
        "status": "active",
        "kind": "operation",
        "code": found.code,
        "affectsState": found.affects_state,
        "resource": list(found.resource),
        "system": found.system,
        "type": found.type,
        "instance": found.instance,
        "description": found.description,
        "parameter": [_parameter(each) for each in found.parameters],
    }


def _parameter(row: OperationParameter) -> Json:
    found: Json = {"name": row.name, "use": row.use, "min": row.min}
    found["max"] = "*" if row.max is None else str(row.max)
    if row.type is not None:
        found["type"] = row.type
    if row.target_profiles:
        found["targetProfile"] = list(row.target_profiles)
    if row.search_type is not None:
        found["searchType"] = row.search_type
    if row.parts:
        found["part"] = [_parameter(each) for each in row.parts]
    if row.documentation:
        found["documentation"] = row.documentation
    return found
