"""A witness (C2SP tlog-witness): it cosigns a log's head only if that head continues the one it cosigned before.

For the auditor's own machine. `Witness` is the rule and its memory; `serve` is the HTTP door, and the only code of this
distribution that opens a socket.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tunewarden_audit import merkle
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
    open_note,
)

LARGEST_REQUEST = LONGEST_NOTE
SIZE_TYPE = "text/x.tlog.size"
PATH = "/add-checkpoint"
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_LENGTH = re.compile(r"[0-9]{1,9}")
_PATIENCE_SECONDS = 10


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
            with self._lock:  # reading what was seen and replacing it must not be interleaved
                self._continues(head, submission, body)  # 4, 5
                self._remember(head, submission.note)  # 6
        except _Refused as refused:
            return refused.answer
        return Answer(200, cosign(submission.note, self._key, int(self._clock())))

    def _trusted(self, note: str) -> TreeHead:
        head = _head(note)
        keys = [key for key in self._logs if key.name == head.origin]
        if not keys:
            raise _Refused(Answer(404, "this witness does not know that log\n"))
        try:
            open_note(note, keys)
        except InvalidNote as error:
            raise _Refused(Answer(403, f"{error}\n")) from None
        return head

    def _continues(self, head: TreeHead, submission: _Submission, body: bytes) -> None:
        if submission.old_size > head.size:
            raise _Refused(Answer(400, "the old size is larger than the checkpoint's\n"))
        last = self._last(head.origin)
        known = 0 if last is None else last.size
        if submission.old_size != known:
            raise _Refused(Answer(409, f"{known}\n", SIZE_TYPE))
        try:
            if last is None:
                _require_empty(submission.proof)
            elif (last.size, last.root) != (head.size, head.root):
                merkle.verify_consistency(last.size, head.size, submission.proof, last.root, head.root)
        except InvalidProof as error:
            self._keep(head, body)
            if known == head.size:
                raise _Refused(Answer(409, f"{known}\n", SIZE_TYPE)) from None
            raise _Refused(Answer(422, f"{error}\n")) from None

    def _last(self, origin: str) -> TreeHead | None:
        try:
            return _head(self._file(origin).read_text())
        except FileNotFoundError:
            return None

    def _remember(self, head: TreeHead, note: str) -> None:
        if head.size:
            _write(self._file(head.origin), note.encode())  # point of no return: from here on this head counts as seen

    def _keep(self, head: TreeHead, body: bytes) -> None:
        """Once for each head: anybody can send a signed head with a wrong proof, as often as they like."""
        path = self._evidence / f"{hashlib.sha256(head.text().encode()).hexdigest()}.txt"
        if not path.exists():
            _write(path, body)

    def _file(self, origin: str) -> Path:
        return self._seen / f"{hashlib.sha256(origin.encode()).hexdigest()}.checkpoint"


def submission(old_size: int, proof: Iterable[bytes], note: str) -> bytes:
    """The body of an add-checkpoint request: what a log sends to a witness that has last seen `old_size` entries."""
    lines = "".join(f"{base64.b64encode(value).decode('ascii')}\n" for value in proof)
    return f"old {old_size}\n{lines}\n{note}".encode()


def open_key(directory: Path, name: str) -> SignerKey:
    """The witness's key in its directory, mode 0600; made on the first call. Raises InvalidKey."""
    from tunewarden_audit.custody import create_key, read_key

    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / "witness.key"
    return read_key(path, name, COSIGNATURE) if path.exists() else create_key(path, name, COSIGNATURE)


def serve(witness: Witness, host: str, port: int) -> ThreadingHTTPServer:
    """A server that is bound and not yet running; call its `serve_forever`. Port 0 takes any free one."""

    class Door(BaseHTTPRequestHandler):
        timeout = _PATIENCE_SECONDS
        server_version, sys_version = "tunewarden-audit", ""

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

    return ThreadingHTTPServer((host, port), Door)


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
    try:
        return TreeHead.parse(note.partition("\n\n")[0] + "\n")
    except InvalidNote as error:
        raise _Refused(Answer(400, f"{error}\n")) from None


def _require_empty(proof: tuple[bytes, ...]) -> None:
    if proof:
        raise InvalidProof("a proof from size 0 is empty")


def _write(path: Path, data: bytes) -> None:
    """Beside it, flushed, renamed, and the folder flushed: it is there after a power cut, or the old one is."""
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
