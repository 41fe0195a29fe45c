"""The log over the API: entries with proofs, files of proof, continuations; and what cannot be proven is not found."""

from base64 import b64decode

import httpx2 as httpx
import pytest
from tests.conftest import OTTO, Stage
from tests.entry.conftest import Served

from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId, PruneId
from tunewarden.drivers.memory import MemorySealedLog
from tunewarden.usecases.ports import SignedTreeHead
from tunewarden_audit.merkle import Frontier, leaf_hash, verify_consistency, verify_inclusion
from tunewarden_audit.note import SignerKey, TreeHead, sign_note, signed_head
from tunewarden_audit.proof import EntryProof

KEY = SignerKey.generate("log.example/api")
SIZE = 11


def sealed(stage: Stage, size: int) -> TreeHead:
    """Let the log grow to `size` entries and sign its head, as the sealer would."""
    log = stage.platform.log
    assert isinstance(log, MemorySealedLog)
    with stage.platform.work(OTTO.id) as work:
        for number in range(size - len(log.bodies(0, size))):
            work.record(DatasetRetired(dataset=DatasetId(f"ds-{number}")))
        work.commit()
    head = TreeHead(KEY.name, size, Frontier().extend(leaf_hash(body) for body in log.bodies(0, size)).root())
    log.signed = SignedTreeHead(size=size, note=sign_note(head.text(), KEY))
    return head


def get(served: Served, path: str, *, name: str = "otto") -> httpx.Response:
    return httpx.get(f"{served.address}/v1/audit/{path}", headers={"authorization": f"Bearer {served.tokens[name]}"})


@pytest.fixture
def head(served: Served) -> TreeHead:
    return sealed(served.stage, SIZE)


def test_an_entrys_file_of_proof_verifies_with_nothing_else(served: Served, head: TreeHead) -> None:
    for index in range(SIZE):
        answer = get(served, f"entries/{index}/proof")
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["content-disposition"] == f'attachment; filename="{index}.tlog-proof"'
        entry = b64decode(get(served, f"entries/{index}").json()["entry"])
        proof = EntryProof.parse(answer.content)
        assert proof.index == index
        assert proof.verify(entry, [KEY.verifier]) == head


def test_an_entry_comes_with_its_path_to_the_signed_root(served: Served, head: TreeHead) -> None:
    answer = get(served, "entries/4").json()
    assert signed_head(answer["checkpoint"], [KEY.verifier]) == head
    path = [b64decode(node) for node in answer["proof"]]
    verify_inclusion(4, answer["size"], leaf_hash(b64decode(answer["entry"])), path, head.root)


def test_an_earlier_log_is_shown_to_be_the_beginning_of_this_one(served: Served, head: TreeHead) -> None:
    for old in range(1, SIZE + 1):
        bodies = served.stage.platform.log.bodies(0, old)
        old_root = Frontier().extend(leaf_hash(body) for body in bodies).root()
        for query in (f"old={old}", f"old={old}&new={SIZE}"):
            answer = get(served, f"consistency?{query}").json()
            assert (answer["object"], answer["old_size"], answer["size"]) == ("audit.consistency", old, SIZE)
            assert signed_head(answer["checkpoint"], [KEY.verifier]) == head
            verify_consistency(old, SIZE, [b64decode(node) for node in answer["hashes"]], old_root, head.root)


@pytest.mark.parametrize(
    ("path", "status", "code", "param"),
    [
        ("entries/11/proof", 404, "entry_not_found", "index"),
        ("entries/-1/proof", 404, "entry_not_found", "index"),
        (f"entries/{2**70}/proof", 404, "entry_not_found", "index"),
        ("entries/x/proof", 422, "invalid_request", "index"),
        (f"entries/{'9' * 1000}", 404, "entry_not_found", "index"),
        ("consistency", 422, "invalid_request", "old"),
        ("consistency?old=x", 422, "invalid_request", "old"),
        ("consistency?old=0", 422, "sizes_not_comparable", "old"),
        ("consistency?old=-1", 422, "sizes_not_comparable", "old"),
        ("consistency?old=12", 422, "sizes_not_comparable", "old"),
        ("consistency?old=5&new=4", 422, "sizes_not_comparable", "old"),
        ("consistency?old=5&new=10", 404, "tree_head_not_found", "new"),
        ("consistency?old=5&new=12", 404, "tree_head_not_found", "new"),
        (f"consistency?old=5&new={2**70}", 404, "tree_head_not_found", "new"),
    ],
)
@pytest.mark.usefixtures("head")
def test_what_cannot_be_proven_is_refused_by_name(
    served: Served, path: str, status: int, code: str, param: str
) -> None:
    answer = get(served, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["param"] == param


def test_an_entry_that_is_written_and_not_signed_yet_is_not_told_to_be_nowhere(served: Served, head: TreeHead) -> None:
    with served.stage.platform.work(OTTO.id) as work:
        for number in range(2):
            work.record(DatasetRetired(dataset=DatasetId(f"ds-new-{number}")))
        written = work.commit().index + 1
    assert written == head.size + 2
    for path in ("entries/{}", "entries/{}/proof"):
        for index in (head.size, written - 1):
            answer = get(served, path.format(index)).json()
            assert answer["error"]["code"] == "entry_not_found"
            assert "signs what is new within seconds" in answer["remedy"]
        for index in (written, -1, 2**70):
            answer = get(served, path.format(index)).json()
            assert answer["error"]["code"] == "entry_not_found"
            assert "No entry of that index was written" in answer["remedy"]


PATHS = ("checkpoint", "entries/0", "entries/0/proof", "consistency?old=1")


def test_before_the_first_head_nothing_can_be_proven(served: Served) -> None:
    assert [get(served, path).status_code for path in PATHS] == [503] * len(PATHS)


@pytest.mark.parametrize("name", ["ann", "eve"])
@pytest.mark.usefixtures("head")
def test_who_may_not_read_the_log_finds_none(served: Served, name: str) -> None:
    for path in PATHS:
        answer = get(served, path, name=name)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "log_not_found")


def test_an_entry_whose_body_is_gone_is_still_proven(served: Served) -> None:
    log = served.stage.platform.log
    with served.stage.platform.work(OTTO.id) as work:
        work.record(DatasetRetired(dataset=DatasetId("ds-gone")))
        gone = work.commit().index
    body = log.entry(gone)
    head = sealed(served.stage, SIZE)
    with served.stage.platform.work(OTTO.id) as work:
        work.drop_bodies(PruneId("prune-1"), [gone])
        work.record(DatasetRetired(dataset=DatasetId("ds-1")))
        work.commit()
    answer = get(served, f"entries/{gone}")
    assert (answer.status_code, leaf_hash(body).hex() in answer.text) == (404, True)
    proof = EntryProof.parse(get(served, f"entries/{gone}/proof").content)
    assert proof.verify(body, [KEY.verifier]) == head
