"""The server's own documents: history, outbox, locks, process numbers, installation.

Resources live in one collection per type (see `collections.py`); these are what stands beside them. The write path goes
through their pymongo collections, inside the transaction of the unit of work.
"""

from typing import Any, Final

from mongoengine import (
    BinaryField,
    DateTimeField,
    DictField,
    Document,
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


DOCUMENTS: Final = (History, Outbox, Lock, Counter, Installation)
"""All of them, for creating collections and indexes at start."""
