"""A learning curve is trained as it was promised, and charged whole: asked of the log alone."""

import pytest
from tests.audit.house_log import ADAPTER, GOOD, MECHANISM, Fact, Log, charged, find, finished, saying, written

from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade

CHARGED, RESERVED, SETTLED = 36, find("BudgetReserved"), find("BudgetSettled")
LAST_CHARGE, TRAINED = find("BudgetCharged", 1), find("StepFinished", 1)


def log(
    curve: list[str] | None = None,
    *,
    promised: int = CHARGED,
    last_charge: int = 16,
    **counts: int,
) -> Log:
    """The good log, in which parts of the persons were trained on too: 12 updates each, and 12 of the model."""
    mechanism: Fact = {**MECHANISM, "updates": promised}
    lines = saying(
        "BudgetReserved", mechanism=mechanism, **({} if curve == [] else {"curve": curve or ["0.25", "0.5"]})
    )
    total = 20 + last_charge
    lines[LAST_CHARGE] = charged(3, last_charge, total)
    lines[TRAINED] = finished(3, "train", ADAPTER, **{"updates": total, "curve_updates": 24, **counts})
    actor, kind, settled = GOOD[SETTLED]
    lines[SETTLED] = actor, kind, {**settled, "charged": total, "returned": promised - total}
    return lines


def blamed(lines: Log) -> dict[str, tuple[Grade, tuple[str, ...]]]:
    found = conduct(written(lines)).checks
    return {check.name: (check.grade, check.details) for check in found if check.grade is not Grade.CONSISTENT}


def test_a_curve_that_was_promised_and_charged_whole_is_consistent() -> None:
    assert blamed(log()) == {}


@pytest.mark.parametrize(
    ("name", "words", "lines"),
    [
        ("settlement", "less was charged than was promised for it", log(last_charge=8)),
        ("settlement", "more updates were run than charged", log(last_charge=8, updates=CHARGED)),
        ("settlement", "that was never promised", log([])),
        ("settlement", "not as many updates of it were made", log(curve_updates=12)),
        ("settlement", "not as many updates of it were made", log(curve_updates=0)),
        ("budget", "not as many for each part of the learning curve", log(promised=37)),
    ],
    ids=["charged less than trained", "run for free", "never promised", "half of it", "untold", "unequal parts"],
)
def test_a_curve_that_was_not_charged_or_not_made_as_promised_is_found(name: str, words: str, lines: Log) -> None:
    found = blamed(lines)
    assert found[name][0] is Grade.BROKEN
    assert any(words in detail for detail in found[name][1])
