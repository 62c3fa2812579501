"""What the log says of a request, and what it never says."""

import json
import logging

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from fhirhub.http.logs import JsonFormatter, RequestLog, TextFormatter
from tests.http.conftest import Echo


def _lines(level: str = "info", form: str = "text") -> tuple[RequestLog, list[str]]:
    lines: list[str] = []
    log = RequestLog(level, form, clock=lambda: 1709251198.9876, write=lambda line: lines.append(line.decode()))  # type: ignore[arg-type]  # the literals come from parameters
    return log, lines


def test_log_line_has_names_but_no_values(echo: Echo) -> None:
    echo.ask("POST", "/Basic/_search?name=Kowalski&bad%20name=1", data={"birthdate": "1931-07-08"})
    (line,) = echo.logged("/fhir/Basic/_search")
    assert line["parameters"] == ["name", "?", "birthdate"]
    assert (line["method"], line["status"], line["level"]) == ("POST", 200, "info")
    assert line["bytes"] > 0
    assert 0 < line["ms"] < 10_000
    assert line["request_id"]
    assert "Kowalski" not in echo.log.read_text()
    assert "1931" not in echo.log.read_text()


def test_log_line_of_a_failure_is_an_error(echo: Echo) -> None:
    echo.ask("GET", "/Unavailable")
    line = echo.logged("/fhir/Unavailable")[-1]
    assert (line["status"], line["level"]) == (503, "error")


def test_log_leaves_out_the_probes_of_machines(echo: Echo) -> None:
    assert requests.get(f"{echo.root}/health", timeout=20).status_code == 200
    echo.ask("GET", "/Patient/after-health")
    assert echo.logged("/fhir/Patient/after-health")
    assert '"/health"' not in echo.log.read_text()


def test_log_text_is_one_readable_line() -> None:
    log, lines = _lines()
    log("r-1", "GET", "/fhir/Patient/1", ("name", "_count"), 200, 0.00123, 45)
    assert lines == ["2024-02-29T23:59:58.987Z info r-1 GET /fhir/Patient/1?name,_count 200 1.23ms 45B\n"]


def test_log_json_is_one_object() -> None:
    log, lines = _lines(form="json")
    log("r-1", "GET", "/fhir/Patient/1", ("name",), 500, 0.00123, 45)
    assert json.loads(lines[0]) == {
        "time": "2024-02-29T23:59:58.987Z",
        "level": "error",
        "logger": "fhirhub.request",
        "request_id": "r-1",
        "method": "GET",
        "path": "/fhir/Patient/1",
        "parameters": ["name"],
        "status": 500,
        "ms": 1.23,
        "bytes": 45,
    }


@pytest.mark.parametrize(
    ("level", "kept"), [("debug", 3), ("info", 2), ("warning", 1), ("error", 1)], ids=lambda value: str(value)
)
def test_log_level_leaves_out_what_is_below(level: str, kept: int) -> None:
    log, lines = _lines(level)
    log("r", "GET", "/health", (), 200, 0, 0)
    log("r", "GET", "/fhir/Patient", (), 404, 0, 0)
    log("r", "GET", "/fhir/Patient", (), 503, 0, 0)
    assert len(lines) == kept


@given(st.text(st.characters(max_codepoint=255)), st.lists(st.text()))
def test_log_line_cannot_be_forged(path: str, names: list[str]) -> None:
    for form in ("text", "json"):
        log, lines = _lines(form=form)
        log("r", "GET", path, tuple(names), 200, 0, 0)
        (line,) = lines
        assert line.splitlines() == [line.removesuffix("\n")]
        if form == "text":
            assert len(line.split(" ")) == 8
        else:
            assert json.loads(line)["status"] == 200


def test_log_events_have_the_same_form() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        record = logging.getLogger("fhirhub.store").makeRecord(
            "fhirhub.store", logging.ERROR, "f", 1, "It %s\nbroke.", ("all",), (type(error), error, error.__traceback__)
        )
    record.request_id = "r-1"
    event = json.loads(JsonFormatter().format(record))
    assert (event["level"], event["logger"], event["message"]) == ("error", "fhirhub.store", "It all\nbroke.")
    assert event["request_id"] == "r-1"
    assert "ValueError: two" in event["exception"]
    first, second, *_ = TextFormatter().format(record).splitlines()
    assert first.endswith(" error r-1 fhirhub.store: It all\\nbroke.")
    assert second.startswith("Traceback")
