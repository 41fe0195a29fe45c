"""Rotating the log's key: what a crash at each point leaves behind, and that calling it again mends it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.entry import log_tampering as tampering
from tests.entry.log_tampering import append, fresh
from typer.testing import CliRunner

from tunewarden.domain.errors import Conflict, Refused
from tunewarden.domain.events import SigningKeyRotated
from tunewarden.drivers.sql import SqlViews, SqlWork
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.entry.cli import app
from tunewarden.entry.rotation import SEALER, rotate
from tunewarden.entry.sealer import REFUSED, Sealer, run
from tunewarden.entry.settings import Settings
from tunewarden.entry.signing_key import new_key, signing_key
from tunewarden_audit.custody import InUse, create_key, read_state, replace_key
from tunewarden_audit.log import RotationBegun, RotationForged
from tunewarden_audit.merkle import leaf_hash
from tunewarden_audit.note import SignerKey, load_key, open_note
from tunewarden_audit.trust import read_trust, rotate as signed_by_both


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A log with three signed entries."""
    made = fresh(tmp_path)
    append(made, 3)
    with Sealer(made) as sealer:
        sealer.seal_once()
    return made


@pytest.fixture
def new_file(settings: Settings) -> Path:
    path = settings.home / "new.key"
    new_key(settings, path)
    return path


def entries(settings: Settings) -> dict[int, bytes]:
    engine = connect(settings.database)
    return dict(enumerate(SqlSealedLog(engine).bodies(0, 100)))


def rotations(settings: Settings) -> list[int]:
    with SqlViews(connect(settings.database))() as view:
        return [entry.index for entry in view.entries() if isinstance(entry.event, SigningKeyRotated)]


def require_rotated_once(settings: Settings, old: SignerKey, new: SignerKey, new_file: Path) -> None:
    """The state that `rotate` must reach from wherever it was cut off; then the log goes on under the new key."""
    assert len(rotations(settings)) == 1
    assert signing_key(settings).verifier == new.verifier
    assert settings.log_vkey.read_text() == f"{new.verifier.vkey}\n"
    assert not new_file.exists()
    state = read_state(settings.sealer_state)
    assert state is not None
    assert state.key == new.verifier.vkey
    log = SqlSealedLog(connect(settings.database))
    covering = log.head_of(rotations(settings)[0] + 1)
    assert covering is not None
    assert len(open_note(covering.note, [old.verifier, new.verifier]).signed_by) == 2
    append(settings, 2)
    with Sealer(settings) as sealer:
        size = sealer.seal_once()
    head = log.head()
    assert head is not None
    assert open_note(head.note, [old.verifier, new.verifier]).signed_by == (new.verifier,)
    for key in (old, new):
        assert read_trust([key.verifier], entries(settings)).signed_head(head.note).size == size


def after_the_new_key(settings: Settings, old: SignerKey, new: SignerKey) -> None:
    """Nothing else happened yet."""


def after_the_entry(settings: Settings, old: SignerKey, new: SignerKey) -> None:
    engine = connect(settings.database)
    with SqlWork(engine, lambda: datetime.now(UTC))(SEALER) as unit:
        unit.record(SigningKeyRotated(**signed_by_both(old, new)))
        unit.commit()
    append(settings, 2)  # the platform goes on meanwhile


def after_the_hand_over(settings: Settings, old: SignerKey, new: SignerKey) -> None:
    after_the_entry(settings, old, new)
    with Sealer(settings) as sealer:
        with pytest.raises(RotationBegun):
            sealer.seal_once()
        sealer.hand_over(new)


def after_remembering_before_showing(settings: Settings, old: SignerKey, new: SignerKey) -> None:
    after_the_hand_over(settings, old, new)
    tampering.execute(settings, "DELETE FROM tree_heads WHERE size > 3")
    settings.log_vkey.write_text(f"{old.verifier.vkey}\n")


def after_installing(settings: Settings, old: SignerKey, new: SignerKey) -> None:
    after_the_hand_over(settings, old, new)
    replace_key(settings.signing_key, new)


CRASHES = [
    after_the_new_key,
    after_the_entry,
    after_the_hand_over,
    after_remembering_before_showing,
    after_installing,
]


@pytest.mark.parametrize("crash", CRASHES)
def test_a_rotation_that_was_cut_off_anywhere_is_finished_by_calling_it_again(
    settings: Settings, new_file: Path, crash: Callable[[Settings, SignerKey, SignerKey], None]
) -> None:
    old, new = signing_key(settings), SignerKey.from_pem(settings.origin, new_file.read_bytes())
    crash(settings, old, new)
    assert rotate(settings, new_file) == new.verifier
    require_rotated_once(settings, old, new, new_file)


@pytest.mark.parametrize("crash", [after_the_entry, after_the_hand_over, after_remembering_before_showing])
def test_meanwhile_the_sealer_with_the_old_key_signs_nothing_and_says_what_to_do(
    settings: Settings, new_file: Path, crash: Callable[[Settings, SignerKey, SignerKey], None]
) -> None:
    old, new = signing_key(settings), SignerKey.from_pem(settings.origin, new_file.read_bytes())
    crash(settings, old, new)
    state = settings.sealer_state.read_bytes()
    assert run(settings, lambda: False) == REFUSED
    assert settings.sealer_state.read_bytes() == state


def test_after_the_entry_no_other_key_can_take_over(settings: Settings, new_file: Path, tmp_path: Path) -> None:
    old, new = signing_key(settings), SignerKey.from_pem(settings.origin, new_file.read_bytes())
    after_the_entry(settings, old, new)
    create_key(tmp_path / "third.key", settings.origin)
    with pytest.raises(Conflict, match="another key than this one"):
        rotate(settings, tmp_path / "third.key")
    rotate(settings, new_file)
    require_rotated_once(settings, old, new, new_file)


def test_a_rotation_waits_for_the_sealer_to_be_stopped(settings: Settings, new_file: Path) -> None:
    with Sealer(settings), pytest.raises(InUse):
        rotate(settings, new_file)
    assert rotations(settings) == []


def test_a_key_that_was_rotated_away_never_comes_back(settings: Settings, new_file: Path, tmp_path: Path) -> None:
    old = signing_key(settings).pem()
    rotate(settings, new_file)
    returning = tmp_path / "returning.key"
    returning.touch(0o600)
    returning.write_bytes(old)
    with pytest.raises(Refused, match="retired the new key already"):
        rotate(settings, returning)
    assert len(rotations(settings)) == 1


def test_the_key_in_force_is_not_rotated_to_itself(settings: Settings, tmp_path: Path) -> None:
    copy = tmp_path / "copy.key"
    copy.touch(0o600)
    copy.write_bytes(settings.signing_key.read_bytes())
    rotate(settings, copy)
    assert rotations(settings) == []


def test_a_new_key_that_others_may_read_is_refused_before_anything_is_logged(
    settings: Settings, new_file: Path
) -> None:
    new_file.chmod(0o640)
    with pytest.raises(Refused, match="make it 0600"):
        rotate(settings, new_file)
    assert rotations(settings) == []


def test_an_entry_that_only_claims_to_rotate_the_key_stops_the_sealer(settings: Settings) -> None:
    thief, accomplice = SignerKey.generate(settings.origin), SignerKey.generate(settings.origin)
    after_the_entry(settings, thief, accomplice)
    assert run(settings, lambda: False) == REFUSED


def test_on_the_command_line_a_key_is_made_rotated_to_and_shown(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEWARDEN_HOME", str(settings.home))
    path = str(settings.home / "next.key")
    made = CliRunner().invoke(app, ["log", "new-key", path])
    assert made.exit_code == 0, made.output
    vkey = made.output.strip().removeprefix("vkey ")
    assert load_key(vkey).name == settings.origin
    assert Path(path).stat().st_mode & 0o077 == 0
    with Sealer(settings):
        busy = CliRunner().invoke(app, ["log", "rotate-key", path])
        told = CliRunner().invoke(app, ["log", "rotate-key", path, "--json"])
    assert (busy.exit_code, busy.stderr.partition(":")[0]) == (1, "not_rotated")
    error = json.loads(told.stderr)["error"]
    assert (told.exit_code, told.stdout, error["code"], error["exit_code"]) == (1, "", "not_rotated", 1)
    done = CliRunner().invoke(app, ["log", "rotate-key", path, "--json"])
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"vkey": vkey})
    assert signing_key(settings).verifier.vkey == vkey


def test_the_new_key_may_have_any_name_beside_the_old_one(settings: Settings, new_file: Path) -> None:
    beside = new_file.rename(settings.signing_key.with_name(f"{settings.signing_key.name}.new"))
    new = SignerKey.from_pem(settings.origin, beside.read_bytes())
    old = signing_key(settings)
    assert rotate(settings, beside) == new.verifier
    require_rotated_once(settings, old, new, beside)


def test_the_log_is_not_handed_over_by_an_entry_that_changed_after_it_was_looked_at(
    settings: Settings, new_file: Path
) -> None:
    """Whoever owns the database is quick: the sealer has read the rotation and has not signed it yet."""
    old, new = signing_key(settings), SignerKey.from_pem(settings.origin, new_file.read_bytes())
    after_the_entry(settings, old, new)
    state = settings.sealer_state.read_bytes()
    with Sealer(settings) as sealer:
        with pytest.raises(RotationBegun):
            sealer.seal_once()
        harmless = entries(settings)[0]
        tampering.execute(
            settings, "UPDATE entries SET body = ?, leaf_hash = ? WHERE idx = 3", (harmless, leaf_hash(harmless))
        )
        with pytest.raises(RotationForged):
            sealer.hand_over(new)
    assert settings.sealer_state.read_bytes() == state


def test_a_rotation_of_an_earlier_life_that_is_put_back_hands_nothing_over(
    settings: Settings, new_file: Path, tmp_path: Path
) -> None:
    """Both signatures are right; but the key that it retires is not the one in force any more."""
    rotate(settings, new_file)
    replayed = entries(settings)[rotations(settings)[0]]
    state = settings.sealer_state.read_bytes()
    append(settings, 1)
    tampering.execute(
        settings, "UPDATE entries SET body = ?, leaf_hash = ? WHERE idx = 4", (replayed, leaf_hash(replayed))
    )
    assert run(settings, lambda: False) == REFUSED
    assert settings.sealer_state.read_bytes() == state
    create_key(tmp_path / "third.key", settings.origin)
    with pytest.raises(RotationForged, match="another key than the log's"):
        rotate(settings, tmp_path / "third.key")
    assert settings.sealer_state.read_bytes() == state


def test_a_key_in_the_environment_is_left_to_whoever_put_it_there(
    settings: Settings, new_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = signing_key(settings), SignerKey.from_pem(settings.origin, new_file.read_bytes())
    monkeypatch.setenv("TUNEWARDEN_SIGNING_KEY_PEM", old.pem().decode())
    monkeypatch.setenv("TUNEWARDEN_HOME", str(settings.home))
    settings.signing_key.unlink()
    told = CliRunner().invoke(app, ["log", "rotate-key", str(new_file)])
    assert told.exit_code == 0
    assert "put the content of" in told.output
    assert new_file.exists()
    assert run(Settings(home=settings.home), lambda: False) == REFUSED  # the old one is still in the environment
    monkeypatch.setenv("TUNEWARDEN_SIGNING_KEY_PEM", new.pem().decode())
    Sealer(Settings(home=settings.home)).close()
