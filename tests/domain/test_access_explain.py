"""Every denial has a reason: the deny rule, or the nearest allow rule and what it lacks, and who can mend it."""

import pytest

from tunewarden.domain.access import Rule
from tunewarden.domain.access_explain import reason
from tunewarden.domain.access_predicates import PREDICATES

ALLOW = Rule("approver", "approve-promotion", "promotion", "other+gate-green", "allow")
OWN = Rule("anyone", "approve-promotion", "promotion", "own", "deny")
RED = Rule("anyone", "approve-promotion", "promotion", "gate-red", "deny")
OFFICER = Rule("privacy-officer", "approve-promotion", "promotion", "other+purpose-fits", "allow")
NOTHING = dict.fromkeys(PREDICATES, False) | {"always": True}


@pytest.mark.parametrize(
    ("held", "true", "because", "rule", "failed", "unblocks"),
    [
        ({"approver"}, {"own"}, OWN.id, OWN.id, "own", "approver, privacy-officer"),
        ({"approver"}, {"other", "gate-red"}, RED.id, RED.id, "gate-red", "requester"),
        ({"approver"}, {"other"}, "no-rule-allows", ALLOW.id, "gate-green", "requester"),
        ({"approver"}, {"gate-green"}, "no-rule-allows", ALLOW.id, "other", "approver, privacy-officer"),
        ({"steward"}, {"other", "gate-green"}, "no-rule-allows", ALLOW.id, "role", "approver, privacy-officer"),
        ({"privacy-officer"}, {"other"}, "no-rule-allows", OFFICER.id, "purpose-fits", "steward"),
        (set(), set(), "no-rule-allows", ALLOW.id, "role+other+gate-green", "requester"),
    ],
)
def test_a_denial_names_what_is_missing_and_who_can_mend_it(
    held: set[str], true: set[str], because: str, rule: str, failed: str, unblocks: str
) -> None:
    told = reason([OWN, RED, ALLOW, OFFICER], held | {"anyone"}, NOTHING | dict.fromkeys(true, True))
    assert (told.because, told.rule, told.failed, told.unblocks) == (because, rule, failed, unblocks)
    assert told.who == "approver, privacy-officer"


def test_where_only_denies_are_about_a_question_nobody_is_named() -> None:
    told = reason([OWN], {"approver", "anyone"}, NOTHING)
    assert (told.because, told.rule, told.failed, told.who) == ("no-rule-allows", "", "", "")
