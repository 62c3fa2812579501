"""What this process has just evaluated, so that the events of one bulk load do not evaluate a patient again and again.

An event whose version an evaluation has already seen has nothing new for it.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

_PATIENTS: Final = 4096
_STRIPES: Final = 64


class Memory:
    """The versions of resources that the last whole evaluation of each patient saw; the latest patients only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, Mapping[str, int]] = OrderedDict()
        self._stripes = tuple(threading.Lock() for _ in range(_STRIPES))

    def turn(self, patient: str) -> threading.Lock:
        """Return the lock that lets the threads of this process evaluate a patient one after the other."""
        return self._stripes[hash(patient) % _STRIPES]

    def knows(self, patient: str) -> bool:
        """Whether the patient was evaluated a short while ago."""
        with self._lock:
            return patient in self._seen

    def has_seen(self, patient: str, reference: str, version: int) -> bool:
        """Whether the last whole evaluation of the patient saw this version of a resource, or a later one."""
        with self._lock:
            return self._seen.get(patient, {}).get(reference, 0) >= version

    def note(self, patient: str, versions: Mapping[str, int]) -> None:
        """Keep what an evaluation has seen; nothing, where it was not one of all rules."""
        with self._lock:
            self._seen[patient] = versions
            self._seen.move_to_end(patient)
            if len(self._seen) > _PATIENTS:
                self._seen.popitem(last=False)
