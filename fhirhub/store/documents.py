"""The server's own documents: history, outbox, locks, process numbers, installation, added search parameters.

Resources live in one collection per type (see `collections.py`); these are what stands beside them. The write path goes
through their pymongo collections, inside the transaction of the unit of work.
"""

from typing import Any, Final

from mongoengine import (
    BinaryField,
    BooleanField,
    DateTimeField,
    DictField,
    Document,
    EmbeddedDocument,
    EmbeddedDocumentListField,
    IntField,
    ListField,
    LongField,
    StringField,
)

ALIAS: Final = "fhirhub"
"""The mongoengine connection all documents use."""

LOCK_STRIPES: Final = 256
"""How many lock documents there are; conditional writes with different criteria rarely meet on one."""


class History(Document):  # type: ignore[misc]  # mongoengine ships no types
    """A superseded version: the bytes that were served, under `Type/id/version`."""

    key = StringField(primary_key=True)
    resource_type = StringField(db_field="t", required=True)
    stamp = LongField(db_field="u", required=True)
    superseded = LongField(db_field="s", required=True)
    method = StringField(db_field="m", required=True)
    created = LongField(db_field="n")
    content = BinaryField(db_field="r")

    meta: dict[str, Any] = {  # noqa: RUF012  # mongoengine reads a plain dict
        "db_alias": ALIAS,
        "collection": "history",
        "auto_create_index": False,
        "indexes": [{"fields": ["resource_type", "stamp"], "cls": False}, {"fields": ["stamp"], "cls": False}],
    }


class Outbox(Document):  # type: ignore[misc]  # mongoengine ships no types
    """What one commit changed, for those who act after the response; written in the same transaction."""

    stamp = LongField(primary_key=True)
    changes = ListField(DictField(), db_field="c", required=True)

    meta: dict[str, Any] = {  # noqa: RUF012  # mongoengine reads a plain dict
        "db_alias": ALIAS,
        "collection": "outbox",
        "auto_create_index": False,
    }


class Lock(Document):  # type: ignore[misc]  # mongoengine ships no types
    """One stripe that conditional writes with the same criteria both write, so that MongoDB makes one of them wait."""

    number = IntField(primary_key=True)
    taken = LongField(db_field="c", required=True, default=0)

    meta: dict[str, Any] = {  # noqa: RUF012  # mongoengine reads a plain dict
        "db_alias": ALIAS,
        "collection": "lock",
        "auto_create_index": False,
    }


class Counter(Document):  # type: ignore[misc]  # mongoengine ships no types
    """A number that only rises; `process` numbers the processes that make stamps."""

    name = StringField(primary_key=True)
    value = LongField(db_field="c", required=True, default=0)

    meta: dict[str, Any] = {  # noqa: RUF012  # mongoengine reads a plain dict
        "db_alias": ALIAS,
        "collection": "counter",
        "auto_create_index": False,
    }


class Installation(Document):  # type: ignore[misc]  # mongoengine ships no types
    """Which layout the database has, so that another version of fhirhub notices before it writes."""

    name = StringField(primary_key=True, default="fhirhub")
    layout = IntField(required=True)
    created = DateTimeField(required=True)

    meta: dict[str, Any] = {  # noqa: RUF012  # mongoengine reads a plain dict
        "db_alias": ALIAS,
        "collection": "installation",
        "auto_create_index": False,
    }


class AddedParameter(EmbeddedDocument):  # type: ignore[misc]  # mongoengine ships no types
    """An active SearchParameter beyond R4: since which generation it says what it says, and if all is indexed by it.

    `parts` holds the URLs of the components of a composite.
    """

    logical_id = StringField(db_field="i", required=True)
    code = StringField(db_field="c", required=True)
    parts = ListField(StringField(), db_field="d")
    since = LongField(db_field="g", required=True)
    built = BooleanField(db_field="b", required=True, default=False)


class ParameterSet(Document):  # type: ignore[misc]  # mongoengine ships no types
    """Which search parameters were added; its generation rises in the transaction that changes one of them."""

    name = StringField(primary_key=True)
    generation = LongField(db_field="g", required=True, default=0)
    parameters = EmbeddedDocumentListField(AddedParameter, db_field="p")

    meta: dict[str, Any] = {  # noqa: RUF012  # mongoengine reads a plain dict
        "db_alias": ALIAS,
        "collection": "parameter_set",
        "auto_create_index": False,
    }


class ParameterFailure(Document):  # type: ignore[misc]  # mongoengine ships no types
    """How often an added parameter could not be evaluated, under `Type/code`."""

    place = StringField(primary_key=True)
    count = LongField(db_field="c", required=True, default=0)
    reason = StringField(db_field="r")
    last = DateTimeField(db_field="l")

    meta: dict[str, Any] = {  # noqa: RUF012  # mongoengine reads a plain dict
        "db_alias": ALIAS,
        "collection": "parameter_failure",
        "auto_create_index": False,
    }


class ReindexProgress(EmbeddedDocument):  # type: ignore[misc]  # mongoengine ships no types
    """How far a reindex is with one resource type; `after` is the id it continues behind."""

    resource_type = StringField(db_field="n", required=True)
    after = StringField(db_field="a", default="")
    total = LongField(db_field="c", default=0)
    done = LongField(db_field="d", default=0)
    failed = LongField(db_field="f", default=0)
    complete = BooleanField(db_field="e", default=False)


class ReindexRun(Document):  # type: ignore[misc]  # mongoengine ships no types
    """One reindex: what was asked for, and how far it is.

    `wanted` holds resource types, none for all; `everything` says whether also those are made again that were indexed
    by all parameters. `generation` is the one to reach, `fence` that of the lease under which it was last worked on.
    """

    number = LongField(primary_key=True)
    wanted = ListField(StringField(), db_field="w")
    everything = BooleanField(db_field="v", default=True)
    requested = DateTimeField(db_field="q", required=True)
    started = DateTimeField(db_field="s")
    ended = DateTimeField(db_field="t")
    generation = LongField(db_field="g")
    fence = LongField(db_field="f", default=0)
    progress = EmbeddedDocumentListField(ReindexProgress, db_field="p")

    meta: dict[str, Any] = {  # noqa: RUF012  # mongoengine reads a plain dict
        "db_alias": ALIAS,
        "collection": "reindex_run",
        "auto_create_index": False,
    }


class Lease(Document):  # type: ignore[misc]  # mongoengine ships no types
    """Who does a work that one process at a time may do, until when; the fence rises when the owner changes."""

    work = StringField(primary_key=True)
    owner = StringField(db_field="o")
    until = DateTimeField(db_field="u")
    fence = LongField(db_field="f", default=0)

    meta: dict[str, Any] = {  # noqa: RUF012  # mongoengine reads a plain dict
        "db_alias": ALIAS,
        "collection": "lease",
        "auto_create_index": False,
    }


DOCUMENTS: Final = (
    History,
    Outbox,
    Lock,
    Counter,
    Installation,
    ParameterSet,
    ParameterFailure,
    ReindexRun,
    Lease,
)
"""All of them, for creating collections and indexes at start."""
