"""What is honest raises no alarm: a legal hold, dropped bodies and a new signing key, one after another, in one log."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.conftest import ADA, POLICIES
from tests.faults.house import faults
from tests.journeys.script import Props
from tests.journeys.theatre import PIA, Theatre, in_folder

from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId
from tunewarden.drivers.policies import FilePolicies
from tunewarden.drivers.sql import SqlWork
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.entry.rotation import rotate
from tunewarden.entry.signing_key import new_key
from tunewarden.usecases import retention
from tunewarden_audit.export import write_tiles
from tunewarden_audit.note import VerifierKey, load_key, signed_head
from tunewarden_audit.proof import EntryProof
from tunewarden_audit.recipe import Grade
from tunewarden_audit.static_log import verify_tiles
from tunewarden_audit.verify import verify

CLASSES = FilePolicies(POLICIES).retention()
OLD = [f"ds-{number:032x}" for number in range(4)]
LONG = timedelta(days=4000)


@pytest.fixture(params=["sqlite", "postgres"])
def theatre(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Theatre]:
    """A log that begins with four datasets that were retired ten years ago."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("cluster").database()
    made = in_folder(tmp_path / "home", database_url=url)
    engine = connect(made.settings.database)
    with SqlWork(engine, lambda: datetime.now(UTC) - LONG)(ADA.id) as work:
        for dataset in OLD:
            work.record(DatasetRetired(dataset=DatasetId(dataset)))
        work.commit()
    engine.dispose()
    yield made
    made.close()


def pruned(theatre: Theatre, directory: Path, keys: list[VerifierKey]) -> int:
    """Export, verify the copy, propose, approve by somebody else; how many bodies went."""
    theatre.seal()
    exported(theatre, directory, keys)
    assert verify_tiles(directory, keys).verdict is Grade.CONSISTENT
    prune, _ = retention.propose(theatre.platform, PIA, CLASSES)
    return retention.approve(theatre.platform, ADA, CLASSES, prune, (directory / "checkpoint").read_text())[0]


def exported(theatre: Theatre, directory: Path, keys: list[VerifierKey]) -> None:
    head = theatre.platform.log.head()
    assert head is not None
    write_tiles(directory, head.note, keys, entries(theatre).leaves)


def entries(theatre: Theatre) -> SqlSealedLog:
    log = theatre.platform.log
    assert isinstance(log, SqlSealedLog)
    return log


def vkey(theatre: Theatre) -> VerifierKey:
    return load_key(theatre.settings.log_vkey.read_text().strip())


def bundle_of(theatre: Theatre, model: str, since: int) -> bytes:
    answer = theatre.ask("otto", "GET", f"/v1/models/{model}/lineage", params={"since": since})
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)


def test_a_hold_dropped_bodies_and_a_new_key_raise_no_false_alarm(theatre: Theatre, tmp_path: Path) -> None:
    theatre.seal()
    kept, old = theatre.platform.log.head(), vkey(theatre)
    assert kept is not None
    props = Props(theatre=theatre)
    model = props.model()
    # A hold in the midst of what may go; what is around it goes.
    hold, _ = retention.place_hold(theatre.platform, PIA, OLD[1], None)
    assert pruned(theatre, tmp_path / "before", [old]) == 3
    theatre.seal()
    # Another key; the sealer that starts with it reads the whole log again.
    new_key(theatre.settings, tmp_path / "new.key")
    new = rotate(theatre.settings, tmp_path / "new.key")
    theatre.seal()
    retention.release_hold(theatre.platform, PIA, hold)
    theatre.seal()
    again = props.model()
    theatre.seal()
    keys, since = [old, new], signed_head(kept.note, [old]).size
    head = theatre.platform.log.head()
    assert head is not None
    # The checkpoint from before everything is still the beginning of the log; nothing is there but what is signed.
    for place in (tmp_path / "before", tmp_path / "after"):
        exported(theatre, place, keys)
        report = verify_tiles(place, keys, since=kept.note.encode())
        assert report.verdict in {Grade.CONSISTENT, Grade.INCOMPLETE}
        assert faults(report).keys() <= {"entries"}, "bodies may be missing, and nothing else"
    # A copy from before the bodies went has everything, for ever.
    assert verify_tiles(tmp_path / "before", keys).verdict is Grade.CONSISTENT
    # Bundles of before and after, with the old key, the new one, or both.
    for each in (model, again):
        for trusted in ([old], [new], keys):
            report = verify(bundle_of(theatre, each, since), trusted, kept.note.encode())
            assert report.verdict is Grade.CONSISTENT, faults(report)
    # Every entry is proven, whether its body is there or not.
    size = signed_head(head.note, [new]).size
    for index, (leaf, body) in enumerate(entries(theatre).leaves(0, size)):
        answer = theatre.ask("otto", "GET", f"/v1/audit/entries/{index}")
        assert answer.status_code == (404 if body is None else 200)
        assert body is not None or leaf.hex() in answer.text
        proof = theatre.ask("otto", "GET", f"/v1/audit/entries/{index}/proof")
        assert EntryProof.parse(proof.content).index == index
