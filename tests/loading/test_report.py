"""What the operator reads: sentences, OperationOutcomes, the table at the end."""

from collections import Counter

from fhirhub.errors import Issue
from fhirhub.loading import Place, Refusal, Summary, outcome, sentences
from fhirhub.loading.report import SOURCE
from fhirhub.validation import validate_resource

ISSUES = (
    Issue("error", "value", "'x' is no date.", ("Patient.birthDate",), ("line 4, column 7",)),
    Issue("error", "required", "There is no status.", ("Observation",), ("/status",)),
)


def test_sentences_say_where_what_and_why() -> None:
    refusal = Refusal(Place("a.ndjson", line=7), "Patient/p", ISSUES)
    assert list(sentences(refusal)) == [
        "a.ndjson:7 Patient/p: Patient.birthDate: line 4, column 7: 'x' is no date.",
        "a.ndjson:7 Patient/p: Observation: There is no status.",
    ]
    unreadable = Refusal(Place("a.zip!b.json"), "", (Issue("error", "structure", "It is broken."),))
    assert list(sentences(unreadable)) == ["a.zip!b.json: It is broken."]
    assert next(sentences(Refusal(Place("b.json", entry=0), "Patient", ISSUES))).startswith("b.json, entry 0 Patient: ")


def test_outcome_is_valid_and_names_its_source() -> None:
    built = outcome(Refusal(Place("a.ndjson", line=7, entry=0), "Patient/p", ISSUES))
    assert validate_resource(built) == []
    (extension,) = built["extension"]
    assert extension["url"] == SOURCE
    assert extension["extension"] == [
        {"url": "file", "valueString": "a.ndjson"},
        {"url": "line", "valuePositiveInt": 7},
        {"url": "entry", "valueUnsignedInt": 0},
        {"url": "resource", "valueString": "Patient/p"},
    ]
    assert [issue["diagnostics"] for issue in built["issue"]] == [issue.diagnostics for issue in ISSUES]


def test_summary_counts_each_type_and_shows_deletions_only_where_there_are_some() -> None:
    summary = Summary(Counter({("Patient", "created"): 1200, ("Patient", "refused"): 2, ("Group", "unchanged"): 3}))
    header, group, patient, total, rate = summary.lines(seconds=2.0)
    assert header.split() == ["created", "updated", "unchanged", "refused"]
    assert group.split() == ["Group", "0", "0", "3", "0"]
    assert patient.split() == ["Patient", "1,200", "0", "0", "2"]
    assert total.split() == ["total", "1,200", "0", "3", "2"]
    assert rate == "1,203 resources in 2.0 s (602/s)"
    summary.tally["Group", "deleted"] = 1
    summary.skipped = 4
    lines = list(summary.lines(seconds=0.0))
    assert lines[0].split() == ["created", "updated", "unchanged", "deleted", "refused"]
    assert lines[-1].endswith("4 files skipped")


def test_summary_of_nothing_is_one_line() -> None:
    assert list(Summary().lines(seconds=1.0)) == ["0 resources in 1.0 s (0/s)"]
