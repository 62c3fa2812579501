"""Tells the operator how a load goes: a progress bar on a terminal, a line for each refusal, the sum at the end.

https://hl7.org/fhir/R4/operationoutcome.html
"""

import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from tqdm import tqdm

from fhirhub.errors import Failure
from fhirhub.loading import Done, Event, Refusal, Skipped, Summary, outcome, sentences
from fhirhub.model.json import encode


class Teller:
    """Follows one load.

    Arguments:
        total: what the weights of all chunks come to.
        unit: what they count: "B" for bytes, else a word.
        report: where each refusal is written as an OperationOutcome, one a line.

    Afterwards `summary` has the counts, `stopped` why it ended before its end, and `too_large` says whether something
    was refused for its size.
    """

    def __init__(self, total: int, unit: str, report: IO[bytes] | None = None) -> None:
        self.summary = Summary()
        self.stopped: str | None = None
        self.too_large = False
        self._report = report
        self._bar: tqdm[Any] = tqdm(
            total=total,
            unit=unit,
            unit_scale=unit == "B",
            disable=not sys.stderr.isatty(),
            file=sys.stderr,
            dynamic_ncols=True,
        )

    def follow(self, events: Iterable[Event]) -> None:
        """Take in everything that happens, until it ends."""
        with self._bar:
            for event in events:
                if isinstance(event, Done):
                    self._done(event)
                elif isinstance(event, Refusal):
                    self.summary.tally["(unreadable)", "refused"] += 1
                    self._refused(event)
                else:
                    self._skipped(event)

    def _done(self, done: Done) -> None:
        self.summary.tally.update(done.tally)
        for refusal in done.refusals:
            self._refused(refusal)
        if done.stopped is not None and self.stopped is None:
            self.stopped = done.stopped
            _say(f"stopped: {done.stopped}")
        self._bar.update(done.weight)

    def _refused(self, refusal: Refusal) -> None:
        self.summary.refusals += 1
        self.too_large |= any(issue.code == Failure.TOO_LARGE.issue_code for issue in refusal.issues)
        for sentence in sentences(refusal):
            _say(f"refused {sentence}")
        if self._report is not None:
            self._report.write(encode(outcome(refusal)) + b"\n")

    def _skipped(self, skipped: Skipped) -> None:
        self.summary.skipped += 1
        _say(f"skipped {skipped.source}: {skipped.reason}")


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C and SIGTERM set, to end what has been begun in order; a second Ctrl-C interrupts."""
    stop = threading.Event()

    def told(number: int, frame: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()
        _say("Stopping: what has been begun is written first; Ctrl-C once more interrupts that.")

    before = {number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(text: str) -> None:
    # Through tqdm, which moves its bar out of the way.
    tqdm.write(text, file=sys.stderr)
