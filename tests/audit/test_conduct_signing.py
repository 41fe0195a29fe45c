"""Since approvers sign for groups of whom nobody can tell, none leaves it out."""

import pytest
from tests.audit.house_log import GOOD, Log, find, saying, written

from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Check, Grade


def twice(**signed: int) -> Log:
    """The model version is promoted twice; the first approval signs for three groups, the second as it is told."""
    first = saying("PromotionApproved", unassessed=3)
    proposal, consent, moved = (GOOD[find(kind)] for kind in ("PromotionProposed", "PromotionApproved", "AliasMoved"))
    again, at = {"promotion": "prom-2"}, find("AliasMoved") + 1
    return [
        *first[:at],
        (proposal[0], proposal[1], {**proposal[2], **again}),
        GOOD[find("GateJudged", 2)],
        (consent[0], consent[1], {**consent[2], **again, **signed}),
        (moved[0], moved[1], {**moved[2], "previous": "mdl-1"}),
        *first[at:],
    ]


def faulty(log: Log) -> list[Check]:
    return [check for check in conduct(written(log)).checks if check.grade is not Grade.CONSISTENT]


@pytest.mark.parametrize("log", [saying("PromotionApproved", unassessed=3), twice(unassessed=0)])
def test_an_approval_may_be_the_first_that_signs_and_those_after_it_sign_too(log: Log) -> None:
    assert faulty(log) == []


def test_an_approval_without_a_signature_after_one_that_has_it_is_found() -> None:
    (check,) = faulty(twice())
    assert (check.name, check.grade) == ("promotion", Grade.BROKEN)
    assert "nobody signs any more" in check.details[0]
