"""The public API of plugins: all that a plugin may import of fhirhub, next to `fhirhub.plugin.testing` in its tests.

docs/plugins/README.md; https://hl7.org/fhir/R4/http.html
"""

from typing import Final

from fhirhub.errors import Failure, FhirError, Issue, operation_outcome
from fhirhub.fhirpath import FhirPathError
from fhirhub.model.agent import ANONYMOUS, SYSTEM, Agent
from fhirhub.model.json import Json
from fhirhub.model.json import decode as decode_json
from fhirhub.model.json import encode as encode_json
from fhirhub.plugin.contributions import (
    Channel,
    Command,
    Format,
    Job,
    JobRun,
    LeaseLost,
    Notification,
    Operation,
    OperationCall,
    OperationResult,
    Page,
    PageRequest,
    PageResponse,
)
from fhirhub.plugin.difference import difference
from fhirhub.plugin.hookspecs import hook
from fhirhub.plugin.hub import Hub, Query, Reader
from fhirhub.plugin.knowledge import (
    age_at,
    convert_quantity,
    date_range,
    evaluate,
    r4_compartment,
    r4_operation,
    r4_resource_types,
)
from fhirhub.plugin.records import Answered, Change, Interaction

API_VERSION: Final = "1.0"
"""A manifest names the version it was written for: another major version, or a later minor one, is refused."""

__all__ = [
    "ANONYMOUS",
    "API_VERSION",
    "SYSTEM",
    "Agent",
    "Answered",
    "Change",
    "Channel",
    "Command",
    "Failure",
    "FhirError",
    "FhirPathError",
    "Format",
    "Hub",
    "Interaction",
    "Issue",
    "Job",
    "JobRun",
    "Json",
    "LeaseLost",
    "Notification",
    "Operation",
    "OperationCall",
    "OperationResult",
    "Page",
    "PageRequest",
    "PageResponse",
    "Query",
    "Reader",
    "age_at",
    "convert_quantity",
    "date_range",
    "decode_json",
    "difference",
    "encode_json",
    "evaluate",
    "hook",
    "operation_outcome",
    "r4_compartment",
    "r4_operation",
    "r4_resource_types",
]
