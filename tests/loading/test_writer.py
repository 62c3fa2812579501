"""What becomes of the resources of one chunk: written, left as they are, or refused with a reason."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from fhirhub.http.xml import to_xml
from fhirhub.hub import Hub
from fhirhub.loading import Block
from fhirhub.loading.chunks import Codec
from fhirhub.model.json import encode
from tests.loading.loads import all_of, document, ndjson, patient, stored, transaction, written

SYSTEM = "https://hospital.example/numbers"


def test_resource_with_an_id_keeps_it_and_loading_it_again_makes_no_version(hub: Hub) -> None:
    block = ndjson(patient("again", multipleBirthInteger=2), patient("again-2"))
    assert written(hub, block).tally == {"Patient": {"created": 2}}
    assert written(hub, block).tally == {"Patient": {"unchanged": 2}}
    assert stored(hub, "Patient", "again")["meta"]["versionId"] == "1"


def test_changed_resource_gets_a_version(hub: Hub) -> None:
    written(hub, document(patient("changed", gender="male")))
    loaded = written(hub, document(patient("changed", gender="female")), document(patient("changed-2")))
    assert loaded.tally == {"Patient": {"updated": 1, "created": 1}}
    assert stored(hub, "Patient", "changed")["gender"] == "female"
    assert stored(hub, "Patient", "changed")["meta"]["versionId"] == "2"


def test_deleted_resource_is_created_again(hub: Hub) -> None:
    written(hub, document(patient("gone")))
    written(hub, document(transaction(("DELETE", "Patient/gone", {}))))
    assert written(hub, document(patient("gone"))).tally == {"Patient": {"created": 1}}
    assert stored(hub, "Patient", "gone")["meta"]["versionId"] == "3"


def test_resource_without_an_id_is_created_each_time(hub: Hub) -> None:
    block = document({"resourceType": "Group", "type": "person", "actual": True})
    assert [written(hub, block).tally for _ in range(2)] == [{"Group": {"created": 1}}] * 2
    assert len(all_of(hub, "Group")) == 2


def test_numbers_keep_their_digits(hub: Hub) -> None:
    line = (
        b'{"resourceType":"Observation","id":"digits","status":"final","code":{"text":"x"},'
        b'"valueQuantity":{"value":1.500}}'
    )
    assert written(hub, ndjson(line)).tally == {"Observation": {"created": 1}}
    value = stored(hub, "Observation", "digits")["valueQuantity"]["value"]
    assert isinstance(value, Decimal)
    assert str(value) == "1.500"


def test_refused_line_is_left_out_and_named_and_the_others_are_kept(hub: Hub) -> None:
    loaded = written(
        hub,
        ndjson(
            patient("ok-1"),
            b"",
            patient("wrong", birthDate="1990-13-45", gender="robot"),
            b'{"resourceType":"Patient","id":"cut',
            patient("ok-2"),
        ),
    )
    assert loaded.tally == {"Patient": {"created": 2, "refused": 1}, "(unreadable)": {"refused": 1}}
    by_line = {refusal.place.line: refusal for refusal in loaded.refusals}
    assert by_line.keys() == {3, 4}
    assert by_line[3].resource == "Patient/wrong"
    assert {issue.expression for issue in by_line[3].issues} == {("Patient.birthDate",), ("Patient.gender",)}
    assert any("1990-13-45" in issue.diagnostics for issue in by_line[3].issues)
    assert "not JSON" in by_line[4].issues[0].diagnostics
    assert hub.call.find.current("Patient", "wrong") is None
    assert stored(hub, "Patient", "ok-2")["id"] == "ok-2"
    assert any(line.startswith("many.ndjson:3 Patient/wrong: Patient.birthDate: ") for line in loaded.sentences)


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (b'{"id":"x"}', "", "no resourceType"),
        (b'{"resourceType":7}', "", "resourceType must be a string"),
        (b'{"resourceType":"Pateint","id":"x"}', "Pateint/x", "Did you mean Patient"),
        (b'{"resourceType":"Patient","id":"a b"}', "Patient/a b", "a b"),
        (b'{"resourceType":"Patient","id":7}', "Patient", "id"),
        (b'{"resourceType":"Patient","id":"x","id":"y"}', "", "2 times"),
        (b'["not","a","resource"]', "", "one JSON object"),
        (b'{"resourceType":"\xff"}', "", "UTF-8"),
        (b"", "", "not JSON"),
    ],
)
def test_document_that_is_no_resource_is_refused_with_its_reason(hub: Hub, text: bytes, name: str, said: str) -> None:
    loaded = written(hub, document(text, "folder/odd.json"), document(patient("beside")))
    (refusal,) = loaded.refusals
    assert (refusal.place.source, refusal.place.line, refusal.resource) == ("folder/odd.json", None, name)
    assert any(said in f"{issue.expression} {issue.diagnostics}" for issue in refusal.issues), refusal.issues
    assert sum(row.get("refused", 0) for row in loaded.tally.values()) == 1
    assert stored(hub, "Patient", "beside")["id"] == "beside"


def test_refusal_in_a_document_says_the_line(hub: Hub) -> None:
    text = b'{\n  "resourceType": "Patient",\n  "id": "lined",\n  "birthDate": "yesterday"\n}'
    (refusal,) = written(hub, document(text)).refusals
    assert refusal.issues[0].expression == ("Patient.birthDate",)
    assert any(place.startswith("line 4") for place in refusal.issues[0].location), refusal.issues


def test_same_id_twice_in_a_chunk_makes_two_versions(hub: Hub) -> None:
    loaded = written(hub, ndjson(patient("twice", gender="male"), patient("twice", gender="female")))
    assert loaded.tally == {"Patient": {"created": 1, "updated": 1}}
    assert stored(hub, "Patient", "twice")["meta"]["versionId"] == "2"
    assert stored(hub, "Patient", "twice")["gender"] == "female"


def test_xml_document_is_loaded_and_bad_xml_refused_with_its_line(hub: Hub) -> None:
    good = Block("good.xml", to_xml(patient("from-xml", gender="other")), "xml")
    bad = Block("bad.xml", b'<Patient xmlns="http://hl7.org/fhir">\n<nope value="1"/></Patient>', "xml")
    loaded = written(hub, good, bad)
    assert stored(hub, "Patient", "from-xml")["gender"] == "other"
    (refusal,) = loaded.refusals
    assert refusal.place.source == "bad.xml"
    assert "nope" in refusal.issues[0].diagnostics
    assert any("2" in place for place in refusal.issues[0].location)


@pytest.mark.parametrize(("codec", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_compressed_document_is_loaded(hub: Hub, codec: Codec, pack: Callable[[bytes], bytes]) -> None:
    block = Block(f"p.json.{codec}", pack(encode(patient(f"packed-{codec}"))), "json", codec)
    broken = replace(block, data=block.data[:-10])
    loaded = written(hub, broken, block)
    assert stored(hub, "Patient", f"packed-{codec}")["id"] == f"packed-{codec}"
    (refusal,) = loaded.refusals
    assert "decompressed" in refusal.issues[0].diagnostics


def test_byte_order_mark_is_passed_over(hub: Hub) -> None:
    mark = b"\xef\xbb\xbf"
    loaded = written(hub, document(mark + encode(patient("mark-1"))), ndjson(mark + encode(patient("mark-2"))))
    assert loaded.tally == {"Patient": {"created": 2}}


def test_transaction_is_run_with_its_links(hub: Hub) -> None:
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    subject = {"subject": {"reference": "urn:uuid:00000000-0000-4000-8000-000000000000"}}
    bundle = transaction(
        ("PUT", "Patient/linked", patient("linked")),
        ("PUT", "Observation/linked", observation | {"id": "linked"} | subject),
    )
    assert written(hub, document(bundle)).tally == {"Patient": {"created": 1}, "Observation": {"created": 1}}
    assert stored(hub, "Observation", "linked")["subject"] == {"reference": "Patient/linked"}
    assert written(hub, document(bundle)).tally == {"Patient": {"unchanged": 1}, "Observation": {"unchanged": 1}}


def test_transaction_counts_deletes_updates_and_no_reads(hub: Hub) -> None:
    written(hub, ndjson(patient("t-1", gender="male"), patient("t-2")))
    bundle = transaction(("PUT", "Patient/t-1", patient("t-1", gender="female")), ("DELETE", "Patient/t-2", {}))
    del bundle["entry"][1]["resource"]
    bundle["entry"].append({"request": {"method": "GET", "url": "Patient/t-1"}})
    loaded = written(hub, document(bundle))
    assert loaded.tally == {"Patient": {"updated": 1, "deleted": 1}}, loaded.sentences


def test_transaction_with_a_wrong_entry_is_refused_whole(hub: Hub) -> None:
    bundle = transaction(
        ("PUT", "Patient/whole-1", patient("whole-1")), ("PUT", "Patient/whole-2", patient("whole-2", gender="robot"))
    )
    loaded = written(hub, document(bundle, "bundle.json"), document(patient("after")))
    assert loaded.tally == {"Patient": {"refused": 2, "created": 1}}
    (refusal,) = loaded.refusals
    assert refusal.resource == "Bundle with 2 entries"
    assert refusal.issues[0].expression == ("Bundle.entry[1].resource.gender",)
    assert hub.call.find.current("Patient", "whole-1") is None
    assert "bundle.json Bundle with 2 entries: Bundle.entry[1].resource.gender" in loaded.sentences[0]


def test_batch_refuses_its_entries_one_by_one(hub: Hub) -> None:
    bundle = transaction(
        ("PUT", "Patient/b-1", patient("b-1")),
        ("PUT", "Patient/b-2", patient("b-2", gender="robot")),
        ("PUT", "Patient/b-3", patient("b-3")),
        kind="batch",
    )
    loaded = written(hub, document(bundle, "batch.json"))
    assert loaded.tally == {"Patient": {"created": 2, "refused": 1}}
    (refusal,) = loaded.refusals
    assert (refusal.place.entry, refusal.resource) == (1, "Patient/b-2")
    assert "gender" in refusal.issues[0].expression[0]
    assert loaded.sentences[0].startswith("batch.json, entry 1 Patient/b-2: ")


def test_conditional_create_of_what_is_there_is_unchanged(hub: Hub) -> None:
    resource = patient(identifier=[{"system": SYSTEM, "value": "cond-1"}])
    bundle = transaction(("POST", "Patient", resource), ifNoneExist=f"identifier={SYSTEM}|cond-1")
    assert written(hub, document(bundle)).tally == {"Patient": {"created": 1}}
    assert written(hub, document(bundle)).tally == {"Patient": {"unchanged": 1}}


@pytest.mark.parametrize("as_line", [False, True])
def test_unresolved_conditional_reference_waits_once_then_is_refused(hub: Hub, as_line: bool) -> None:
    value = f"later-{as_line}"
    encounter = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": f"Patient?identifier={SYSTEM}|{value}"},
    }
    bundle = encode(transaction(("POST", "Encounter", encounter)))
    block = ndjson(patient(f"{value}-line-1"), bundle, name="w") if as_line else document(bundle, "w")
    first = written(hub, block, may_wait=True)
    assert not first.refusals
    (waiting,) = first.waiting
    assert (waiting.source, waiting.weight, waiting.line) == ("w", 0, 2 if as_line else 1)

    refused = written(hub, waiting)
    assert refused.tally == {"Encounter": {"refused": 1}}
    assert f"{value} matches no resources" in refused.refusals[0].issues[0].diagnostics
    assert refused.refusals[0].place.line == (2 if as_line else None)

    written(hub, document(patient(value, identifier=[{"system": SYSTEM, "value": value}])))
    assert written(hub, waiting).tally == {"Encounter": {"created": 1}}
    assert {"reference": f"Patient/{value}"} in [each["subject"] for each in all_of(hub, "Encounter")]


def searchset(*resources: object) -> dict[str, object]:
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [
            {"fullUrl": f"https://elsewhere.example/fhir/{number}", "resource": each}
            for number, each in enumerate(resources)
        ],
    }


def test_bundle_that_is_no_request_is_stored(hub: Hub) -> None:
    bundle = {"resourceType": "Bundle", "id": "kept", "type": "collection", "entry": [{"resource": patient("inside")}]}
    assert written(hub, document(bundle)).tally == {"Bundle": {"created": 1}}
    assert stored(hub, "Bundle", "kept")["entry"][0]["resource"]["id"] == "inside"
    assert hub.call.find.current("Patient", "inside") is None


def test_entries_of_a_bundle_are_loaded_where_asked_and_keep_their_links(hub: Hub) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "informational"}]}
    encounter = {"resourceType": "Encounter", "id": "e-e", "status": "finished", "class": {"code": "AMB"}}
    subject = {"subject": {"reference": "https://elsewhere.example/fhir/0"}}
    bundle = searchset(patient("e-p"), encounter | subject, patient(), outcome)
    bundle["entry"][-1]["search"] = {"mode": "outcome"}  # type: ignore[index]  # a list of entries
    loaded = written(hub, document(bundle), entries=True)
    assert loaded.tally == {"Patient": {"created": 2}, "Encounter": {"created": 1}}
    assert stored(hub, "Encounter", "e-e")["subject"] == {"reference": "Patient/e-p"}
    assert not loaded.refusals


@pytest.mark.parametrize(
    ("bundle", "said"),
    [
        ({"resourceType": "Bundle", "type": "history", "entry": []}, "holds versions"),
        ({"resourceType": "Bundle", "type": "collection", "entry": [{"fullUrl": "urn:x"}]}, "no resource"),
        ({"resourceType": "Bundle", "type": "collection", "entry": "many"}, "must be an array"),
    ],
)
def test_bundle_without_loadable_entries_is_refused_where_they_are_asked_for(
    hub: Hub, bundle: dict[str, object], said: str
) -> None:
    loaded = written(hub, document(bundle), entries=True)
    assert loaded.tally == {"Bundle": {"refused": 1}}
    assert said in loaded.refusals[0].issues[0].diagnostics


def test_too_large_resource_is_refused_and_the_others_are_kept(hub: Hub) -> None:
    binary = {"resourceType": "Binary", "id": "large", "contentType": "text/plain", "data": "AAAA" * (4 << 20)}
    loaded = written(hub, document(binary), document(patient("not-large")))
    assert loaded.tally == {"Binary": {"refused": 1}, "Patient": {"created": 1}}
    assert "at most" in loaded.refusals[0].issues[0].diagnostics
