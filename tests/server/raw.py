"""Requests byte for byte, for what no HTTP client would send.

https://www.rfc-editor.org/rfc/rfc9112
"""

import json
import socket
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; `status` is 0 when the connection was closed without an answer. Header names are lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header, None where it is absent."""
        return dict(self.headers).get(name.lower())

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def exchange(port: int, request: bytes, *, timeout: float = 60, end: bool = False) -> Reply:
    """Send bytes to the server on a port of this machine and return its first answer that is no 1xx.

    Arguments:
        timeout: of each read, in seconds.
        end: close the sending side after the request, as a client that gives up.
    """
    with socket.create_connection(("127.0.0.1", port), timeout) as connection:
        try:
            connection.sendall(request)
            if end:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            # It may have been refused, and the connection closed, before all of it was sent.
            pass
        is_head = request.startswith(b"HEAD ")
        with connection.makefile("rb") as stream:
            try:
                reply = _reply(stream, is_head)
                while reply.status // 100 == 1:
                    reply = _reply(stream, is_head)
            except ConnectionResetError:
                return Reply(0, (), b"")
            return reply


def _reply(stream: Any, is_head: bool) -> Reply:
    first = stream.readline()
    if not first:
        return Reply(0, (), b"")
    headers = []
    while (line := stream.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        headers.append((name.decode("latin-1").lower(), value.strip().decode("latin-1")))
    status = int(first.split()[1])
    length = dict(headers).get("content-length")
    has_body = not is_head and status // 100 != 1 and status not in (204, 304)
    body = stream.read(None if length is None else int(length)) if has_body else b""
    return Reply(status, tuple(headers), body)
