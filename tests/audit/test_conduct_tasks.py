"""Which gate has to have judged before a promotion: that of the task that was asked for."""

import pytest
from tests.audit.house_log import ADAPTER, GOOD, PROMOTION, Log, saying, verdict, verdict_digest, written

from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade


def promoted_by(gate: str, log: Log) -> Log:
    """`log`, in which another gate judged the promotion."""
    passed = verdict(gate, PROMOTION, ADAPTER)
    changed: Log = []
    for actor, kind, fact in log:
        if kind == "GateJudged" and fact["gate"] == "promotion":
            fact = passed
        elif kind in {"PromotionProposed", "PromotionApproved"}:
            fact = {**fact, "verdict": verdict_digest(passed)}
        changed.append((actor, kind, fact))
    return changed


def blamed(log: Log) -> set[str]:
    return {check.name for check in conduct(written(log)).checks if check.grade is not Grade.CONSISTENT}


@pytest.mark.parametrize(
    ("task", "gate", "in_order"),
    [
        ("classification", "promotion", True),
        ("completion", "promotion-completion", True),
        ("classification", "promotion-completion", False),
        ("completion", "promotion", False),
        ("completion", "training", False),
        ("translation", "promotion", False),
        ("translation", "", False),
    ],
)
def test_only_the_gate_of_the_task_lets_a_model_be_promoted(task: str, gate: str, in_order: bool) -> None:
    assert blamed(promoted_by(gate, saying("RequestSubmitted", task=task))) == (set() if in_order else {"promotion"})


def test_where_a_request_of_before_names_no_task_it_was_to_tell_classes() -> None:
    assert blamed(GOOD) == set()
    assert blamed(promoted_by("promotion-completion", GOOD)) == {"promotion"}
