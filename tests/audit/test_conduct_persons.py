"""Conduct towards persons: admitted before they are charged, and none loses more than one person may."""

import hashlib
from typing import Any

import pytest
from hypothesis import given, strategies as st
from tests.audit.house_log import (
    ADAPTER,
    CLEAN,
    GOOD as OF_BEFORE,
    MECHANISM,
    VERSION,
    Fact,
    Line,
    Log,
    charged,
    digest,
    entry,
    finished,
    started,
    written,
)

from tunewarden_audit.canonical import encode
from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade, Report

FIGURES: Fact = {**MECHANISM, "noise_multiplier": "6", "sampling_rate": "1", "updates": 3}
OWN: Fact = {"delta": "0.0001", "epsilon": "8", "namespace": None, "over": "refuse"}
"""The limit of a dataset that names no namespace is its own."""

SHARED: Fact = {"delta": "0.0001", "epsilon": "2.4", "namespace": "hospital-mrn", "over": "refuse"}
"""Room for 36 updates and 20 (2.21 together), not for 36 and 40 (2.49)."""


def digest_of(limit: Fact) -> str:
    return "sha256:" + hashlib.sha256(encode(limit)).hexdigest()


def admitted(attempt: int, what: str = "training", limit: Fact = OWN, **members: Any) -> Line:
    fact = {
        "attempt": attempt,
        "beside": [],
        "cohort": digest(what),
        "dataset": "ds-1",
        "left_out": 0,
        "limit": digest_of(limit),
        "others": [],
        "persons": 640,
        "request": "ftjob-1",
        "what": what,
        **limit,
    }
    return "worker", "CohortAdmitted", {**fact, **members}


def paid(attempt: int, updates: int, total: int) -> Line:
    actor, kind, fact = charged(attempt, updates, total)
    return actor, kind, {**fact, "what": "metrics"}


def changed(log: Log, kind: str, **members: Any) -> Log:
    """The log in which all entries of that type say something else."""
    return [(actor, name, {**fact, **members} if name == kind else fact) for actor, name, fact in log]


def placed(log: Log, kind: str, *lines: Line, which: int = 0) -> Log:
    """The log with further lines behind an entry of that type."""
    at = [position for position, line in enumerate(log) if line[1] == kind][which] + 1
    return [*log[:at], *lines, *log[at:]]


def _good() -> Log:
    log = changed(OF_BEFORE, "BudgetReserved", metrics=FIGURES, person_limit=digest_of(OWN))
    log = changed(log, "BudgetSettled", metrics_charged=2, metrics_returned=1)
    log = placed(log, "StepStarted", admitted(2), which=1)
    return placed(log, "StepStarted", admitted(4, "metrics", persons=160), paid(4, 2, 2), which=3)


GOOD = _good()


def without(log: Log, kind: str, which: int = 0) -> Log:
    at = [position for position, line in enumerate(log) if line[1] == kind][which]
    return [*log[:at], *log[at + 1 :]]


def shared(log: Log) -> Log:
    """The same on a dataset whose persons are known in others."""
    log = [(a, k, {**f, "namespace": "hospital-mrn"}) if k == "DatasetRegistered" else (a, k, f) for a, k, f in log]
    return changed(log, "CohortAdmitted", **SHARED, limit=digest_of(SHARED))


def elsewhere(updates: int, beside: bool, **members: Any) -> Log:
    """A second training, on another dataset with the same persons, after the first one."""
    names = {"ds-1": "ds-2", "ftjob-1": "ftjob-2", VERSION: digest("other"), ADAPTER: digest("other adapter")}
    kinds = ["DatasetRegistered", "DatasetVersionAdded", "RequestSubmitted", "BudgetReserved", "RequestApproved"]
    told = [GOOD[[line[1] for line in GOOD].index(kind)] for kind in kinds]
    others = {"others": ["ftjob-1.training"], "beside": [[0]]} if beside else {}
    told += [
        started(1, "deidentify", VERSION),
        finished(1, "deidentify", CLEAN),
        next(line for line in GOOD if line[1] == "GateJudged"),
        started(2, "train", CLEAN),
        admitted(2, limit=SHARED, **others),
        charged(2, updates, updates),
        finished(2, "train", ADAPTER, updates=updates),
    ]
    mechanism = {**MECHANISM, "updates": updates}
    renamed = []
    for actor, kind, fact in told:
        fact = {key: names.get(value, value) if isinstance(value, str) else value for key, value in fact.items()}
        if kind == "DatasetRegistered":
            fact["namespace"] = "hospital-mrn"
        if kind == "BudgetReserved":
            fact |= {"mechanism": mechanism, "metrics": None}
        if kind == "CohortAdmitted":
            fact |= members
        renamed.append((actor, kind, fact))
    return [*shared(GOOD), *renamed]


def judged(log: Log) -> Report:
    return conduct(written(log))


def blamed(report: Report) -> dict[str, Grade]:
    return {check.name: check.grade for check in report.checks if check.grade is not Grade.CONSISTENT}


def said(log: Log, name: str = "admission") -> tuple[str, ...]:
    return next(check.details for check in judged(log).checks if check.name == name)


def test_logs_in_which_everybody_kept_the_rules_are_consistent() -> None:
    for log in (GOOD, shared(GOOD), OF_BEFORE):
        assert blamed(judged(log)) == {}, judged(log)
    for log in (elsewhere(20, beside=True), elsewhere(40, beside=False)):
        assert set(blamed(judged(log))) <= {"intents"}, judged(log)


BROKEN: dict[str, tuple[str, str, Log]] = {
    "charged before anybody was admitted": ("admission", "before it is settled", without(GOOD, "CohortAdmitted")),
    "figures charged before anybody was admitted": (
        "admission",
        "before it is settled",
        without(GOOD, "CohortAdmitted", 1),
    ),
    "admitted twice": ("admission", "for the second time", placed(GOOD, "CohortAdmitted", admitted(2))),
    "admitted late": (
        "admission",
        "after their budget was charged",
        placed(without(GOOD, "CohortAdmitted"), "BudgetCharged", admitted(2)),
    ),
    "admitted to another dataset": ("admission", "another dataset", changed(GOOD, "CohortAdmitted", dataset="ds-2")),
    "admitted while nothing is under way": (
        "admission",
        "not under way",
        placed(without(GOOD, "CohortAdmitted"), "RequestApproved", admitted(2)),
    ),
    "admitted to nothing": (
        "admission",
        "never promised",
        changed(GOOD, "BudgetReserved", metrics=None),
    ),
    "a limit that is not the one its digest names": (
        "admission",
        "its digest names",
        changed(GOOD, "CohortAdmitted", limit=digest("other")),
    ),
    "a limit above the dataset's": (
        "admission",
        "not that of the dataset",
        changed(GOOD, "CohortAdmitted", **{**OWN, "epsilon": "9"}, limit=digest_of({**OWN, "epsilon": "9"})),
    ),
    "another namespace than the dataset's": (
        "admission",
        "another namespace",
        changed(GOOD, "CohortAdmitted", **SHARED, limit=digest_of(SHARED)),
    ),
    "a combination that cannot be read": ("admission", "cannot be read", changed(GOOD, "CohortAdmitted", beside=[[0]])),
    "a cohort that was never there": (
        "admission",
        "nothing was ever promised to",
        changed(GOOD, "CohortAdmitted", beside=[[0]], others=["ftjob-9.training"]),
    ),
    "a person loses more than one may": ("admission", "more than one person may", elsewhere(40, beside=True)),
    "a replay that persons have no budget for": (
        "admission",
        "more than one person may",
        placed(shared(GOOD), "StepStarted", charged(3, 100, 120), which=2),
    ),
    "somebody else than a worker admits": (
        "principals",
        "somebody else than a worker",
        [("prn-bob" if kind == "CohortAdmitted" else actor, kind, fact) for actor, kind, fact in GOOD],
    ),
    "more figures settled than charged": (
        "settlement",
        "is not what was promised and charged",
        changed(GOOD, "BudgetSettled", metrics_charged=1),
    ),
    "figures that break the promise": (
        "limit",
        "does not keep the epsilon",
        changed(GOOD, "BudgetReserved", metrics={**FIGURES, "noise_multiplier": "1"}),
    ),
    "figures charged while training": (
        "budget",
        "no training is under way",
        placed(GOOD, "CohortAdmitted", paid(2, 1, 1)),
    ),
    "figures that do not add up": ("budget", "do not add up", placed(GOOD, "StepStarted", paid(4, 1, 7), which=3)),
    "a mechanism for figures of another form": (
        "vocabulary",
        "",
        changed(GOOD, "BudgetReserved", metrics={**FIGURES, "updates": "3"}),
    ),
}


@pytest.mark.parametrize("what", sorted(BROKEN))
def test_what_was_done_to_persons_against_the_rules_is_found(what: str) -> None:
    name, words, log = BROKEN[what]
    assert blamed(judged(log)).get(name) is Grade.BROKEN, judged(log)
    assert any(words in line for line in said(log, name)), said(log, name)


def test_where_rows_are_persons_training_and_figures_add_up() -> None:
    """On the same persons 40 updates of the training and 3 figures together break the promise that each one keeps."""
    figures = {**FIGURES, "noise_multiplier": "5"}
    log = changed(GOOD, "BudgetReserved", metrics=figures)
    assert blamed(judged(log)) == {}
    assert "limit" in blamed(judged(changed(log, "DatasetRegistered", row_is_person=True)))


@given(st.sets(st.integers(0, 60)))
def test_what_stands_in_entries_that_are_not_at_hand_is_held_against_nobody(gone: set[int]) -> None:
    log = elsewhere(20, beside=True)
    kept = [(index, entry(index, line)) for index, line in enumerate(log) if index not in gone]
    assert conduct(kept).verdict in {Grade.CONSISTENT, Grade.INCOMPLETE}


@given(st.data())
def test_no_entry_whatever_it_says_ends_in_a_traceback(data: st.DataObject) -> None:
    words = st.text(max_size=5) | st.sampled_from(["9" * 40, "0", "training", "metrics"])
    scalars = st.none() | st.booleans() | st.integers(-5, 2**53 - 1) | words
    values = scalars | st.lists(scalars, max_size=2) | st.lists(st.lists(scalars, max_size=2), max_size=2)
    log = elsewhere(20, beside=True)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.sampled_from([at for at, line in enumerate(log) if "Budget" in line[1] or "Coh" in line[1]]))
        actor, kind, fact = log[at]
        log[at] = (actor, kind, {**fact, data.draw(st.sampled_from(sorted(fact))): data.draw(values)})
    assert len(judged(log).checks) == 31
