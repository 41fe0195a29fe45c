"""The sealer: it signs what is there, and never two histories."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.entry import log_tampering as tampering
from tests.entry.log_tampering import Tamper, append, fresh

from tunewarden.domain.errors import Corrupted, Refused
from tunewarden.drivers import sql_log, sql_sealing
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.entry import sealer as sealing
from tunewarden.entry.sealer import Sealer, run
from tunewarden.entry.settings import Settings
from tunewarden_audit.custody import InUse, read_state
from tunewarden_audit.log import RefusedToSign, Signed
from tunewarden_audit.merkle import leaf_hash, verify_consistency, verify_inclusion
from tunewarden_audit.note import SignerKey, TreeHead, load_key, open_note

TAMPERINGS: list[Tamper] = [
    tampering.delete_the_tail,
    tampering.delete_everything,
    tampering.delete_inside,
    tampering.edit_an_entry,
    tampering.edit_an_entry_and_its_leaf_hash,
    tampering.swap_two_entries,
    tampering.restore_a_backup_that_then_grew,
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return fresh(tmp_path)


def seal(settings: Settings) -> int:
    with Sealer(settings) as sealer:
        return sealer.seal_once()


def never() -> bool:
    return False


def refused_because(settings: Settings) -> str:
    """Run the sealer, see it stay down with its own exit code, and return what the alarm says."""
    before = settings.sealer_state.read_bytes() if settings.sealer_state.exists() else None
    with capture_logs() as logged:
        assert run(settings, never) == sealing.REFUSED
    (alarm,) = [line for line in logged if line["log_level"] == "critical"]
    assert alarm["event"] == "refused_to_sign"
    after = settings.sealer_state.read_bytes() if settings.sealer_state.exists() else None
    assert after == before, "it remembered something new although it refused"
    return str(alarm["reason"])


def test_every_entry_is_proven_under_the_published_head(settings: Settings) -> None:
    append(settings, 7)
    assert seal(settings) == 7
    log = SqlSealedLog(connect(settings.database))
    head = log.head()
    assert head is not None
    tree = TreeHead.parse(open_note(head.note, [load_key(settings.log_vkey.read_text().strip())]).text)
    proofs = log.inclusion_proofs(range(7), 7)
    for index in range(7):
        verify_inclusion(index, 7, leaf_hash(log.entry(index)), proofs[index], tree.root)


def test_an_empty_log_has_no_head_and_growing_makes_a_new_one(settings: Settings) -> None:
    with Sealer(settings) as sealer:
        assert sealer.seal_once() == 0
        append(settings, 2)
        assert sealer.seal_once() == 2
        append(settings, 3)
        assert sealer.seal_once() == 5
    assert seal(settings) == 5


def test_more_than_one_turn_takes_is_signed_in_several_and_each_head_continues_the_last(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "_MOST_AT_ONCE", 4)
    append(settings, 9)
    with Sealer(settings) as sealer:
        steps = [(sealer.seal_once(), sealer.has_more) for _ in range(4)]
    assert steps == [(4, True), (8, True), (9, False), (9, False)]
    log, engine = SqlSealedLog(connect(settings.database)), connect(settings.database)
    with engine.connect() as connection:
        roots = {size: sql_log.tree_head(connection, size).root for size in (4, 8, 9)}  # type: ignore[union-attr]
    verify_consistency(4, 8, log.consistency_proof(4, 8), roots[4], roots[8])
    verify_consistency(8, 9, log.consistency_proof(8, 9), roots[8], roots[9])


def test_its_key_and_memory_are_its_owners_alone(settings: Settings) -> None:
    append(settings, 1)
    seal(settings)
    for path in settings.signing_key.parent.iterdir():
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("tamper", TAMPERINGS)
def test_it_refuses_to_sign_over_a_changed_past_and_stays_down(settings: Settings, tamper: Tamper) -> None:
    append(settings, 5)
    seal(settings)
    tamper(settings)
    assert refused_because(settings)


@pytest.mark.parametrize(
    "tamper", [tampering.delete_the_tail, tampering.delete_everything, tampering.restore_a_backup_that_then_grew]
)
def test_a_running_sealer_refuses_when_the_past_changes_under_it(settings: Settings, tamper: Tamper) -> None:
    append(settings, 5)
    with Sealer(settings) as sealer:
        sealer.seal_once()
        tamper(settings)
        with pytest.raises((RefusedToSign, Corrupted)):
            sealer.seal_once()


def test_a_tail_that_was_deleted_before_it_was_signed_leaves_the_receipt_and_nothing_else(settings: Settings) -> None:
    append(settings, 2)
    seal(settings)
    append(settings, 3)
    tampering.delete_the_tail(settings)
    assert seal(settings) == 3  # the sealer cannot know: whoever holds a receipt for index 3 can


def test_a_restored_backup_is_refused_until_the_newer_database_is_back(settings: Settings, tmp_path: Path) -> None:
    append(settings, 3)
    seal(settings)
    tampering.backup(settings, tmp_path / "old.db")
    append(settings, 3)
    seal(settings)
    tampering.backup(settings, tmp_path / "new.db")
    tampering.restore(settings, tmp_path / "old.db")
    assert "at most 3 of the 6 entries that were signed" in refused_because(settings)
    tampering.restore(settings, tmp_path / "new.db")
    assert seal(settings) == 6


def test_a_forked_database_is_refused(settings: Settings, tmp_path: Path) -> None:
    append(settings, 3)
    seal(settings)
    tampering.backup(settings, tmp_path / "fork.db")
    append(settings, 1)
    seal(settings)
    tampering.restore(settings, tmp_path / "fork.db")
    append(settings, 2)
    assert "not the ones that were signed" in refused_because(settings)


def test_an_older_copy_of_its_memory_is_refused(settings: Settings) -> None:
    append(settings, 3)
    seal(settings)
    older = settings.sealer_state.read_bytes()
    append(settings, 3)
    seal(settings)
    settings.sealer_state.write_bytes(older)
    assert "the state file is an older copy" in refused_because(settings)


def test_it_refuses_when_its_own_memory_is_gone(settings: Settings) -> None:
    append(settings, 2)
    seal(settings)
    settings.sealer_state.unlink()
    assert "state file is gone" in refused_because(settings)


def test_a_lost_key_and_a_lost_memory_are_not_answered_with_a_new_key(settings: Settings) -> None:
    append(settings, 2)
    seal(settings)
    settings.sealer_state.unlink()
    settings.signing_key.unlink()
    assert "state file is gone" in refused_because(settings)
    assert not settings.signing_key.exists()


def test_a_disk_that_takes_no_memory_ends_the_sealer_with_nothing_shown(settings: Settings) -> None:
    append(settings, 2)
    seal(settings)
    append(settings, 1)
    settings.sealer_state.with_name(".sealer-state.json.draft").mkdir()
    with capture_logs() as logged:
        assert run(settings, never) == 1
    assert [line["event"] for line in logged if line["log_level"] == "critical"] == ["sealer_failed"]
    head = SqlSealedLog(connect(settings.database)).head()
    assert head is not None
    assert head.size == 2


def test_it_refuses_when_its_memory_is_damaged(settings: Settings) -> None:
    append(settings, 2)
    seal(settings)
    settings.sealer_state.write_bytes(settings.sealer_state.read_bytes()[:-1])
    assert "is damaged" in refused_because(settings)


def test_a_head_of_another_root_in_the_database_is_refused(settings: Settings) -> None:
    append(settings, 2)
    seal(settings)
    tampering.execute(settings, "UPDATE tree_heads SET root = zeroblob(32)")
    assert "Two different roots" in refused_because(settings)


def test_another_key_does_not_continue_the_log(settings: Settings) -> None:
    append(settings, 2)
    seal(settings)
    other = SignerKey.generate(settings.origin).pem().decode()
    assert "another key is in force" in refused_because(_with_pem(settings, other))


def test_an_entry_that_lost_its_body_before_it_was_signed_is_refused(settings: Settings) -> None:
    append(settings, 2)
    seal(settings)
    append(settings, 1)
    columns = (
        "CREATE TABLE copy AS SELECT idx, leaf_hash, CASE WHEN idx = 2 THEN NULL ELSE body END AS body FROM entries"
    )
    for change in (columns, "DROP TABLE entries", "ALTER TABLE copy RENAME TO entries"):
        tampering.execute(settings, change)
    assert "lost its body" in refused_because(settings)


def test_only_one_sealer_signs_at_a_time(settings: Settings) -> None:
    with Sealer(settings):
        with pytest.raises(InUse):
            Sealer(settings)
        with capture_logs() as logged:
            assert run(settings, never) == 1
    assert [(line["event"], line["log_level"]) for line in logged] == [("sealer_not_started", "error")]
    Sealer(settings).close()


def test_a_head_that_a_crash_left_unpublished_is_published_at_the_next_start(settings: Settings) -> None:
    append(settings, 4)
    seal(settings)
    tampering.execute(settings, "DELETE FROM tree_heads")
    Sealer(settings).close()
    head = SqlSealedLog(connect(settings.database)).head()
    assert head is not None
    assert head.size == 4


def test_the_heartbeat_shows_the_same_head_with_a_new_time_and_tells_everybody(settings: Settings) -> None:
    told: list[Signed] = []
    append(settings, 3)
    engine = connect(settings.database)
    with Sealer(settings, announce=[told.append]) as sealer:
        sealer.seal_once()
        before = sql_log.latest_tree_head(engine)
        tampering.execute(settings, "UPDATE tree_heads SET sealed_at = '2020-01-01T00:00:00.000Z'")
        sealer.heartbeat()
    after = sql_log.latest_tree_head(engine)
    assert before is not None
    assert after is not None
    assert after.note == before.note
    assert after.sealed_at >= before.sealed_at
    assert told[0] == told[1] == read_state(settings.sealer_state)


def test_the_heartbeat_notices_that_the_last_entry_changed(settings: Settings) -> None:
    append(settings, 2)
    with Sealer(settings) as sealer:
        sealer.seal_once()
        tampering.edit_an_entry_and_its_leaf_hash(settings)
        with pytest.raises(RefusedToSign):
            sealer.heartbeat()


def test_an_idle_sealer_beats_and_a_stopped_one_ends_well(settings: Settings) -> None:
    append(settings, 1)
    engine, seen = connect(settings.database), set()

    def enough() -> bool:
        head = sql_log.latest_tree_head(engine)
        if head is not None:
            seen.add(head.sealed_at)
        return len(seen) == 3

    assert run(settings.model_copy(update={"heartbeat_seconds": 0.02}), enough) == 0


def test_a_turn_with_nothing_new_reads_no_entry(settings: Settings) -> None:
    append(settings, 3)
    with Sealer(settings) as sealer:
        sealer.seal_once()
        tampering.edit_an_entry(settings)  # reading it would raise
        assert sealer.seal_once() == 3
    assert sql_sealing.log_size(connect(settings.database)) == 3


def test_in_production_a_missing_key_is_never_replaced(settings: Settings) -> None:
    append(settings, 1)
    production = settings.model_copy(update={"environment": "production"})
    with pytest.raises(Refused, match="No such file"):
        Sealer(production)
    assert not settings.signing_key.exists()


def _with_pem(settings: Settings, pem: str) -> Settings:
    return Settings.model_validate({**settings.model_dump(), "signing_key_pem": pem})


def test_the_key_may_come_from_the_environment_and_shows_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = fresh(tmp_path)
    key = SignerKey.generate(settings.origin)
    pem = key.pem().decode()
    monkeypatch.setenv("TUNEWARDEN_SIGNING_KEY_PEM", pem)
    given = Settings(home=tmp_path, seal_interval_seconds=0.01)
    append(given, 2)
    turns = iter([False, True])
    with capture_logs() as logged:
        assert run(given, lambda: next(turns)) == 0
    assert given.log_vkey.read_text() == f"{key.verifier.vkey}\n"
    secret = pem.splitlines()[1]
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert secret not in repr(given) + str(given.model_dump()) + str(logged)
    assert secret.encode() not in written
    assert not given.signing_key.exists()


@pytest.mark.parametrize("pem", ["", "no pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_key_in_the_environment_that_is_none_is_refused_without_an_echo(settings: Settings, pem: str) -> None:
    with pytest.raises(Refused, match="not an unencrypted PKCS#8") as refused:
        Sealer(_with_pem(settings, pem))
    assert not pem or pem not in str(refused.value)
