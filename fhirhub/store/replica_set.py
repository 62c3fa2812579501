"""Replica sets: make a one-node set of a fresh mongod, and refuse a MongoDB that is none.

fhirhub's writes are transactions, and MongoDB has these only in a replica set or a sharded cluster; that is what makes
https://hl7.org/fhir/R4/http.html#transaction atomic.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any

from pymongo import MongoClient
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from fhirhub.settings import ConfigurationError

POLL_SECONDS = 0.02
_NOT_YET_INITIALIZED, _ALREADY_INITIALIZED = 94, 23
# MongoDB publishes support for about three years; 7.0 is the oldest release line inside it.
_OLDEST_SUPPORTED = (7, 0)

Client = MongoClient[dict[str, Any]]


class MongodUnreachable(ConfigurationError):
    """The MongoDB of FHIRHUB_MONGODB_URI does not answer, or does not let fhirhub in."""


class StandaloneMongod(ConfigurationError):
    """The MongoDB of FHIRHUB_MONGODB_URI is neither a replica set nor a sharded cluster."""


def require_replica_set(client: Client) -> None:
    """Return when the server behind `client` has transactions.

    Raises StandaloneMongod when it has not, and what pymongo raises when it does not answer.
    """
    hello = client.admin.command("hello")
    if "setName" in hello or hello.get("msg") == "isdbgrid":
        return
    raise StandaloneMongod(
        "FHIRHUB_MONGODB_URI names a standalone mongod. fhirhub writes a resource, its history, its index entries and "
        "its outbox entry in one transaction, and a standalone mongod has no transactions, so a crash could "
        'tear a record. Start it with --replSet NAME and run rs.initiate() once in mongosh, or add "replicaSet=NAME" '
        "to the URI of a replica set. One node is enough."
    )


def server_version(uri: str) -> str:
    """The version of the MongoDB behind `uri`, which is a replica set or sharded cluster.

    Raises MongodUnreachable or StandaloneMongod; neither message repeats the URI, which may hold a password.
    """
    try:
        with Client(uri, serverSelectionTimeoutMS=5_000) as client:
            require_replica_set(client)
            return str(client.server_info()["version"])
    except PyMongoError as error:
        raise MongodUnreachable(f"The MongoDB of FHIRHUB_MONGODB_URI cannot be used: {error}") from error


def end_of_life(version: str) -> str | None:
    """A sentence to log when MongoDB `version` ("6.0.5") gets no security fixes any more, else None."""
    release = tuple(int(part) for part in version.split(".")[:2])
    if release >= _OLDEST_SUPPORTED:
        return None
    return (
        f"MongoDB {version} is past its end of life and gets no security fixes. It is meant for trying fhirhub and for "
        f"tests: in production set FHIRHUB_MONGODB_URI to a replica set of MongoDB 7 or 8."
    )


def await_primary(port: int, name: str, deadline: float, alive: Callable[[], bool]) -> Mapping[str, Any]:
    """Make the mongod on loopback `port` primary of its one-node set `name`, and return its `hello`.

    Initiates a new set; moves an old one to `port` when it was configured for another. `deadline` is in seconds of
    time.monotonic. Raises TimeoutError after it and as soon as `alive` says that the mongod has ended.
    """
    host = f"127.0.0.1:{port}"
    # A direct connection: before it is initiated, and after a change of port, the set does not know its own address.
    with direct_client(port) as client:
        while alive() and time.monotonic() < deadline:
            # mongod hangs up on everybody when its part in the set changes.
            with contextlib.suppress(AutoReconnect):
                hello = client.admin.command("hello")
                if hello.get("isWritablePrimary") and hello.get("me") == host:
                    return hello
                _configure(client, name, host)
            time.sleep(POLL_SECONDS)
    raise TimeoutError(f"the replica set on {host} did not elect a primary in time")


def direct_client(port: int) -> Client:
    """A client of the mongod on loopback `port` alone, whatever its replica set says."""
    return MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=5_000)


def _configure(client: Client, name: str, host: str) -> None:
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALIZED:
            raise
        _initiate(client, name, host)
        return
    if [member["host"] for member in config["members"]] != [host]:
        members = [config["members"][0] | {"host": host}]
        changed = config | {"members": members, "version": config["version"] + 1}
        # Forced, because a set whose only member is elsewhere has no primary to accept the change.
        client.admin.command("replSetReconfig", changed, force=True)


def _initiate(client: Client, name: str, host: str) -> None:
    try:
        client.admin.command("replSetInitiate", {"_id": name, "members": [{"_id": 0, "host": host}]})
    except OperationFailure as error:
        # A restarted mongod answers before it has read its own configuration.
        if error.code != _ALREADY_INITIALIZED:
            raise


def answers(port: int) -> Mapping[str, Any] | None:
    """The `hello` of the mongod on loopback `port`, with its `pid` added, or None."""
    try:
        with direct_client(port) as client:
            return {**client.admin.command("hello"), "pid": client.admin.command("serverStatus")["pid"]}
    except PyMongoError:
        return None
