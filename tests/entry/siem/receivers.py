"""Receivers on loopback ports, as a SIEM has them: a syslog server and an HTTP collector that do what a test says."""

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class SyslogServer:
    """Takes connections on a loopback port and keeps every message, taken apart by octet counting."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.messages: list[bytes] = []
        self._context = context
        self._changed = threading.Condition()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def wait_for(self, count: int) -> list[bytes]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.messages) >= count, timeout=20), self.messages
            return list(self.messages)

    def hang_up(self) -> None:
        for connection in self._connections:
            with suppress(OSError):  # it has gone already
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._connections.clear()

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes `accept`
        self._listening.close()
        self.hang_up()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
                if self._context is not None:
                    connection = self._context.wrap_socket(connection, server_side=True)
            except ssl.SSLError:
                continue
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        waiting = b""
        try:
            while data := connection.recv(65536):
                waiting += data
                while found := re.match(rb"([1-9][0-9]*) ", waiting):
                    end = found.end() + int(found[1])
                    if len(waiting) < end:
                        break
                    with self._changed:
                        self.messages.append(waiting[found.end() : end])
                        self._changed.notify_all()
                    waiting = waiting[end:]
        except OSError:
            pass
        finally:
            connection.close()


@dataclass(slots=True)
class Collector:
    """An HTTP collector on a loopback port that answers what a test says, and keeps what it got."""

    statuses: list[int] = field(default_factory=list)
    got: list[tuple[str, str, str | None]] = field(default_factory=list)
    answered: list[tuple[int, str]] = field(default_factory=list)
    body: bytes = b""
    url: str = ""


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens."""
    told = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            text = self.rfile.read(length := int(self.headers["Content-Length"])).decode()
            if len(text.encode()) < length:
                return  # the sender died
            told.got.append((text, self.headers["Content-Type"], self.headers["Authorization"]))
            status = told.statuses.pop(0) if told.statuses else 204
            told.answered.append((status, text))
            self.send_response(status)
            self.send_header("Location", f"{told.url}/elsewhere")
            self.send_header("Content-Length", str(len(told.body)))
            with suppress(BrokenPipeError, ConnectionResetError):
                self.end_headers()
                self.wfile.write(told.body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield told
    server.shutdown()
    server.server_close()
