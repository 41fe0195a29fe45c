"""A rule about how much is known says "unknown" where it does not hold; the auditor judges it again with that."""

from typing import Any

import pytest
from tests.audit.house_log import saying, verdict, written

from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade

FAILING, HOLDING = (verdict("", "", "", low=low)["findings"][0] for low in ("0.7", "0.9"))


def is_in_order(finding: dict[str, Any], outcome: str) -> bool:
    log = saying("GateJudged", findings=[finding], outcome=outcome)
    (check,) = (check for check in conduct(written(log)).checks if check.name == "verdicts")
    return check.grade is Grade.CONSISTENT


@pytest.mark.parametrize(
    ("finding", "said", "in_order"),
    [
        ({**FAILING, "otherwise": "unknown"}, "unknown", True),
        ({**FAILING, "otherwise": "unknown"}, "fail", False),
        ({**FAILING, "otherwise": "unknown"}, "pass", False),
        ({**FAILING, "otherwise": "fail"}, "fail", True),
        (FAILING, "fail", True),
        (FAILING, "unknown", False),
        ({**HOLDING, "otherwise": "unknown"}, "pass", True),
        ({**HOLDING, "otherwise": "unknown"}, "unknown", False),
        ({**HOLDING, "otherwise": "unknown", "measured": None}, "unknown", True),
        ({**FAILING, "otherwise": "pass"}, "pass", False),
        ({**FAILING, "otherwise": ["unknown"]}, "unknown", False),
    ],
)
def test_an_outcome_is_what_figure_limit_and_otherwise_give(finding: dict[str, Any], said: str, in_order: bool) -> None:
    assert is_in_order({**finding, "outcome": said}, said) is in_order


def test_a_doubt_beside_a_failure_is_a_failure() -> None:
    doubt = {**FAILING, "otherwise": "unknown", "outcome": "unknown"}
    for outcome, in_order in (("fail", True), ("unknown", False), ("pass", False)):
        log = saying("GateJudged", findings=[doubt, FAILING], outcome=outcome)
        (check,) = (check for check in conduct(written(log)).checks if check.name == "verdicts")
        assert (check.grade is Grade.CONSISTENT) is in_order
