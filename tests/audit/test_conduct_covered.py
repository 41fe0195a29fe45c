"""Every rule of the auditor's is broken by some test."""

from typing import Any

from tests.audit import (
    test_conduct_emergencies,
    test_conduct_groups,
    test_conduct_overrides,
    test_conduct_persons,
    test_conduct_policy,
    test_conduct_removals,
    test_conduct_reviews,
)
from tests.audit.house_log import GOOD
from tests.audit.test_conduct import BROKEN, judged


def test_every_rule_is_broken_by_some_test_and_every_finding_has_a_line() -> None:
    rules = {check.name for check in judged(GOOD).checks}
    of = (test_conduct_reviews.BROKEN, test_conduct_persons.BROKEN, test_conduct_policy.BROKEN)
    others: list[tuple[Any, ...]] = [one for broken in of for one in broken.values()]
    others += [*test_conduct_emergencies.BROKEN.values(), *test_conduct_groups.BROKEN.values()]
    others += [*test_conduct_overrides.BROKEN.values(), *test_conduct_removals.BROKEN.values()]
    elsewhere = {name for name, *_ in others} | {"time", "intents", "erasure", "destruction", "projects", "attributes"}
    elsewhere |= {"webhooks"}
    assert rules == {name for name, _ in BROKEN.values()} | elsewhere
