"""Structured logs: one line for each request and for each event, as text or as JSON.

Never in a line: parameter values, bodies, and header values but the request id. They hold patient data
(https://hl7.org/fhir/R4/security.html#6.1.0).
"""

import contextlib
import logging
import os
import re
import time
from collections.abc import Callable
from logging.config import dictConfig
from typing import Any, Final, Literal
from urllib.parse import quote

import msgspec

LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

STDERR: Final = 2
QUIET_PATHS: Final = frozenset({"/health", "/ready", "/metrics"})
"""Asked every few seconds by machines: logged at debug only."""

_PARAMETER_NAME: Final = re.compile(r"[A-Za-z0-9_:.$-]{1,128}\Z")
_SECRET_NAME: Final = "?"


def write_stderr(line: bytes) -> None:
    """Write one line to standard error in one call, so that lines of several threads and processes do not mix."""
    # A log that nobody reads any more must not stop the answers.
    with contextlib.suppress(OSError):
        while line:
            line = line[os.write(STDERR, line) :]


class RequestLog:
    """Writes the line of a request.

    Arguments:
        level: lines below it are left out; an answer of 500 and above is an `error`, others are `info`.
        clock: seconds since 1970.
        write: takes one line with its line feed.
    """

    def __init__(
        self,
        level: LogLevel = "info",
        form: LogFormat = "text",
        *,
        clock: Callable[[], float] = time.time,
        write: Callable[[bytes], None] = write_stderr,
    ) -> None:
        self._level = getattr(logging, level.upper())
        self._line = _json_line if form == "json" else _text_line
        self._clock = clock
        self._write = write

    def __call__(
        self, request_id: str, method: str, path: str, names: tuple[str, ...], status: int, seconds: float, size: int
    ) -> None:
        """Log one request; `names` are those of its parameters, `size` the bytes of the answer's body."""
        severity = logging.ERROR if status >= 500 else logging.DEBUG if path in QUIET_PATHS else logging.INFO
        if severity < self._level:
            return
        fields = {
            "time": _timestamp(self._clock()),
            "level": logging.getLevelName(severity).lower(),
            "logger": "fhirhub.request",
            "request_id": request_id,
            "method": method,
            "path": _readable(path),
            "parameters": [name if _PARAMETER_NAME.match(name) else _SECRET_NAME for name in names],
            "status": status,
            "ms": round(seconds * 1000, 2),
            "bytes": size,
        }
        self._write(self._line(fields))


def configure_logs(level: LogLevel, form: LogFormat) -> dict[str, Any]:
    """Send what the loggers of this process say to standard error; return the configuration, for granian's workers."""
    configuration = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": JsonFormatter if form == "json" else TextFormatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "fhirhub": {"level": level.upper()},
            # Its messages about starting and stopping are of interest to those who look for an error only.
            "_granian": {"level": "INFO" if level == "debug" else "WARNING"},
        },
    }
    dictConfig(configuration)
    return configuration


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record; its traceback becomes the field `exception`."""
        fields = _event(record)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return _encode(fields).decode()


class TextFormatter(logging.Formatter):
    """One line a person reads, and the traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        fields = _event(record)
        request_id = f" {fields['request_id']}" if "request_id" in fields else ""
        message = fields["message"].replace("\r", "\\r").replace("\n", "\\n")
        line = f"{fields['time']} {fields['level']}{request_id} {fields['logger']}: {message}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


_encode: Final = msgspec.json.Encoder().encode


def _event(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "time": _timestamp(record.created),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    if request_id := getattr(record, "request_id", None):
        fields["request_id"] = request_id
    return fields


def _readable(path: str) -> str:
    """A path as WSGI gives it (each character one byte), as text without control characters or blanks."""
    if not path.isascii():
        path = path.encode("latin-1", "replace").decode("utf-8", "replace")
    return path if path.isprintable() and " " not in path else quote(path, safe="/$:")


def _json_line(fields: dict[str, Any]) -> bytes:
    return _encode(fields) + b"\n"


def _text_line(fields: dict[str, Any]) -> bytes:
    names = ",".join(fields["parameters"])
    line = (
        f"{fields['time']} {fields['level']} {fields['request_id']} {fields['method']} {fields['path']}"
        f"{names and '?' + names}"
        f" {fields['status']} {fields['ms']}ms {fields['bytes']}B\n"
    )
    return line.encode()


def _timestamp(seconds: float) -> str:
    whole = int(seconds)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{int((seconds - whole) * 1000):03}Z"
