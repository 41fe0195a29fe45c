"""Heads are shown to witnesses, over a real socket too; no witness can delay the sealer or put a lie into the log."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.entry import log_tampering as tampering
from tests.entry.log_tampering import append, fresh

from tunewarden.domain.errors import Malformed
from tunewarden.drivers.posting import Answer
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.drivers.sql_sealing import add_cosignature
from tunewarden.entry.followers import Follower, Rest
from tunewarden.entry.sealer import Sealer, run
from tunewarden.entry.settings import Settings
from tunewarden.entry.signing_key import signing_key
from tunewarden.entry.witnessing import (
    Contradicted,
    NotCosigned,
    WitnessAddress,
    WitnessClient,
    read_witnesses,
    showing_to,
)
from tunewarden_audit import witness
from tunewarden_audit.log import Signed
from tunewarden_audit.merkle import Frontier
from tunewarden_audit.note import (
    COSIGNATURE,
    InvalidNote,
    SignerKey,
    TreeHead,
    VerifierKey,
    cosign,
    load_key,
    open_note,
)
from tunewarden_audit.quorum import witnessed
from tunewarden_audit.recipe import Grade
from tunewarden_audit.witness import Witness

PATIENCE_SECONDS = 120.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return fresh(tmp_path)


@dataclass
class Near:
    """A witness without a network in between; it answers as `answer` says, or as itself."""

    witness: Witness
    answer: Callable[[Answer], Answer] = field(default=lambda answer: answer)
    asked: list[bytes] = field(default_factory=list)

    def __call__(self, url: str, body: bytes, content_type: str) -> Answer:
        assert (url, content_type) == (f"{ADDRESS.url}/add-checkpoint", "text/plain; charset=utf-8")
        self.asked.append(body)
        given = self.witness.add_checkpoint(body)
        kind = given.content_type.partition(";")[0]
        return self.answer(Answer(status=given.status, content_type=kind, body=given.body.encode()))


KEY = SignerKey.generate("witness.example/w1", COSIGNATURE)
ADDRESS = WitnessAddress("http://127.0.0.1:1", KEY.verifier)


@pytest.fixture
def near(settings: Settings, tmp_path: Path) -> Near:
    return Near(Witness(KEY, [signing_key(settings).verifier], tmp_path / "w", time.time))


def client(settings: Settings, near: Near) -> WitnessClient:
    engine = connect(settings.database)

    def keep(size: int, root: bytes, line: str) -> None:
        add_cosignature(engine, size, root, line)

    return WitnessClient(ADDRESS, near, SqlSealedLog(engine).consistency_proof, keep)


def grown(settings: Settings, count: int) -> Signed:
    append(settings, count)
    told: list[Signed] = []
    with Sealer(settings, announce=[told.append]) as sealer:
        sealer.seal_once()
    return told[-1]


def stored(settings: Settings) -> str:
    head = SqlSealedLog(connect(settings.database)).head()
    assert head is not None
    return head.note


def test_every_head_is_cosigned_with_a_proof_from_the_last_and_the_cosignature_is_kept(
    settings: Settings, near: Near
) -> None:
    showing = client(settings, near)
    for count in (3, 5, 1):
        showing.submit(grown(settings, count))
        assert open_note(stored(settings), [KEY.verifier]).times.keys() == {KEY.verifier}
        assert witnessed(stored(settings).encode(), [KEY.verifier], None).grade is Grade.WITNESSED
    assert [body.partition(b"\n")[0] for body in near.asked] == [b"old 0", b"old 3", b"old 8"]


def test_a_client_that_remembers_nothing_goes_on_from_the_size_that_the_witness_names(
    settings: Settings, near: Near
) -> None:
    client(settings, near).submit(grown(settings, 4))
    client(settings, near).submit(grown(settings, 3))
    assert [body.partition(b"\n")[0] for body in near.asked] == [b"old 0", b"old 0", b"old 4"]
    assert KEY.verifier in open_note(stored(settings), [KEY.verifier]).times


def test_the_same_head_again_replaces_the_cosignature_by_a_newer_one(settings: Settings, near: Near) -> None:
    showing, head = client(settings, near), grown(settings, 4)
    showing.submit(head)
    showing.submit(head)
    assert stored(settings).count(KEY.name) == 1


def test_a_forked_log_is_contradicted(settings: Settings, near: Near, tmp_path: Path) -> None:
    """The database and the sealer's memory were both restored, so the sealer itself cannot know."""
    grown(settings, 3)
    state = settings.sealer_state.read_bytes()
    tampering.backup(settings, tmp_path / "old.db")
    client(settings, near).submit(grown(settings, 3))
    tampering.restore(settings, tmp_path / "old.db")
    settings.sealer_state.write_bytes(state)
    showing, forked = client(settings, near), grown(settings, 1)
    with pytest.raises(NotCosigned, match="it has cosigned size 6 already"):
        showing.submit(forked)
    with pytest.raises(Contradicted, match="it has cosigned size 6, and here 4 is the newest"):
        showing.submit(forked)
    with pytest.raises(Contradicted, match="another root for size 6"):
        client(settings, near).submit(grown(settings, 2))
    with pytest.raises(Contradicted, match="size 9 does not continue size 6"):
        client(settings, near).submit(grown(settings, 3))
    assert len(list((tmp_path / "w" / "evidence").iterdir())) == 2


def test_a_head_that_somebody_else_showed_to_the_witness_first_is_no_contradiction(
    settings: Settings, near: Near
) -> None:
    """Anybody who reads the log may submit its newest head, before its own client comes."""
    showing, older = client(settings, near), grown(settings, 3)
    showing.submit(older)
    older = grown(settings, 1)
    client(settings, near).submit(grown(settings, 2))
    with pytest.raises(NotCosigned, match="size 6 already"):
        showing.submit(older)
    showing.submit(grown(settings, 1))
    assert KEY.verifier in open_note(stored(settings), [KEY.verifier]).times


def test_a_witness_that_forgot_everything_is_shown_the_head_again(
    settings: Settings, near: Near, tmp_path: Path
) -> None:
    """At the heartbeat both sizes are equal; only another root of that size would be a contradiction."""
    showing, head = client(settings, near), grown(settings, 4)
    showing.submit(head)
    near.witness = Witness(KEY, [signing_key(settings).verifier], tmp_path / "again", time.time)
    showing.submit(head)
    assert [body.partition(b"\n")[0] for body in near.asked] == [b"old 0", b"old 4", b"old 0"]


def wrong_signature(answer: Answer) -> Answer:
    other = SignerKey.generate(KEY.name, COSIGNATURE)
    return Answer(status=200, content_type="text/plain", body=answer.body[:-8] + other.verifier.public[:3] + b"AAA=\n")


def an_empty_line_first(answer: Answer) -> Answer:
    return Answer(status=200, content_type="text/plain", body=b"\n" + answer.body)


def another_size_each_time(answer: Answer) -> Answer:
    return Answer(status=409, content_type="text/x.tlog.size", body=b"1\n" if answer.status == 200 else b"2\n")


def always(status: int, body: bytes, content_type: str = "text/plain") -> Callable[[Answer], Answer]:
    return lambda _: Answer(status=status, content_type=content_type, body=body)


@pytest.mark.parametrize(
    "answer",
    [
        wrong_signature,
        an_empty_line_first,
        another_size_each_time,
        always(200, "\N{EM DASH} other.example AAAAAAAA\n".encode()),
        always(200, b""),
        always(200, b"\xff\xfe"),
        always(409, b"many\n", "text/x.tlog.size"),
        always(409, b"3\n", "text/html"),
        always(500, b"<h1>"),
    ],
    ids=range(9),
)
def test_an_answer_that_is_no_cosignature_is_not_kept(
    settings: Settings, near: Near, answer: Callable[[Answer], Answer]
) -> None:
    head = grown(settings, 4)
    near.answer = answer
    with pytest.raises(NotCosigned):
        client(settings, near).submit(head)
    assert stored(settings) == head.checkpoint


def test_a_cosignature_of_the_head_with_more_text_under_it_is_not_kept(settings: Settings, near: Near) -> None:
    head = grown(settings, 4)
    longer = f"{head.checkpoint}\n"
    near.answer = always(200, b"\n" + cosign(longer + "\N{EM DASH} any AAAAAAAA\n", KEY, 5).encode())
    with pytest.raises(NotCosigned, match="another text"):
        client(settings, near).submit(head)
    assert stored(settings) == head.checkpoint


def test_a_contradiction_is_an_alarm_and_the_end_and_a_failure_is_tried_again(settings: Settings, near: Near) -> None:
    head = grown(settings, 4)
    follow = showing_to(client(settings, near), "w1", again_seconds=7)
    with capture_logs() as logged:
        near.answer = always(500, b"")
        rest = follow(head)
        near.answer = always(422, b"CANARY")
        assert follow(head) is None
    assert rest is not None
    assert (rest.seconds, rest.again) == (7, True)
    assert [(line["event"], line["log_level"]) for line in logged] == [
        ("head_not_witnessed", "warning"),
        ("witness_contradicts", "critical"),
    ]
    assert "CANARY" not in str(logged)


def test_a_witness_that_stays_down_is_asked_less_and_less_often(settings: Settings, near: Near) -> None:
    head = grown(settings, 4)
    follow = showing_to(client(settings, near), "w1")
    near.answer = always(503, b"")
    waits = [rest.seconds for rest in (follow(head) for _ in range(2000)) if rest]
    assert waits[:7] == [2, 4, 8, 16, 32, 60, 60]
    assert set(waits[7:]) == {60}
    near.answer = lambda answer: answer
    assert follow(head) == Rest(1)
    near.answer = always(503, b"")
    assert follow(head) == Rest(2, again=True)


def test_a_follower_that_fails_in_a_way_nobody_thought_of_goes_on_and_says_so() -> None:
    tries: list[Signed] = []
    done = threading.Event()

    def follow(head: Signed) -> None:
        tries.append(head)
        if len(tries) == 1:
            raise ValueError("CANARY")
        done.set()

    with capture_logs() as logged:
        follower = Follower("w1", follow, after_failure_seconds=0.01)
        follower.announce(Signed(checkpoint="", key="", frontier=Frontier(), last_leaf=b""))
        assert done.wait(5)
        follower.close()
    assert [(line["event"], line["follower"], line["error"]) for line in logged] == [
        ("follower_failed", "w1", "ValueError")
    ]


def test_the_setting_is_addresses_and_keys() -> None:
    other = SignerKey.generate("witness.example/w2", COSIGNATURE).verifier
    text = f"https://w1.example/ {KEY.verifier.vkey}, http://127.0.0.1:8081 {other.vkey}"
    assert read_witnesses("") == ()
    assert read_witnesses(text) == (
        WitnessAddress("https://w1.example", KEY.verifier),
        WitnessAddress("http://127.0.0.1:8081", other),
    )


@pytest.mark.parametrize(
    "text",
    [
        "https://w1.example",
        f"ftp://w1.example {KEY.verifier.vkey}",
        f"https://w1.example {SignerKey.generate('log.example').verifier.vkey}",
        f"https://w1.example {VerifierKey('w', bytes(32), COSIGNATURE).vkey}",
        f"https://w1.example {KEY.verifier.vkey[:-4]}",
    ],
    ids=range(5),
)
def test_a_setting_that_names_no_usable_witness_is_refused_without_an_echo(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        read_witnesses(text)
    assert "w1.example" not in str(refused.value)


@dataclass
class Door:
    url: str
    key: VerifierKey
    evidence: Path


@pytest.fixture
def door(settings: Settings, tmp_path: Path) -> Iterator[Door]:
    key = witness.open_key(tmp_path / "auditor", "auditor.example/witness")
    watcher = Witness(key, [signing_key(settings).verifier], tmp_path / "auditor", time.time)
    server = witness.serve(watcher, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Door(f"http://127.0.0.1:{server.server_address[1]}", key.verifier, tmp_path / "auditor" / "evidence")
    server.shutdown()
    server.server_close()
    thread.join()


def until(happened: Callable[[], bool]) -> Callable[[], bool]:
    deadline = time.monotonic() + PATIENCE_SECONDS

    def stopping() -> bool:
        assert time.monotonic() < deadline, "it did not happen"
        return happened()

    return stopping


def test_a_running_sealer_has_its_heads_cosigned_over_http(settings: Settings, door: Door) -> None:
    named = settings.model_copy(update={"witnesses": f"{door.url} {door.key.vkey}"})
    append(settings, 3)

    def cosigned() -> bool:
        head = SqlSealedLog(connect(settings.database)).head()
        if head is None:
            return False
        try:
            return bool(open_note(head.note, [door.key]).times)
        except InvalidNote:
            return False

    assert run(named, until(cosigned)) == 0
    log = load_key(settings.log_vkey.read_text().strip())
    assert TreeHead.parse(open_note(stored(settings), [log, door.key]).text).size == 3


def test_a_witness_that_is_down_or_silent_does_not_keep_the_sealer_from_signing(settings: Settings) -> None:
    import socket

    silent = socket.create_server(("127.0.0.1", 0))  # takes connections and never answers
    vacant = socket.create_server(("127.0.0.1", 0))
    ports = [silent.getsockname()[1], vacant.getsockname()[1]]
    vacant.close()
    witnesses = ", ".join(f"http://127.0.0.1:{port} {KEY.verifier.vkey}" for port in ports)
    append(settings, 3)

    def signed() -> bool:
        head = SqlSealedLog(connect(settings.database)).head()
        return head is not None and head.size == 3

    began = time.monotonic()
    assert run(settings.model_copy(update={"witnesses": witnesses}), until(signed)) == 0
    silent.close()
    assert time.monotonic() - began < PATIENCE_SECONDS
