"""How often added search parameters could not be evaluated: counted here, kept in the database.

https://hl7.org/fhir/R4/searchparameter.html#expression
"""

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final

from pymongo import UpdateOne

from fhirhub.search.parameters import Place
from fhirhub.store.documents import ParameterFailure

_LOG: Final = logging.getLogger("fhirhub.search_parameters")


class Failures:
    """Counts the failures of one process until `save` adds them to those of all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Place] = Counter()
        self._reasons: dict[Place, str] = {}

    def note(self, resource_type: str, code: str, error: Exception) -> None:
        """Count one; the first of each parameter is logged. What was raised may quote a patient's data: it is not."""
        place = (resource_type, code)
        with self._lock:
            is_first = place not in self._reasons
            self._counts[place] += 1
            self._reasons[place] = type(error).__name__
        if is_first:
            _LOG.warning(
                "the search parameter %s cannot be evaluated on a %s: %s", code, resource_type, type(error).__name__
            )

    def save(self) -> None:
        """Add what was counted to the database. Raises PyMongoError; then it is tried again next time."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            ParameterFailure._get_collection().bulk_write(
                [
                    UpdateOne(
                        {"_id": "/".join(place)},
                        {"$inc": {"c": count}, "$set": {"r": self._reasons[place]}, "$currentDate": {"l": True}},
                        upsert=True,
                    )
                    for place, count in counts.items()
                ],
                ordered=False,
            )
        except BaseException:
            with self._lock:
                self._counts.update(counts)
            raise


def failures() -> Mapping[Place, tuple[int, str]]:
    """Return what all processes have saved: how often, and what was raised last, by type and code."""
    rows = ParameterFailure._get_collection().find()
    return {_place(row["_id"]): (row["c"], row["r"]) for row in rows}


def _place(name: str) -> Place:
    resource_type, _, code = name.partition("/")
    return resource_type, code
