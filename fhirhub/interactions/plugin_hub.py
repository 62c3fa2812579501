"""The hub as plugins have it: every call of theirs is a request that goes the way of all requests.

`fhirhub.plugin.hub` says what each of them does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Any, Final

from fhirhub.definitions import r4
from fhirhub.errors import Failure, FhirError, Issue
from fhirhub.hooks.dispatch import Hooks
from fhirhub.hooks.plugins import Plugin
from fhirhub.hooks.registration import register
from fhirhub.interactions import models
from fhirhub.interactions.call import Call
from fhirhub.model.agent import Agent
from fhirhub.model.json import Json, decode_trusted
from fhirhub.model.request import FhirRequest, FhirResponse, Method
from fhirhub.model.url import parse_query
from fhirhub.plugin import Channel, Hub, Interaction, Query
from fhirhub.store.values_in_use import one_of_each

FHIR_JSON: Final = "application/fhir+json"
_SILENT: Final = Hooks((), register(()))
_NO_SETTINGS: Final[Mapping[str, Any]] = MappingProxyType({})
_LISTED: Final = frozenset({"token", "string", "reference", "uri"})
_ABSENT: Final = frozenset({Failure.NOT_FOUND, Failure.DELETED})


class PluginHub:
    """A `fhirhub.plugin.Hub`.

    Arguments:
        call: gives the surroundings of every request it makes: the newest ones, or those of a transaction.
        agent: whom it acts for.
        plugin: whose settings and jobs it knows; None: those of no plugin.
        request_id: what the logs call the request it is used in.
    """

    def __init__(
        self, call: Callable[[], Call], agent: Agent, plugin: Plugin | None = None, *, request_id: str = ""
    ) -> None:
        self._call = call
        self._agent = agent
        self._plugin = plugin
        self._request_id = request_id

    @property
    def agent(self) -> Agent:
        """See `fhirhub.plugin.Reader`, as for what follows."""
        return self._agent

    @property
    def settings(self) -> Any:
        return _NO_SETTINGS if self._plugin is None else self._plugin.settings

    @property
    def base_url(self) -> str:
        return self._call().base_url

    @property
    def channels(self) -> Mapping[str, Channel]:
        return self._call().channels

    @property
    def zone(self) -> tzinfo:
        return self._call().site.zone

    def now(self) -> datetime:
        return self._call().now()

    def read(self, resource_type: str, logical_id: str, version_id: str | None = None) -> Json | None:
        path = (resource_type, logical_id)
        try:
            return _resource(self._ask("GET", path if version_id is None else (*path, "_history", version_id)))
        except FhirError as error:
            if error.failure in _ABSENT:
                return None
            raise

    def search(self, resource_type: str, query: Query = ()) -> Iterator[Json]:
        asked = _pairs(query)
        if not any(name == "_count" for name, _ in asked):
            asked = (*asked, ("_count", str(self._call().rules.max_count)))
        return self._pages(_steps(resource_type), asked)

    def page(self, resource_type: str, query: Query = ()) -> Json:
        return _body(self._ask("GET", _steps(resource_type), query=_pairs(query)))

    def one_of_each(self, resource_type: str, parameter: str) -> Iterator[Json]:
        call = self._call()
        in_use = call.find.searches.in_use()
        for name in (resource_type,) if resource_type else sorted(in_use):
            _check_listed(name, parameter, call)
            for logical_id in one_of_each(call.find, name, parameter) if name in in_use else ():
                resource = self.read(name, logical_id)
                if resource is not None:
                    yield resource

    def count(self, resource_type: str, query: Query = ()) -> int:
        asked = (*_pairs(query), ("_summary", "count"))
        return int(_body(self._ask("GET", _steps(resource_type), query=asked))["total"])

    def history(self, resource_type: str, logical_id: str) -> Iterator[Json]:
        return self._pages((resource_type, logical_id, "_history"), ())

    def validate(self, resource: Json, logical_id: str | None = None) -> list[Issue]:
        call = self._call()
        resource_type = resource.get("resourceType")
        path = (resource_type if isinstance(resource_type, str) else "",)
        if logical_id is None:
            return call.examine(self._request("POST", path, body=resource), call)
        return call.examine(self._request("PUT", (*path, logical_id), body=resource), call)

    def create(self, resource: Json, if_none_exist: str | None = None) -> Json:
        return self._written(self._ask("POST", _place(resource)[:1], body=resource, if_none_exist=if_none_exist))

    def update(self, resource: Json, if_match: str | None = None) -> Json:
        return self._written(self._ask("PUT", _place(resource), body=resource, if_match=if_match))

    def patch(self, resource_type: str, logical_id: str, patch: Any, if_match: str | None = None) -> Json:
        media_type = FHIR_JSON
        if isinstance(patch, list):
            media_type = "application/json-patch+json"
        elif patch.get("resourceType") != "Parameters":
            media_type = "application/merge-patch+json"
        path = (resource_type, logical_id)
        return self._written(self._ask("PATCH", path, body=patch, content_type=media_type, if_match=if_match))

    def delete(self, resource_type: str, logical_id: str) -> None:
        self._ask("DELETE", (resource_type, logical_id))

    def transaction(self, entries: Sequence[Json]) -> list[Json]:
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
        found: list[Json] = _body(self._ask("POST", (), body=bundle)).get("entry", [])
        return found

    def operation(self, path: str, parameters: Json | None = None) -> Json | None:
        place, _, query = path.partition("?")
        method: Method = "POST" if parameters is not None or not query else "GET"
        response = self._ask(method, tuple(place.strip("/").split("/")), query=_pairs(query), body=parameters)
        return None if response.body is None else decode_trusted(response.body)

    def schedule(
        self,
        job: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        at: datetime | None = None,
    ) -> str:
        if self._plugin is None:
            raise ValueError("Only a plugin has jobs.")
        call = self._call()
        return call.jobs.schedule(self._plugin.name, job, dict(parameters or {}), key=key, at=at or call.now())

    def as_model(self, resource: Json) -> Any:
        return models.as_model(resource)

    def from_model(self, model: Any) -> Json:
        return models.from_model(model)

    def _pages(self, path: tuple[str, ...], query: tuple[tuple[str, str], ...]) -> Iterator[Json]:
        while True:
            page = _body(self._ask("GET", path, query=query))
            for row in page.get("entry", ()):
                if "resource" in row and row.get("search", {}).get("mode") != "outcome":
                    yield row["resource"]
            onward = next((link["url"] for link in page.get("link", ()) if link["relation"] == "next"), None)
            if onward is None:
                return
            query = parse_query(onward.partition("?")[2])

    def _written(self, response: FhirResponse) -> Json:
        return _body(response)

    def _request(self, method: Method, path: tuple[str, ...], **more: Any) -> FhirRequest:
        if more.get("body") is not None:
            more.setdefault("content_type", FHIR_JSON)
        return FhirRequest(
            method, path, agent=self._agent, request_id=self._request_id, prefer_return="representation", **more
        )

    def _ask(self, method: Method, path: tuple[str, ...], **more: Any) -> FhirResponse:
        call = self._call()
        return call.dispatch(self._request(method, path, **more), call)


def reader(call: Call, plugin: Plugin, interaction: Interaction) -> PluginHub:
    """Return what the hooks of a request read with: as the plugin, within the request's transaction.

    No hook is called for what it reads: one that reads would be called for that, and so on.
    """
    silent = replace(call, hooks=_SILENT)
    return PluginHub(lambda: silent, Agent("plugin", plugin.name), plugin, request_id=interaction.request_id)


def hub_for(call: Call, interaction: Interaction, plugin: Plugin | None = None) -> Hub:
    """Return a hub that acts for the agent of a request, within its transaction."""
    return PluginHub(lambda: call, interaction.agent, plugin, request_id=interaction.request_id)


def _steps(where: str) -> tuple[str, ...]:
    return tuple(step for step in where.split("/") if step)


def _check_listed(resource_type: str, parameter: str, call: Call) -> None:
    if not r4().is_resource_type(resource_type):
        raise FhirError(Failure.UNKNOWN_TYPE, f"{resource_type[:80]!r} is not a resource type of FHIR R4.")
    found = call.site.parameters.of(resource_type).get(parameter)
    if found is None or found.type not in _LISTED:
        said = "is none" if found is None else f"of type {found.type} is none"
        raise FhirError(
            Failure.BAD_VALUE, f"{parameter[:80]!r} {said} of {resource_type} whose values an index lists one by one."
        )


def _place(resource: Json) -> tuple[str, ...]:
    resource_type, logical_id = resource.get("resourceType"), resource.get("id")
    if not isinstance(resource_type, str):
        raise FhirError(Failure.INVALID, "The resource has no resourceType.", expression=["resourceType"])
    return (resource_type, logical_id) if isinstance(logical_id, str) else (resource_type,)


def _pairs(query: Query) -> tuple[tuple[str, str], ...]:
    return parse_query(query.encode()) if isinstance(query, str) else tuple(query)


def _resource(response: FhirResponse) -> Json | None:
    return None if response.body is None else decode_trusted(response.body)


def _body(response: FhirResponse) -> Json:
    assert response.body is not None, "what answers with a representation has one"
    resource: Json = decode_trusted(response.body)
    return resource
