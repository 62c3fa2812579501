"""The server's own documents: history, outbox, deliveries, jobs, locks, process numbers, installation and more.

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
    FloatField,
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
    """What one commit changed in one partition, for those who act after the response; written in the same transaction.

    Its stamp is that of the first version it names (docs/adr/0016-delivery.md).
    """

    stamp = LongField(primary_key=True)
    partition = IntField(db_field="p", required=True)
    changes = ListField(DictField(), db_field="c", required=True)

    meta: dict[str, Any] = {  # noqa: RUF012  # mongoengine reads a plain dict
        "db_alias": ALIAS,
        "collection": "outbox",
        "auto_create_index": False,
        "indexes": [{"fields": ["partition", "stamp"], "cls": False}],
    }


class Delivery(Document):  # type: ignore[misc]  # mongoengine ships no types
    """Versions of one resource that one plugin could not take yet, under `plugin Type/id`.

    Version 0 stands for whatever is current. `attempts` and `reason` are about the first of them; a parked one waits
    for `fhirhub replay`.
    """

    key = StringField(primary_key=True)
    plugin = StringField(db_field="g", required=True)
    resource_type = StringField(db_field="t", required=True)
    logical_id = StringField(db_field="i", required=True)
    partition = IntField(db_field="p", required=True)
    versions = ListField(LongField(), db_field="v", required=True)
    state = StringField(db_field="s", required=True)
    due = DateTimeField(db_field="d", required=True)
    attempts = IntField(db_field="n", required=True, default=0)
    reason = StringField(db_field="r")
    since = DateTimeField(db_field="q", required=True)

    meta: dict[str, Any] = {  # noqa: RUF012  # mongoengine reads a plain dict
        "db_alias": ALIAS,
        "collection": "delivery",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["partition", "state", "due"], "cls": False},
            {"fields": ["plugin", "state"], "cls": False},
        ],
    }


class JobDocument(Document):  # type: ignore[misc]  # mongoengine ships no types
    """One run of a job: waiting, running, done or failed.

    `slot` is unique: at a time one run of a key waits and one runs. `fence` rises with every worker that begins it;
    `until` is when that one is taken to be dead.
    """

    number = StringField(primary_key=True)
    work = StringField(db_field="w", required=True)
    key = StringField(db_field="k")
    slot = StringField(db_field="l")
    state = StringField(db_field="s", required=True)
    due = DateTimeField(db_field="d", required=True)
    parameters = BinaryField(db_field="a", required=True)
    attempts = IntField(db_field="n", required=True, default=0)
    owner = StringField(db_field="o")
    until = DateTimeField(db_field="u")
    fence = LongField(db_field="f", required=True, default=0)
    requested = DateTimeField(db_field="q", required=True)
    begun = DateTimeField(db_field="b")
    ended = DateTimeField(db_field="e")
    progress = FloatField(db_field="x")
    word = StringField(db_field="y")
    result = BinaryField(db_field="z")
    reason = StringField(db_field="r")

    meta: dict[str, Any] = {  # noqa: RUF012  # mongoengine reads a plain dict
        "db_alias": ALIAS,
        "collection": "job",
        "auto_create_index": False,
        "indexes": [
            {"fields": ["slot"], "unique": True, "sparse": True, "cls": False},
            {"fields": ["state", "due"], "cls": False},
            {"fields": ["work", "state", "ended"], "cls": False},
        ],
    }


class ScheduleDocument(Document):  # type: ignore[misc]  # mongoengine ships no types
    """When a job is to run next by its cron expression, under `plugin/job`."""

    work = StringField(primary_key=True)
    expression = StringField(db_field="c", required=True)
    due = DateTimeField(db_field="d", required=True)

    meta: dict[str, Any] = {  # noqa: RUF012  # mongoengine reads a plain dict
        "db_alias": ALIAS,
        "collection": "schedule",
        "auto_create_index": False,
    }


class WorkerMember(Document):  # type: ignore[misc]  # mongoengine ships no types
    """A worker and when it was last heard of."""

    owner = StringField(primary_key=True)
    place = StringField(db_field="h", required=True)
    seen = DateTimeField(db_field="u", required=True)
    since = DateTimeField(db_field="b", required=True)
    plugins = ListField(StringField(), db_field="g")

    meta: dict[str, Any] = {  # noqa: RUF012  # mongoengine reads a plain dict
        "db_alias": ALIAS,
        "collection": "worker",
        "auto_create_index": False,
    }


class HookCount(Document):  # type: ignore[misc]  # mongoengine ships no types
    """How often a hook of a plugin was called, how long that took in seconds, how often it failed and how at last."""

    key = StringField(primary_key=True)
    plugin = StringField(db_field="g", required=True)
    hook = StringField(db_field="h", required=True)
    calls = LongField(db_field="c", required=True)
    seconds = FloatField(db_field="s", required=True)
    failures = LongField(db_field="f", required=True)
    last_error = StringField(db_field="e")

    meta: dict[str, Any] = {  # noqa: RUF012  # mongoengine reads a plain dict
        "db_alias": ALIAS,
        "collection": "hook_count",
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
    """Who does a work that one process at a time may do, until when; the fence rises when the owner changes.

    `session` is the one in whose transactions the owner writes, if it does.
    """

    work = StringField(primary_key=True)
    owner = StringField(db_field="o")
    session = BinaryField(db_field="s")
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
    Delivery,
    JobDocument,
    ScheduleDocument,
    WorkerMember,
)
"""All of them, for creating collections and indexes at start."""
