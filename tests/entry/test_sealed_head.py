"""Which head a bundle rests on: one that witnesses have seen, if it comes in time; else one that the sealer signed."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.conftest import NOW

from tunewarden.domain.errors import Unavailable
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.sql_log import store_tree_head
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.entry.sealed_head import covering
from tunewarden.entry.settings import Settings
from tunewarden_audit.note import COSIGNATURE, SignerKey, TreeHead, add_signature, cosign, sign_note

LOG = SignerKey.generate("tunewarden.example/log")
WITNESSES = [SignerKey.generate(name, COSIGNATURE) for name in ("w.example/a_1", "w.example/b%")]
NAMED = ", ".join(f"http://127.0.0.1:1 {key.verifier.vkey}" for key in WITNESSES)


@dataclass
class Waiting:
    """A clock that only waiting moves; `log` gets its heads when their time has come."""

    log: SqlSealedLog
    settings: Settings
    database: str
    coming: dict[float, str] = field(default_factory=dict)
    seconds: float = 0.0

    def wait(self, seconds: float) -> None:
        self.seconds += seconds
        for at in [at for at in self.coming if at <= self.seconds]:
            self.show(self.coming.pop(at))

    def show(self, note: str) -> None:
        head = TreeHead.parse(note.partition("\n\n")[0] + "\n")
        store_tree_head(connect(self.database), head.size, head.root, note, NOW)

    def covering(self, index: int) -> str:
        return covering(self.log, index, self.settings, wait=self.wait, now=lambda: self.seconds).note


@pytest.fixture
def waiting(tmp_path: Path) -> Waiting:
    settings = Settings(home=tmp_path, witnesses=NAMED)
    migrate(settings.database)
    return Waiting(SqlSealedLog(connect(settings.database)), settings, settings.database)


def head(size: int, *witnesses: SignerKey) -> str:
    note = sign_note(TreeHead(LOG.name, size, bytes(32)).text(), LOG)
    for key in witnesses:
        note = add_signature(note, cosign(note, key, 5))
    return note


def test_a_cosigned_head_that_covers_the_entry_is_better_than_a_newer_one_without(waiting: Waiting) -> None:
    for note in (head(4, *WITNESSES), head(6, *WITNESSES), head(7, WITNESSES[0]), head(9)):
        waiting.show(note)
    assert waiting.covering(5) == head(6, *WITNESSES)
    assert waiting.seconds == 0


def test_witnesses_are_waited_for(waiting: Waiting) -> None:
    waiting.show(head(6))
    waiting.coming[1.0] = head(7, *WITNESSES)
    assert waiting.covering(5) == head(7, *WITNESSES)


def test_a_witness_that_is_down_is_not_waited_for(waiting: Waiting) -> None:
    waiting.show(head(6, WITNESSES[0]))
    assert waiting.covering(5) == head(6, WITNESSES[0])
    assert 2 <= waiting.seconds < 3


def test_without_witnesses_nobody_waits(waiting: Waiting) -> None:
    waiting.settings = waiting.settings.model_copy(update={"witnesses": ""})
    waiting.show(head(6))
    assert waiting.covering(5) == head(6)
    assert waiting.seconds == 0


def test_a_sealer_that_is_behind_is_waited_for_and_one_that_stays_down_is_told_of(waiting: Waiting) -> None:
    waiting.show(head(5))
    waiting.coming[3.0] = head(6)
    assert waiting.covering(5) == head(6)
    with pytest.raises(Unavailable, match="has not signed the newest entries"):
        waiting.covering(6)


def test_where_two_wait_for_the_sealer_others_are_told_at_once_and_have_what_is_signed(waiting: Waiting) -> None:
    """Each who waits keeps a thread: with as many as there are threads, nobody at all would be answered."""
    waiting.show(head(5, WITNESSES[0]))
    first, second, third = (Waiting(waiting.log, waiting.settings, waiting.database) for _ in range(3))

    def while_the_first_waits(seconds: float) -> None:
        first.wait(seconds)
        if not second.seconds:
            with pytest.raises(Unavailable):
                covering(second.log, 5, second.settings, wait=while_both_wait, now=lambda: second.seconds)

    def while_both_wait(seconds: float) -> None:
        second.wait(seconds)
        assert third.covering(4) == head(5, WITNESSES[0])
        with pytest.raises(Unavailable):
            third.covering(5)
        assert third.seconds == 0

    with pytest.raises(Unavailable):
        covering(first.log, 5, first.settings, wait=while_the_first_waits, now=lambda: first.seconds)
    assert min(first.seconds, second.seconds) > 5
    with pytest.raises(Unavailable):
        third.covering(5)
    assert third.seconds > 5, "the places are free again"
