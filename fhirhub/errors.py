"""From a failure to its HTTP status and OperationOutcome: the one table and the one builder.

https://hl7.org/fhir/R4/http.html#Status-Codes, https://hl7.org/fhir/R4/operationoutcome.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, Literal

Severity = Literal["fatal", "error", "warning", "information"]


class Failure(Enum):
    """What can go wrong: HTTP status and the issue code of https://hl7.org/fhir/R4/valueset-issue-type.html."""

    MALFORMED = (400, "structure")
    INVALID = (400, "invalid")
    BAD_VALUE = (400, "value")
    NOT_SUPPORTED = (400, "not-supported")
    TOO_COSTLY = (400, "too-costly")
    UNAUTHENTICATED = (401, "login")
    FORBIDDEN = (403, "forbidden")
    UNKNOWN_TYPE = (404, "not-supported")
    NOT_FOUND = (404, "not-found")
    METHOD_NOT_ALLOWED = (405, "not-supported")
    NOT_ACCEPTABLE = (406, "not-supported")
    CONFLICT = (409, "conflict")
    DELETED = (410, "deleted")
    PRECONDITION_FAILED = (412, "conflict")
    MULTIPLE_MATCHES = (412, "multiple-matches")
    TOO_LARGE = (413, "too-long")
    UNSUPPORTED_MEDIA_TYPE = (415, "not-supported")
    RANGE_NOT_SATISFIABLE = (416, "value")
    UNPROCESSABLE = (422, "business-rule")
    INTERNAL = (500, "exception")
    NOT_IMPLEMENTED = (501, "not-supported")
    UNAVAILABLE = (503, "transient")
    OUTCOME_UNKNOWN = (503, "timeout")

    @property
    def status(self) -> int:
        """The HTTP status code."""
        return self.value[0]

    @property
    def issue_code(self) -> str:
        """The default `OperationOutcome.issue.code`."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Issue:
    """One `OperationOutcome.issue`.

    `expression` holds FHIRPath paths of the elements, `location` where they stand in what was sent (`line 12,
    column 3`, or a JSON Pointer), `details` a text that is the same for every occurrence
    of the rule (its key or name).
    """

    severity: Severity
    code: str
    diagnostics: str
    expression: tuple[str, ...] = ()
    location: tuple[str, ...] = ()
    details: str | None = None

    def within(self, prefix: str) -> "Issue":
        """Return the issue as seen from a Bundle: `Patient.name` in entry 3 becomes `Bundle.entry[3].resource.name`.

        The first step of each expression (the resource type) is replaced by `prefix`; a URL parameter (`http.name`)
        is no element below it.
        """
        below = ("" if step.startswith("http.") else "".join(step.partition(".")[1:]) for step in self.expression)
        return replace(self, expression=tuple(prefix + rest for rest in below) or (prefix,))


_LONGEST: Final = 1_000
"""Most characters of a sentence or path in an OperationOutcome."""

NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class FhirError(Exception):
    """A request cannot be answered as asked; carries everything its OperationOutcome says.

    Arguments:
        failure: the row of the table.
        diagnostics: one sentence a person understands; ignored when `issues` are given.
        expression: FHIRPath paths of the elements at fault.
        issues: complete issues, for several findings at once.
        headers: response headers to add (`Retry-After`, `Allow`, ...).
    """

    def __init__(
        self,
        failure: Failure,
        diagnostics: str = "",
        *,
        expression: Iterable[str] = (),
        issues: Iterable[Issue] = (),
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        self.failure = failure
        self.issues = tuple(issues) or (Issue("error", failure.issue_code, diagnostics, tuple(expression)),)
        self.headers = headers
        super().__init__(self.issues[0].diagnostics)

    @property
    def status(self) -> int:
        """The HTTP status code."""
        return self.failure.status

    def within(self, prefix: str) -> "FhirError":
        """Return the same failure with every issue located below `prefix` (see `Issue.within`)."""
        return FhirError(self.failure, issues=[issue.within(prefix) for issue in self.issues], headers=self.headers)


def operation_outcome(issues: Iterable[Issue]) -> dict[str, Any]:
    """Build the OperationOutcome of `issues`; with none, one informational issue says all is well."""
    rows = [_issue(issue) for issue in issues]
    return {
        "resourceType": "OperationOutcome",
        "issue": rows or [{"severity": "information", "code": "informational", "diagnostics": "All OK"}],
    }


def _issue(issue: Issue) -> dict[str, Any]:
    row: dict[str, Any] = {"severity": issue.severity, "code": issue.code}
    if issue.details is not None:
        row["details"] = {"text": issue.details}
    row["diagnostics"] = _shortened(issue.diagnostics)
    if issue.location:
        row["location"] = list(issue.location)
    if issue.expression:
        row["expression"] = [_shortened(path) for path in issue.expression]
    return row


def _shortened(text: str) -> str:
    """Cut the middle out of a text that quotes too much of what was sent."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2 - 1
    return f"{text[:half]}…{text[-half:]}"
