"""Showing the signed heads to witnesses (C2SP tlog-witness), and keeping the cosignatures they give.

A witness that is slow, down or wrong never delays sealing: see `followers`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunewarden.domain.errors import Malformed, TunewardenError
from tunewarden.drivers.posting import Answer, Post
from tunewarden.entry.diagnostics import logger
from tunewarden.entry.followers import Follow, Rest
from tunewarden_audit.log import Signed
from tunewarden_audit.note import InvalidKey, InvalidNote, VerifierKey, load_key, open_note, signature_of
from tunewarden_audit.witness import PATH, SIZE_TYPE, submission

_TRIES = 3
_PACE_SECONDS = 1.0  # between two submissions to one witness
_AGAIN_SECONDS = 2.0  # after one that failed; twice as long after each further one,
_LONGEST_REST_SECONDS = 60.0  # up to this

Prove = Callable[[int, int], Sequence[bytes]]
"""(old size, size) -> the consistency proof between them, RFC 6962 section 2.1.2."""

Keep = Callable[[int, bytes, str], None]
"""(size, root, signature line): put a verified cosignature under that head."""


class Contradicted(Exception):
    """The witness has seen another history of this log than the one that is signed here."""


class NotCosigned(Exception):
    """The witness gave no usable answer."""


@dataclass(frozen=True, slots=True)
class WitnessAddress:
    """Where a witness is, and the key that its cosignatures must have."""

    url: str
    key: VerifierKey


def read_witnesses(text: str) -> tuple[WitnessAddress, ...]:
    """`URL VKEY`, several with commas between. Raises `Malformed`, without echoing it."""
    found: list[WitnessAddress] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        url, _, vkey = part.partition(" ")
        try:
            key = load_key(vkey)
        except InvalidKey as error:
            raise _unreadable(f"the key of witness {len(found) + 1} cannot be used ({error})") from None
        if not key.is_witness or not url.startswith(("https://", "http://")):
            raise _unreadable(f"witness {len(found) + 1} is not an http or https address and a key of type 0x04")
        found.append(WitnessAddress(url.rstrip("/"), key))
    return tuple(found)


class WitnessClient:
    """Submits heads to one witness and remembers how far it has seen."""

    def __init__(self, address: WitnessAddress, post: Post, prove: Prove, keep: Keep) -> None:
        self._address, self._post, self._prove, self._keep = address, post, prove, keep
        self._seen = 0  # until the witness says otherwise

    def submit(self, head: Signed) -> None:
        """Have a head cosigned, and keep the cosignature.

        Raises `Contradicted`, `NotCosigned`, `Unavailable`, and what `prove` and `keep` raise.
        """
        for _ in range(_TRIES):
            if self._seen > head.size:
                raise Contradicted(f"it has cosigned size {self._seen}, and here {head.size} is the newest")
            # 1. The head, with the proof that it continues what this witness saw last.
            proof = self._prove(self._seen, head.size) if 0 < self._seen < head.size else ()
            body = submission(self._seen, proof, head.checkpoint)
            answer = self._post(self._address.url + PATH, body, "text/plain; charset=utf-8")
            # 2. The witness has seen another size: go on from there.
            if answer.status == 409:
                self._seen = self._corrected(answer, head.size)
                if self._seen > head.size:
                    # Whoever reads the log may have shown it a newer head, an instant ago: the next one here tells.
                    raise NotCosigned(f"it has cosigned size {self._seen} already")
                continue
            if answer.status == 422:
                raise Contradicted(f"it says that size {head.size} does not continue size {self._seen}")
            if answer.status != 200:
                raise NotCosigned(f"it answered {answer.status}")
            # 3. The cosignature is worth keeping only if it verifies.
            self._keep(head.size, head.frontier.root(), self._cosignature(head, answer))
            self._seen = head.size
            return
        raise NotCosigned("it names another size each time")

    def _corrected(self, answer: Answer, size: int) -> int:
        text = answer.body.decode("ascii", "replace").strip()
        usable = answer.content_type == SIZE_TYPE and text.isdecimal() and len(text) <= 19
        if self._seen == size and (not usable or int(text) == size):
            raise Contradicted(f"it has cosigned another root for size {size}")
        if not usable:
            raise NotCosigned("it answered 409 without a size")
        return int(text)

    def _cosignature(self, head: Signed, answer: Answer) -> str:
        try:
            note = head.checkpoint + answer.body.decode()
            cosigned = open_note(note, [self._address.key]).text
            line = signature_of(note, self._address.key)
        except (InvalidNote, UnicodeDecodeError):
            raise NotCosigned("its cosignature does not verify") from None
        if not head.checkpoint.startswith(f"{cosigned}\n"):  # an empty line in the answer would move the text's end
            raise NotCosigned("it cosigned another text")
        return line


def showing_to(client: WitnessClient, name: str, again_seconds: float = _AGAIN_SECONDS) -> Follow:
    """Shows each head that it is told of to one witness. A contradiction is an alarm for a person, and the end."""

    failures = 0

    def follow(head: Signed) -> Rest | None:
        nonlocal failures
        try:
            client.submit(head)
        except Contradicted as contradiction:
            logger.critical(
                "witness_contradicts",
                witness=name,
                reason=str(contradiction),
                remedy="keep database, state file and the witness's evidence as they are; call the auditor",
            )
            return None
        except (NotCosigned, TunewardenError) as problem:
            logger.warning("head_not_witnessed", witness=name, size=head.size, reason=str(problem))
            rest = min(again_seconds * 2 ** min(failures, 10), _LONGEST_REST_SECONDS)
            failures += 1
            return Rest(rest, again=True)
        failures = 0
        return Rest(_PACE_SECONDS)

    return follow


def _unreadable(reason: str) -> Malformed:
    return Malformed(
        "witnesses_malformed",
        f"The setting witnesses cannot be read: {reason}.",
        remedy="Write each as URL and vkey with a space between, several with commas between.",
        param="witnesses",
    )
