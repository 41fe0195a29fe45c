"""Eleven years of a real log in SQL: two models, a legal hold, a key rotation, a pruning; and nobody raises an alarm.

Sealer, holds, pruning, rotation and static files are the command line's; the auditor's tool judges what comes out.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from tests.audit.test_conduct_agreement import CY, OPERATOR, PAT, ask, calibrate
from tests.conftest import ANN, BOB, DANA, OTTO, POLICIES, WORKER, Stage
from typer.testing import CliRunner

from tunewarden.domain.canonical import instant_text
from tunewarden.domain.errors import Conflict, NotFound, Refused
from tunewarden.domain.events import KeyCreated, PruneFinished
from tunewarden.domain.names import Alias, ModelId
from tunewarden.domain.training import StepName
from tunewarden.drivers import accounting
from tunewarden.drivers.identity import new_token, token_hash
from tunewarden.drivers.sql import SqlClaims, SqlViews, SqlWork
from tunewarden.drivers.sql_cohorts import SqlEnrolments
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.entry.bundle import bundle
from tunewarden.entry.cli import app
from tunewarden.entry.sealer import Sealer
from tunewarden.entry.settings import Settings
from tunewarden.entry.wiring import create_keys
from tunewarden.steps import GUARDED
from tunewarden.usecases import datasets, jobs, keys, models, reports, requests
from tunewarden.usecases.counting import put_in_force
from tunewarden.usecases.ports import KeyRecord, SignedTreeHead
from tunewarden_audit.__main__ import main as audit

CONSISTENT, INCOMPLETE = 0, 3


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("TUNEWARDEN_HOME", str(tmp_path / "home"))
    made = Settings(policies=POLICIES)
    made.home.mkdir()
    create_keys(made)
    migrate(made.database)
    return made


@pytest.fixture
def stage(stage: Stage, settings: Settings) -> Stage:
    """The stage on a real database; its clock began eleven years ago. Everybody has a key, in a file under their id."""
    engine = connect(settings.database)
    stage.clock.now = datetime.now(UTC) - timedelta(days=11 * 366)
    stage.platform = replace(
        stage.platform,
        work=SqlWork(engine, stage.clock),
        view=SqlViews(engine),
        claims=SqlClaims(engine),
        enrolments=SqlEnrolments(engine),
        log=SqlSealedLog(engine),
        accountant=accounting.epsilon,
        calibrate=calibrate,
    )
    with stage.platform.work(OPERATOR.id) as work:
        for principal in (ANN, BOB, CY, DANA, OTTO, PAT, OPERATOR):
            token = new_token()
            work.principals.put(principal)
            work.keys.put(KeyRecord(hash=token_hash(token), principal=principal.id))
            if principal is not OPERATOR:
                work.record(KeyCreated(principal=principal.id, roles=tuple(principal.roles)))
            (settings.home / principal.id).touch(0o600)
            (settings.home / principal.id).write_text(token)
        work.commit()
    stage.policies.restart = partial(put_in_force, stage.platform.work, stage.platform.view)
    return stage


def made(stage: Stage) -> ModelId:
    """A model from a dataset of its own, as far as production."""
    dataset = stage.dataset()
    request, _ = requests.submit(stage.platform, ANN, ask(dataset.id, "4"))
    requests.approve(stage.platform, BOB, request.id, request.plan.digest())
    for _ in StepName:
        request = jobs.advance(stage.platform, WORKER, stage.steps, GUARDED, request.id)
    assert request.model is not None
    promotion, _, _ = models.propose(stage.platform, BOB, request.model, Alias.PRODUCTION)
    models.approve(stage.platform, CY, promotion.id, promotion.verdict)
    return request.model


def seal(settings: Settings) -> None:
    with Sealer(settings) as sealer:
        sealer.seal_once()


def head(stage: Stage) -> SignedTreeHead:
    found = stage.platform.log.head()
    assert found is not None
    return found


def log(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["log", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def test_hold_rotation_and_pruning_leave_a_log_that_every_check_accepts(
    stage: Stage, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, held, newest = made(stage), made(stage), made(stage)
    for dataset in datasets.listed(stage.platform, DANA):
        datasets.retire(stage.platform, DANA, dataset.id)
    keys.revoke(stage.platform, OPERATOR, ANN.id)
    seal(settings)
    (first := tmp_path / "first.vkey").write_text(settings.log_vkey.read_text())
    (settings.home / "kept").write_text(head(stage).note)

    # Eleven years later: a court asks for one model; the key is rotated; the rest may go.
    stage.clock.now = datetime.now(UTC)
    placed = json.loads(log("hold", "place", held, "--json", "--key-file", settings.home / PAT.id))
    (listed,) = map(json.loads, log("hold", "list", "--json", "--key-file", settings.home / PAT.id).splitlines())
    index = placed["receipt"]["index"]
    with stage.platform.view() as view:
        (entry,) = view.entries(index)
    said = {"hold": placed["hold"], "resource": held, "index": index}
    assert listed == {**said, "placed_at": instant_text(entry.at)}
    assert placed["resource"] == held
    log("new-key", settings.home / "new.key")
    log("rotate-key", settings.home / "new.key")
    seal(settings)
    proposed = json.loads(log("prune", "propose", "--json", "--key-file", settings.home / PAT.id))
    prune = proposed["prune"]
    assert 0 <= proposed["first"] < proposed["last"]
    copy = tmp_path / "copy"
    log("tiles", copy)
    newer = settings.log_vkey
    assert audit(["tiles", str(copy), "--key", str(newer)]) == CONSISTENT
    approve = ("prune", "approve", prune, "--verified-checkpoint", copy / "checkpoint", "--key-file")
    with pytest.raises(Refused, match="You may not"):
        log(*approve, settings.home / PAT.id)  # who proposed it
    dropped = json.loads(log(*approve, settings.home / OPERATOR.id, "--json"))
    with pytest.raises(Conflict, match="over"):
        log(*approve, settings.home / OPERATOR.id)
    seal(settings)  # the sealer starts, replays what it signed, and goes on

    # The whole log: hashes and history stand, and what is not there is said to be missing, not wrong.
    with stage.platform.view() as view:
        gone = sum(map(len, view.dropped_bodies().values()))
        [finished] = [entry.event for entry in view.entries() if isinstance(entry.event, PruneFinished)]
    assert finished.entries == gone == dropped["bodies"] == proposed["entries"] > 20
    assert dropped["prune"] == prune
    log("tiles", tmp_path / "fresh")
    capsys.readouterr()
    since = ["--since", str(settings.home / "kept"), "--key", str(first), "--key", str(newer)]
    for directory, verdict in ((copy, CONSISTENT), (tmp_path / "fresh", INCOMPLETE)):
        assert audit(["tiles", str(directory), *since]) == verdict
        assert audit(["conduct", str(directory), *since]) == verdict
    told = capsys.readouterr().out
    for alarm in ("diverged", "invalid", "broken"):
        assert alarm not in told

    # The held model and the one in use are reported as ever, under either key; the other one is said to be gone.
    for model in (held, newest):
        path = tmp_path / f"{model}.zip"
        path.write_bytes(bundle(stage.platform, reports.lineage(stage.platform, OTTO, model), settings, (3,)))
        for key in (first, newer):
            assert audit(["verify", str(path), "--key", str(key)]) == CONSISTENT
            assert audit(["conduct", str(path), "--key", str(key)]) in (CONSISTENT, INCOMPLETE)
    with pytest.raises(NotFound, match="lost their bodies"):
        reports.lineage(stage.platform, OTTO, old)

    # Every proof still leads to the signed root, also those of entries without a body.
    size = head(stage).size
    assert len(stage.platform.log.inclusion_proofs(range(size), size)) == size
    log("rebuild")
    assert len(stage.platform.log.inclusion_proofs(range(size), size)) == size
