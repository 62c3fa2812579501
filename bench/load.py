"""A load generator: one process, many keep-alive connections, prebuilt requests, nothing parsed but the length.

It costs some 20 µs of CPU a request, which it takes from the server it measures: both share the machine.
"""

import selectors
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run found: answers by status class, and the time each took in seconds."""

    seconds: float
    statuses: dict[int, int]
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Successful answers a second."""
        return sum(count for status, count in self.statuses.items() if status < 400) / self.seconds

    def percentile(self, part: float) -> float:
        """Return the latency below which `part` (0 to 1) of the answers came, in milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(int(len(ordered) * part), len(ordered) - 1)]


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    out: memoryview = field(default_factory=lambda: memoryview(b""))
    received: bytearray = field(default_factory=bytearray)
    wanted: int = 0
    began: float = 0.0


def request(method: str, path: str, body: bytes = b"", host: str = "127.0.0.1", **headers: str) -> bytes:
    """Return a complete HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Accept: application/fhir+json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/fhir+json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def run(
    port: int, requests: Callable[[], Iterator[bytes]], *, clients: int, seconds: float, at_most: int | None = None
) -> Measured:
    """Send requests over `clients` connections, one at a time on each, and measure.

    Arguments:
        requests: makes the sequence that all connections draw from; the run ends with it.
        seconds: longest time to go on.
        at_most: most requests to send.
    """
    source = requests()
    selector = selectors.DefaultSelector()
    statuses: dict[int, int] = {}
    latencies: list[float] = []
    sent = 0
    open_connections = 0
    began = time.perf_counter()

    def begin(connection: _Connection) -> bool:
        nonlocal sent
        if (at_most is not None and sent >= at_most) or time.perf_counter() - began > seconds:
            return False
        message = next(source, None)
        if message is None:
            return False
        sent += 1
        connection.received.clear()
        connection.wanted = 0
        connection.began = time.perf_counter()
        connection.out = memoryview(message)
        _send(connection, selector)
        return True

    for _ in range(clients):
        plug = socket.create_connection(("127.0.0.1", port))
        plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plug.setblocking(False)
        connection = _Connection(plug)
        selector.register(plug, selectors.EVENT_READ, connection)
        if begin(connection):
            open_connections += 1
    while open_connections:
        for key, events in selector.select(timeout=30):
            connection = key.data
            if events & selectors.EVENT_WRITE:
                _send(connection, selector)
            if events & selectors.EVENT_READ and _receive(connection):
                latencies.append(time.perf_counter() - connection.began)
                status = int(connection.received[9:12])
                statuses[status] = statuses.get(status, 0) + 1
                if not begin(connection):
                    open_connections -= 1
    elapsed = time.perf_counter() - began
    for key in list(selector.get_map().values()):
        key.data.socket.close()
    selector.close()
    return Measured(elapsed, statuses, latencies)


def _send(connection: _Connection, selector: selectors.BaseSelector) -> None:
    try:
        done = connection.socket.send(connection.out)
    except BlockingIOError:
        done = 0
    connection.out = connection.out[done:]
    events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.out else 0)
    selector.modify(connection.socket, events, connection)


def _receive(connection: _Connection) -> bool:
    """Take what has come; return whether the answer is complete."""
    data = connection.socket.recv(1 << 18)
    if not data:
        raise ConnectionError("the server closed the connection")
    connection.received += data
    if not connection.wanted:
        end = connection.received.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(connection.received[:end]).lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        connection.wanted = end + 4 + length
    return len(connection.received) >= connection.wanted
