"""Plugins in a server of several processes: their pages, what is counted of their hooks, and their end.

https://hl7.org/fhir/R4/operations.html, docs/operations.md
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from pymongo import MongoClient

from fhirhub.model.json import Json
from tests.hooks.sites import write_file
from tests.processes import eventually
from tests.server.running import Server, running

BASIC = '{"resourceType": "Basic", "code": {"text": "a"}}'

SOURCE = """
import os
from pathlib import Path

ENDED = Path({ended!r})


def home(asked):
    return PageResponse(f"home {{asked.path}} {{dict(asked.query)}}".encode(), media_type="text/plain; charset=utf-8")


def form(asked):
    if asked.method == "GET":
        return PageResponse(b"<form method=post><input name=who></form>")
    if dict(asked.form).get("who") == "nobody":
        raise FhirError(Failure.BAD_VALUE, "Nobody cannot be greeted.", expression=["who"])
    return PageResponse(f"hello {{dict(asked.form)['who']}}".encode(), 201, headers={{"X-Greeted": "yes"}})


@hook
def fhirhub_register_pages(settings):
    return [Page("", "Home", home), Page("form", "Form", form, ("GET", "POST"))]


@hook
def fhirhub_validate(resource):
    if resource.get("language") == "xx":
        raise KeyError("secret of the patient")


@hook
def fhirhub_on_change(change):
    pass


@hook
def fhirhub_shutdown():
    (ENDED / str(os.getpid())).touch()
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where processes that have ended in order leave a file."""
    return tmp_path_factory.mktemp("ended")


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory, ended: Path, mongodb_uri: str) -> Iterator[Server]:
    """Two web workers and a worker, with the plugin."""
    folder = tmp_path_factory.mktemp("site")
    plugin = write_file(folder, "greeting", SOURCE.format(ended=str(ended)))
    settings = {"PLUGINS": plugin.stem, "PLUGIN_FILES": str(folder), "WORKER": "true"}
    database = f"test_{folder.name}"
    with running(folder, mongodb_uri, database, **settings) as server:
        yield server
        before = set(server.workers())
        server.process.terminate()
        assert server.process.wait(30) == 0
        assert before <= {int(each.name) for each in ended.iterdir()}
    MongoClient(mongodb_uri).drop_database(database)


def get(server: Server, path: str, method: str = "GET", **options: object) -> requests.Response:
    """Ask beside the FHIR service, over a connection of its own, which may meet either worker."""
    return requests.request(method, f"{server.root}{path}", timeout=60, **options)  # type: ignore[arg-type]  # any


def hook_row(server: Server, hook: str) -> Json:
    """What `$plugins` tells of one hook."""
    found = get(server, "/fhir/$plugins").json()["parameter"]
    (plugin,) = (each["part"] for each in found if each["part"][0]["valueString"] == "greeting")
    rows = ({part["name"]: part for part in each["part"]} for each in plugin if each["name"] == "hook")
    return next(each for each in rows if each["name"]["valueString"] == hook)


def sample(server: Server, name: str, hook: str) -> float:
    """A number of `/metrics` about one hook; -1 where it is not there."""
    text = get(server, "/metrics").text
    found = re.search(rf'^{name}\{{hook="{hook}",plugin="greeting"\}} (.*)$', text, re.MULTILINE)
    return float(found[1]) if found else -1


def test_calls_of_all_processes_are_counted(counted: Server) -> None:
    before = float(hook_row(counted, "fhirhub_validate")["calls"]["valueDecimal"])

    def create(number: int) -> int:
        headers = {"Content-Type": "application/fhir+json"}
        return get(counted, "/fhir/Basic", "POST", data=BASIC, headers=headers).status_code

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(create, range(40))) == {201}
    calls = "fhirhub_hook_calls_total"
    assert eventually(lambda: sample(counted, calls, "fhirhub_validate") >= before + 40, 30)
    assert eventually(lambda: sample(counted, calls, "fhirhub_on_change") >= before + 40, 30)
    assert float(hook_row(counted, "fhirhub_validate")["calls"]["valueDecimal"]) == before + 40
    assert sample(counted, "fhirhub_hook_seconds_total", "fhirhub_validate") > 0


def test_failures_are_counted_without_what_they_say(counted: Server) -> None:
    headers = {"Content-Type": "application/fhir+json"}
    body = '{"resourceType": "Basic", "language": "xx", "code": {"text": "a"}}'
    refused = get(counted, "/fhir/Basic", "POST", data=body, headers=headers)
    assert refused.status_code == 500
    assert "secret" not in refused.text
    assert eventually(lambda: sample(counted, "fhirhub_hook_failures_total", "fhirhub_validate") >= 1, 30)
    row = hook_row(counted, "fhirhub_validate")
    assert row["lastError"]["valueString"].startswith("KeyError in greeting.py")


def test_metrics_tell_of_the_installation(counted: Server) -> None:
    assert eventually(lambda: "fhirhub_workers 1.0" in get(counted, "/metrics").text, 30)
    text = get(counted, "/metrics").text
    assert "fhirhub_database_up 1.0" in text
    assert "# TYPE fhirhub_hook_calls_total counter" in text
    assert "# TYPE fhirhub_outbox_documents gauge" in text


def test_pages_are_found_below_their_paths(counted: Server) -> None:
    assert get(counted, "/plugins/greeting/").text == "home  {}"
    assert get(counted, "/plugins/greeting/a/b?c=%E7%8E%8B").text == "home a/b {'c': '王'}"
    assert get(counted, "/plugins/greeting/formal").text == "home formal {}"
    assert get(counted, "/plugins/greeting/form").text.startswith("<form")
    for missing in ("/plugins/", "/plugins/nobody/", "/plugins/nobody/x"):
        assert get(counted, missing).status_code == 404


def test_pages_take_their_methods_alone(counted: Server) -> None:
    head = get(counted, "/plugins/greeting/", "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    refused = get(counted, "/plugins/greeting/", "POST")
    assert refused.status_code == 405
    assert set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD"}
    refused = get(counted, "/plugins/greeting/form", "DELETE")
    assert refused.status_code == 405
    made = get(counted, "/plugins/greeting/form", "POST", data={"who": "王芳"})
    assert (made.status_code, made.text, made.headers["X-Greeted"]) == (201, "hello 王芳", "yes")


def test_pages_bear_what_keeps_people_safe(counted: Server) -> None:
    headers = get(counted, "/plugins/greeting/").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "X-Request-Id" in headers


@pytest.mark.parametrize(
    "path", ["../../fhir/metadata", "%2e%2e/%2e%2e/health", "a/../../..", "..%2f..%2fetc%2fpasswd"]
)
def test_nothing_is_reached_by_going_up(counted: Server, path: str) -> None:
    sent = requests.Request("GET", f"{counted.root}/plugins/greeting/x").prepare()
    sent.url = f"{counted.root}/plugins/greeting/{path}"
    answer = requests.Session().send(sent, timeout=60, allow_redirects=False)
    # A path is a name for the plugin; no file stands behind it.
    assert (answer.status_code, answer.text[:5]) in ((200, "home "), (404, answer.text[:5]))


def test_failing_pages_say_no_more_than_they_should(counted: Server) -> None:
    refused = get(counted, "/plugins/greeting/form", "POST", data={"who": "nobody"})
    assert (refused.status_code, refused.text) == (400, "Nobody cannot be greeted.")
    failed = get(counted, "/plugins/greeting/form", "POST", data={"whom": "x"})
    assert (failed.status_code, failed.text) == (500, "This page failed; the log says why.")
    assert "The page 'form' of the plugin greeting failed." in counted.log.read_text()
