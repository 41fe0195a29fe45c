"""The access driver: a policy with a fault is refused whole, and whatever goes wrong, the answer is no."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tunewarden.domain.errors import Malformed
from tunewarden.domain.names import Action, PrincipalId, Role
from tunewarden.drivers.access import CasbinAccess
from tunewarden.usecases.ports import Decision, Principal, Resource

HEADER = "role,action,kind,condition,effect\n"
LINE = "steward,read-dataset,dataset,always,allow\n"
MODEL = Path(__file__).parents[2] / "policies" / "access" / "model.conf"
STEWARD = Principal(id=PrincipalId("prn-1"), roles=frozenset({Role.STEWARD}))
DATASET = Resource(kind="dataset", id="ds-1", author=PrincipalId("prn-2"))


def policy(tmp_path: Path, text: str) -> CasbinAccess:
    path = tmp_path / "policy.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return CasbinAccess(MODEL, path, demanded=())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1: the header"),
        (LINE, "line 1: the header"),
        (HEADER, "there is no line"),
        (HEADER + "\n", "line 2: 0 fields"),
        (HEADER + "steward,read-dataset,dataset,always\n", "line 2: 4 fields"),
        (HEADER + LINE + "steward,read-dataset,dataset,always,allow,\n", "line 3: 6 fields"),
        (HEADER + "Steward,read-dataset,dataset,always,allow\n", "line 2: the role"),
        (HEADER + "steward ,read-dataset,dataset,always,allow\n", "line 2: the role"),
        (HEADER + "*,read-dataset,dataset,always,allow\n", "line 2: the role"),
        (HEADER + "steward,read,dataset,always,allow\n", "line 2: the action"),
        (HEADER + "steward,*,dataset,always,allow\n", "line 2: an allow names its action"),
        (HEADER + "steward,read-dataset,datasets,always,allow\n", "line 2: the kind"),
        (HEADER + "steward,read-dataset,dataset,1==1,allow\n", "line 2: the condition"),
        (HEADER + "steward,read-dataset,dataset,always,Deny\n", "line 2: the effect"),
        (HEADER + "steward,read-dataset,dataset,always,allow # fine\n", "line 2: the effect"),
        (HEADER + "anyone,read-dataset,dataset,always,allow\n", "line 2: what everybody"),
        (HEADER + LINE + LINE, "two lines"),
        (HEADER + LINE + "p, steward, read-log, log, always, allow\n", "line 3: 6 fields"),
        (HEADER + 'steward,"read-dataset"x,dataset,always,allow\n', "not CSV"),
        (HEADER + "steward,\udcff,dataset,always,allow\n", "cannot be read"),
    ],
)
def test_a_policy_with_one_fault_is_refused_whole(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(Malformed, match=fault):
        policy(tmp_path, text)


def test_a_missing_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match=r"policy\.csv cannot be read"):
        CasbinAccess(MODEL, tmp_path / "policy.csv")


def test_a_model_that_evaluates_policy_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policy.csv").write_text(HEADER + LINE)
    (tmp_path / "model.conf").write_text(MODEL.read_text().replace("holds(p.cond, p.eft, r.env)", "eval(p.cond)"))
    with pytest.raises(Malformed, match="uses eval"):
        CasbinAccess(tmp_path / "model.conf", tmp_path / "policy.csv", demanded=())


def test_when_the_engine_breaks_the_answer_is_no(tmp_path: Path) -> None:
    (tmp_path / "policy.csv").write_text(HEADER + LINE)
    (tmp_path / "model.conf").write_text(MODEL.read_text().replace("holds(", "vanished("))
    broken = CasbinAccess(tmp_path / "model.conf", tmp_path / "policy.csv", demanded=())
    decision = broken(STEWARD, Action.READ_DATASET, DATASET)
    assert decision == Decision(allowed=False, because="error", who="administrator")


def test_a_deny_line_beats_an_allow_line_wherever_it_stands(tmp_path: Path) -> None:
    deny = "anyone,read-dataset,dataset,other,deny\n"
    for text in (HEADER + LINE + deny, HEADER + deny + LINE):
        decision = policy(tmp_path, text)(STEWARD, Action.READ_DATASET, DATASET)
        assert not decision.allowed
        assert (decision.because, decision.who) == ("anyone/read-dataset/other", "steward")


def test_what_no_line_is_about_is_denied(tmp_path: Path) -> None:
    access = policy(tmp_path, HEADER + LINE)
    for principal, action, resource in (
        (STEWARD, Action.READ_LOG, Resource(kind="log")),
        (STEWARD, Action.READ_DATASET, Resource(kind="file")),
        (STEWARD, Action.READ_DATASET, Resource(kind="")),
        (Principal(id=PrincipalId(""), roles=frozenset()), Action.READ_DATASET, Resource(kind="dataset")),
    ):
        assert not access(principal, action, resource).allowed


def test_denials_are_not_written_to_the_diagnostic_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    access = policy(tmp_path, HEADER + LINE)
    assert access(STEWARD, Action.READ_DATASET, DATASET).allowed
    logging.getLogger("casbin.enforcer").disabled = False  # as a server does that sets up logging after the wiring
    with caplog.at_level(logging.DEBUG):
        access(Principal(id=PrincipalId("prn-9"), roles=frozenset({Role.WORKER})), Action.READ_DATASET, DATASET)
    assert caplog.records == []


def test_an_auditor_sees_who_holds_what_and_whose_work_it_is_and_nobody_else_does(tmp_path: Path) -> None:
    access = policy(tmp_path, HEADER + "approver,approve-request,request,other,allow\n" + LINE)
    mine = Resource(kind="request", id="ftjob-1", author=STEWARD.id)
    auditor = Principal(id=PrincipalId("prn-7"), roles=frozenset({Role.AUDITOR}))
    told, seen = (access.explain(STEWARD, Action.APPROVE_REQUEST, mine, viewer=viewer) for viewer in (STEWARD, auditor))
    assert (told.allowed, told.rule, told.facts) == (False, "approver/approve-request/other", None)
    assert told.reason is not None
    assert (told.reason.failed, told.reason.unblocks) == ("role+other", "approver")
    assert "prn-" not in repr(told)
    assert seen == replace(told, facts=seen.facts)
    assert seen.facts is not None
    assert (seen.facts["author"], seen.facts["roles"], seen.facts["gate_green"]) == ("prn-1", "steward", "not stated")
    allowed = access.explain(STEWARD, Action.READ_DATASET, DATASET, viewer=STEWARD)
    assert (allowed.allowed, allowed.rule, allowed.reason) == (True, "steward/read-dataset/always", None)
    assert allowed.version == access.version


def test_every_denial_names_its_reason(tmp_path: Path) -> None:
    access = policy(
        tmp_path, HEADER + LINE + "anyone,read-dataset,dataset,own,deny\nauditor,read-log,log,always,allow\n"
    )
    for roles in (frozenset(), frozenset({Role.STEWARD}), frozenset({Role.AUDITOR})):
        for action, kind in ((Action.READ_DATASET, "dataset"), (Action.READ_LOG, "log")):
            for author in (STEWARD.id, PrincipalId("prn-2"), None):
                asker = Principal(id=STEWARD.id, roles=roles)
                decision = access(asker, action, Resource(kind=kind, author=author))
                assert decision.version == access.version
                if not decision.allowed:
                    assert decision.rule
                    assert decision.failed
                    assert decision.unblocks


def test_eight_threads_get_the_right_answers(tmp_path: Path) -> None:
    access = policy(tmp_path, HEADER + LINE + "anyone,read-dataset,dataset,own,deny\n")
    own = Resource(kind="dataset", id="ds-2", author=STEWARD.id)

    def ask(number: int) -> bool:
        return access(STEWARD, Action.READ_DATASET, own if number % 2 else DATASET).allowed

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(2000))) == [True, False] * 1000
