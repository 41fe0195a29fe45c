"""A witness (C2SP tlog-witness): it cosigns a log's head only if that head continues the one it cosigned before.

For the auditor's own machine. `Witness` is the rule and its memory; `serve` is the HTTP door, and the only code of this
distribution that opens a socket.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tunewarden_audit import merkle
from tunewarden_audit.custody import create_key, read_key, replace_file
from tunewarden_audit.merkle import LONGEST_PROOF, InvalidProof
from tunewarden_audit.note import (
    COSIGNATURE,
    LARGEST_SIZE,
    LONGEST_NOTE,
    InvalidNote,
    SignerKey,
    TreeHead,
    VerifierKey,
    cosign,
    signed_head,
)

LARGEST_REQUEST = LONGEST_NOTE
SIZE_TYPE = "text/x.tlog.size"
PATH = "/add-checkpoint"
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_LENGTH = re.compile(r"[0-9]{1,9}")
_PATIENCE_SECONDS = 10  # for the next bytes of a client
_LONGEST_SECONDS = 30.0  # for all of them
_MOST_CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status, body, content type."""

    status: int
    body: str
    content_type: str = "text/plain; charset=utf-8"


class _Refused(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class _Submission:
    old_size: int
    proof: tuple[bytes, ...]
    note: str


class Witness:
    """One witness and what it has seen, in a directory of its own.

    `seen/` holds the newest cosigned checkpoint of each log, `evidence/` every head that the log signed and that was
    not shown to continue it. Two heads of one size with different roots convict the log's owner at once; for others ask
    the owner for a consistency proof between the two, which cannot exist if the log was forked.
    """

    def __init__(
        self, key: SignerKey, logs: Iterable[VerifierKey], directory: Path, clock: Callable[[], float]
    ) -> None:
        self._key, self._clock = key, clock
        self._logs = tuple(logs)
        self._seen, self._evidence = directory / "seen", directory / "evidence"
        self._lock = threading.Lock()
        for folder in (self._seen, self._evidence):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def add_checkpoint(self, body: bytes) -> Answer:
        """Cosign a checkpoint, or say why not (C2SP tlog-witness, "add-checkpoint"). Total.

        1. The request can be read. 2. The log is known. 3. It signed the head. 4. The proof starts where this witness
        is. 5. It leads to the new head. 6. The new head is remembered, durably, before anybody gets a cosignature.
        """
        try:
            submission = _submission(body)  # 1
            head = self._trusted(submission.note)  # 2, 3
            with self._lock:  # one after the other, to the end: nobody is told of a smaller head at a later time
                self._continues(head, submission, body)  # 4, 5
                self._remember(head, submission.note)  # 6
                return Answer(200, cosign(submission.note, self._key, int(self._clock())))
        except _Refused as refused:
            return refused.answer
        except OSError:
            return Answer(500, "this witness cannot read or write what it saw\n")

    def _trusted(self, note: str) -> TreeHead:
        try:
            origin = _head(note).origin
        except InvalidNote as error:
            raise _Refused(Answer(400, f"{error}\n")) from None
        keys = [key for key in self._logs if key.name == origin]
        if not keys:
            raise _Refused(Answer(404, "this witness does not know that log\n"))
        try:
            return signed_head(note, keys)
        except InvalidNote as error:
            raise _Refused(Answer(403, f"{error}\n")) from None

    def _continues(self, head: TreeHead, submission: _Submission, body: bytes) -> None:
        if submission.old_size > head.size:
            raise _Refused(Answer(400, "the old size is larger than the checkpoint's\n"))
        last = self._last(head.origin)
        if submission.old_size != last.size:
            raise _Refused(Answer(409, f"{last.size}\n", SIZE_TYPE))
        if last.size == head.size and last.root != head.root:
            self._keep(head, body)
            raise _Refused(Answer(409, f"{last.size}\n", SIZE_TYPE))
        try:
            if last.size:
                merkle.verify_consistency(last.size, head.size, submission.proof, last.root, head.root)
            elif submission.proof:
                raise InvalidProof("a proof from size 0 is empty")
        except InvalidProof as error:
            self._keep(head, body)
            raise _Refused(Answer(422, f"{error}\n")) from None

    def _last(self, origin: str) -> TreeHead:
        try:
            return _head(self._file(origin).read_bytes().decode())
        except FileNotFoundError:
            return TreeHead(origin, 0, merkle.EMPTY_ROOT)
        except ValueError:
            raise _Refused(Answer(500, "what this witness remembers of that log is damaged\n")) from None

    def _remember(self, head: TreeHead, note: str) -> None:
        if head.size:
            replace_file(self._file(head.origin), note.encode())  # point of no return: this head counts as seen

    def _keep(self, head: TreeHead, body: bytes) -> None:
        """Once for each head: anybody can send a signed head with a wrong proof, as often as they like."""
        path = self._evidence / f"{hashlib.sha256(head.text().encode()).hexdigest()}.txt"
        if not path.exists():
            replace_file(path, body)

    def _file(self, origin: str) -> Path:
        return self._seen / f"{hashlib.sha256(origin.encode()).hexdigest()}.checkpoint"


def submission(old_size: int, proof: Iterable[bytes], note: str) -> bytes:
    """The body of an add-checkpoint request: what a log sends to a witness that has last seen `old_size` entries."""
    lines = "".join(f"{base64.b64encode(value).decode('ascii')}\n" for value in proof)
    return f"old {old_size}\n{lines}\n{note}".encode()


def open_key(directory: Path, name: str) -> SignerKey:
    """The witness's key in its directory, mode 0600; made on the first call. Raises InvalidKey."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / "witness.key"
    return read_key(path, name, COSIGNATURE) if path.exists() else create_key(path, name, COSIGNATURE)


def serve(witness: Witness, host: str, port: int) -> ThreadingHTTPServer:
    """A server that is bound and not yet running; call its `serve_forever`. Port 0 takes any free one."""

    class Door(BaseHTTPRequestHandler):
        timeout = _PATIENCE_SECONDS
        server_version, sys_version = "tunewarden-audit", ""

        def setup(self) -> None:
            super().setup()
            self._end = threading.Timer(_LONGEST_SECONDS, self._hang_up)
            self._end.daemon = True
            self._end.start()

        def finish(self) -> None:
            self._end.cancel()
            super().finish()

        def _hang_up(self) -> None:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if self.path != PATH:
                self._say(Answer(404, "nothing here\n"))
            elif not _LENGTH.fullmatch(length) or int(length) > LARGEST_REQUEST:
                self._say(Answer(413, f"a request has at most {LARGEST_REQUEST} bytes and says how many\n"))
            else:
                self._say(witness.add_checkpoint(self.rfile.read(int(length))))

        def _say(self, answer: Answer) -> None:
            body = answer.body.encode()
            self.send_response(answer.status)
            self.send_header("content-type", answer.content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: what was seen is in the directory."""

    return _Server((host, port), Door)


class _Server(ThreadingHTTPServer):
    """A thread for each connection, of which there are only so many; one more is hung up on, and may come again."""

    def __init__(self, address: tuple[str, int], door: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, door)
        self._places = threading.BoundedSemaphore(_MOST_CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that went away is no news, and `add_checkpoint` answers whatever it is given."""


def _submission(body: bytes) -> _Submission:
    try:
        lines, separator, note = body.decode("utf-8").partition("\n\n")
    except UnicodeDecodeError:
        raise _Refused(Answer(400, "the request is not UTF-8\n")) from None
    first, *proof = lines.split("\n")
    old = _OLD.fullmatch(first)
    if old is None or not separator or int(old[1]) > LARGEST_SIZE or len(proof) > LONGEST_PROOF:
        raise _Refused(Answer(400, "a request is: old size, at most 63 hashes, an empty line, a checkpoint\n"))
    try:
        hashes = tuple(base64.b64decode(line, validate=True) for line in proof)
    except binascii.Error:
        raise _Refused(Answer(400, "a line of the proof is not base64\n")) from None
    return _Submission(int(old[1]), hashes, note)


def _head(note: str) -> TreeHead:
    return TreeHead.parse(note.partition("\n\n")[0] + "\n")
