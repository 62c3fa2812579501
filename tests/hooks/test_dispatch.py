"""The four styles of calling hooks, and what happens when a plugin fails in each of them."""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fhirhub.errors import FhirError, Issue
from fhirhub.hooks.loader import load
from fhirhub.hooks.plugins import Plugin
from fhirhub.hooks.statistics import merged
from fhirhub.plugin import Answered, Change, Interaction
from fhirhub.settings import ConfigurationError, Settings
from tests.hooks.sites import loaded, write_file

SECRET = "王芳 1980-05-17"
FAILING = f"raise ValueError({SECRET!r})"
UPDATE = Interaction("update", "PUT", "Patient", "1", request_id="request-7")


def prepare(body: str) -> str:
    return f"@hook\ndef fhirhub_prepare(resource):\n    {body}\n"


def validate(body: str) -> str:
    return f"@hook\ndef fhirhub_validate(resource):\n    {body}\n"


def refused(call: Callable[[], Any]) -> FhirError:
    with pytest.raises(FhirError) as raised:
        call()
    return raised.value


# check


def test_check_collects_the_findings_of_all_in_order(tmp_path: Path) -> None:
    sources = {
        "one": validate('return Issue("error", "invalid", "one")'),
        "none": validate("return None"),
        "some": validate('yield Issue("warning", "invalid", "a"); yield Issue("error", "invalid", "b")'),
        "list": validate('return [Issue("error", "invalid", "c")]'),
    }
    found = loaded(tmp_path, sources=sources).call("fhirhub_validate", resource={})
    assert [each.diagnostics for each in found] == ["one", "a", "b", "c"]
    assert all(isinstance(each, Issue) for each in found)


def test_check_gives_each_plugin_a_copy(tmp_path: Path) -> None:
    spoil = validate(
        'found = [Issue("error", "invalid", str(resource))]\n'
        '    resource["name"][0]["given"].append("x"); resource["name"].clear(); resource["id"] = "z"\n'
        "    return found"
    )
    resource = {"resourceType": "Patient", "name": [{"given": ["芳"]}]}
    found = loaded(tmp_path, sources={"a": spoil, "b": spoil}).call("fhirhub_validate", resource=resource)
    assert resource == {"resourceType": "Patient", "name": [{"given": ["芳"]}]}
    assert [each.diagnostics for each in found] == [str(resource)] * 2


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ("True", "it returned an object of type bool, expected a list of Issue"),
        (f"'{SECRET}'", "it returned an object of type str, expected a list of Issue"),
        (f"['{SECRET}']", "it returned an object of type str in a list, expected Issue"),
        ("{}", "it returned an object of type dict, expected a list of Issue"),
    ],
)
def test_check_that_returns_no_findings_fails_closed(tmp_path: Path, result: str, said: str) -> None:
    hooks = loaded(tmp_path, sources={"mine": validate(f"return {result}")})
    error = refused(lambda: hooks.call("fhirhub_validate", resource={}))
    assert error.status == 500
    assert str(error) == f"The plugin 'mine' failed in its hook fhirhub_validate: {said}."


# shape


def test_shape_hands_on_what_the_one_before_made(tmp_path: Path) -> None:
    sources = {
        "a": prepare('resource["seen"] = [1]; return resource'),
        "b": prepare('resource["seen"].append("lost"); return None'),
        "c": prepare('return {**resource, "seen": [*resource["seen"], 2]}'),
    }
    given = {"resourceType": "Basic"}
    assert loaded(tmp_path, sources=sources).call("fhirhub_prepare", resource=given) == {
        "resourceType": "Basic",
        "seen": [1, 2],
    }
    assert given == {"resourceType": "Basic"}


def test_shape_that_changes_nothing_returns_the_same_object(tmp_path: Path) -> None:
    given = {"resourceType": "Basic", "meta": {}}
    hooks = loaded(tmp_path, sources={"a": prepare('resource["meta"]["x"] = 1'), "b": prepare("return None")})
    assert hooks.call("fhirhub_prepare", resource=given) is given
    assert given == {"resourceType": "Basic", "meta": {}}


def test_shape_result_is_not_the_plugins_own_object(tmp_path: Path) -> None:
    hooks = loaded(tmp_path, sources={"a": "OWN = {'tag': []}\n" + prepare('return {"meta": OWN}')})
    made = hooks.call("fhirhub_prepare", resource={})
    made["meta"]["tag"].append("changed by the server")
    assert hooks.call("fhirhub_prepare", resource={}) == {"meta": {"tag": []}}


def test_shape_that_returns_something_else_fails_closed(tmp_path: Path) -> None:
    hooks = loaded(tmp_path, sources={"mine": prepare("return [resource]")})
    error = refused(lambda: hooks.call("fhirhub_prepare", resource={}))
    assert "it returned an object of type list, expected dict or None" in str(error)


@pytest.mark.parametrize("name", ["fhirhub_prepare", "fhirhub_validate"])
def test_failure_of_a_check_or_shape_names_plugin_and_hook_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    later = "CALLED = []\n" + prepare("CALLED.append(1)") + validate("CALLED.append(1)")
    hooks = loaded(tmp_path, sources={"bad": prepare(FAILING) + validate(FAILING), "later": later})
    error = refused(lambda: hooks.call(name, resource={"secret": SECRET}, interaction=UPDATE))
    assert (error.status, error.issues[0].code) == (500, "exception")
    assert str(error) == f"The plugin 'bad' failed in its hook {name} (ValueError)."
    assert hooks.plugins[1].module.CALLED == []
    [record] = [each for each in caplog.records if each.name == "fhirhub.hooks"]
    assert record.getMessage() == f"The plugin bad failed in {name}."
    assert record.__dict__["request_id"] == "request-7"
    assert record.exc_info is not None
    assert record.exc_info[0] is ValueError


def test_refusal_by_a_plugin_passes_as_it_is_and_is_no_failure(tmp_path: Path) -> None:
    hooks = loaded(tmp_path, sources={"mine": validate('raise FhirError(Failure.CONFLICT, "Not now.")')})
    error = refused(lambda: hooks.call("fhirhub_validate", resource={}))
    assert (error.status, str(error)) == (409, "Not now.")
    [row] = hooks.statistics.rows()
    assert (row.calls, row.failures) == (1, 0)


def test_exceptions_that_begin_a_transaction_anew_pass(tmp_path: Path) -> None:
    write_file(tmp_path, "mine", validate("raise BlockingIOError()"))
    hooks = load(Settings(plugins=("mine",), plugin_files=tmp_path), passing=(OSError,))
    with pytest.raises(BlockingIOError):
        hooks.call("fhirhub_validate", resource={})
    assert hooks.statistics.rows()[0].failures == 0


# observe


def test_observers_that_fail_are_logged_and_disturb_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hear = "SEEN = []\n@hook\ndef fhirhub_after_interaction(answered):\n    SEEN.append(answered)\n    {}\n"
    refuse = 'raise FhirError(Failure.CONFLICT, "no")'
    hooks = loaded(tmp_path, sources={"a": hear.format(FAILING), "b": hear.format(refuse), "c": hear.format("")})
    answered = Answered(UPDATE, 200, 0.1)
    assert hooks.call("fhirhub_after_interaction", answered=answered) is None
    assert [each.module.SEEN for each in hooks.plugins] == [[answered]] * 3
    assert [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR] == [
        "The plugin a failed in fhirhub_after_interaction.",
        "The plugin b failed in fhirhub_after_interaction.",
    ]
    assert [(row.plugin, row.calls, row.failures) for row in hooks.statistics.rows()] == [
        ("a", 1, 1),
        ("b", 1, 1),
        ("c", 1, 0),
    ]


def test_one_plugin_can_be_called_alone_and_its_failure_seen(tmp_path: Path) -> None:
    source = "@hook\ndef fhirhub_on_change(change, hub):\n    change.resource['id'] = hub\n    "
    hooks = loaded(tmp_path, sources={"a": source + "return change", "b": source + FAILING, "c": ""})
    change = Change("create", "Patient", "1", 1, datetime(2026, 1, 1, tzinfo=UTC), {"id": "1"})
    a, b, c = hooks.plugins
    assert hooks.call_one(a, "fhirhub_on_change", change=change, hub="hub").resource == {"id": "hub"}
    assert change.resource == {"id": "1"}
    with pytest.raises(ValueError, match=SECRET):
        hooks.call_one(b, "fhirhub_on_change", change=change, hub="hub")
    with pytest.raises(ValueError, match="'c' does not implement fhirhub_on_change"):
        hooks.call_one(c, "fhirhub_on_change", change=change, hub="hub")


# register


def test_register_gives_settings_and_joins(tmp_path: Path) -> None:
    schema = """
        import marshmallow
        class Schema(marshmallow.Schema):
            size = marshmallow.fields.Integer(load_default=2)
        @hook
        def fhirhub_settings_schema(): return Schema
        @hook
        def fhirhub_register_jobs(settings):
            return [Job(f"job{n}", print) for n in range(settings["size"])]
    """
    sources = {"a": schema, "b": schema, "c": "@hook\ndef fhirhub_register_jobs(): return None"}
    hooks = loaded(tmp_path, sources=sources, plugin={"b": {"size": 1}})
    found = hooks.call("fhirhub_register_jobs")
    assert [(plugin.name, [job.name for job in jobs]) for plugin, jobs in found] == [
        ("a", ["job0", "job1"]),
        ("b", ["job0"]),
        ("c", []),
    ]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise KeyError('x')", "KeyError in mine.py, line 5: 'x'"),
        ("return Job('a', print)", "it returned an object of type Job, expected a list of Job"),
        ("return ['a']", "it returned an object of type str in a list, expected Job"),
        ("return [Job('a', print), Job('a', print)]", "there is a job 'a' already, of the plugin 'mine'"),
    ],
)
def test_registration_that_fails_stops_the_start(tmp_path: Path, source: str, said: str) -> None:
    hooks = loaded(tmp_path, sources={"mine": f"@hook\ndef fhirhub_register_jobs():\n    {source}\n"})
    with pytest.raises(ConfigurationError) as raised:
        hooks.call("fhirhub_register_jobs")
    assert str(raised.value) == f"The plugin 'mine', fhirhub_register_jobs ({tmp_path / 'mine.py'}, line 3): {said}"


def test_commands_of_two_plugins_cannot_have_one_name(tmp_path: Path) -> None:
    source = "@hook\ndef fhirhub_register_commands(): return [Command('tags', 'x', print)]"
    hooks = loaded(tmp_path, sources={"a": source, "b": source})
    with pytest.raises(ConfigurationError, match=r"'b', fhirhub_register_commands.*command 'tags' already.*'a'"):
        hooks.call("fhirhub_register_commands")


def test_startup_that_fails_stops_the_start(tmp_path: Path) -> None:
    hooks = loaded(tmp_path, sources={"mine": '@hook\ndef fhirhub_startup(hub):\n    raise OSError("no " + hub)'})
    with pytest.raises(ConfigurationError, match=r"'mine', fhirhub_startup \(.*OSError in mine.py, line 5: no mine"):
        hooks.call("fhirhub_startup", bind=lambda plugin: {"hub": plugin.name})


# what they are called with


def test_what_differs_per_plugin_is_made_for_those_that_take_it(tmp_path: Path) -> None:
    asked: list[str] = []

    def bind(plugin: Plugin) -> Mapping[str, Any]:
        asked.append(plugin.name)
        return {"reader": f"reader of {plugin.name}"}

    takes = '@hook\ndef fhirhub_validate(reader):\n    return Issue("error", "invalid", reader)\n'
    hooks = loaded(tmp_path, sources={"a": takes, "b": validate("return None"), "c": takes})
    found = hooks.call("fhirhub_validate", bind=bind, resource={}, interaction=UPDATE)
    assert [each.diagnostics for each in found] == ["reader of a", "reader of c"]
    assert asked == ["a", "c"]


# statistics


def test_statistics_count_calls_time_and_failures_without_patient_data(tmp_path: Path) -> None:
    hooks = loaded(tmp_path, sources={"a": validate("pass"), "b": validate(FAILING) + prepare("pass")})
    for _ in range(3):
        refused(lambda: hooks.call("fhirhub_validate", resource={}))
    hooks.call("fhirhub_prepare", resource={})
    rows = {(row.plugin, row.hook): row for row in hooks.statistics.rows()}
    assert [(row.calls, row.failures) for row in rows.values()] == [(3, 0), (1, 0), (3, 3)]
    failing = rows["b", "fhirhub_validate"]
    assert failing.last_error == "ValueError in b.py, line 5"
    assert 0 < failing.seconds < 1
    assert hooks.statistics.take() == tuple(rows.values())
    assert hooks.statistics.take() == ()
    [twice] = merged([failing, failing])
    assert (twice.calls, twice.failures, twice.seconds) == (6, 6, failing.seconds * 2)


def test_statistics_lose_no_call_of_any_thread(tmp_path: Path) -> None:
    hooks = loaded(tmp_path, sources={"a": validate("pass")})

    def many() -> None:
        for _ in range(2_000):
            hooks.call("fhirhub_validate", resource={})

    threads = [threading.Thread(target=many) for _ in range(4)]
    for each in threads:
        each.start()
    taken = [row for _ in range(50) for row in hooks.statistics.take()]
    for each in threads:
        each.join()
    [row] = merged([*taken, *hooks.statistics.take()])
    assert row.calls == 8_000
