"""The measuring step compares what the approved plan declares: all of it, nothing else, and not another plan's."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.conftest import linear_accountant
from tests.steps.measure.injuries import NOTHING, SAID, SMALL, Records, attempt, locate, plan

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.errors import PlanMismatch
from tunewarden.domain.fairness import FairnessDeclaration, GroupMetric, Tolerance
from tunewarden.domain.gates import Measurement
from tunewarden.domain.training import Plan
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.measure.decided import Decided
from tunewarden.steps.measure.declared import require_declaration
from tunewarden.steps.measure.documents import Details
from tunewarden.steps.measure.step import MeasureStep

ACCURACY, RATE, LOSS = (
    Tolerance(metric=metric, at_most=Decimal("0.3"))
    for metric in (GroupMetric.ACCURACY, GroupMetric.TRUE_POSITIVE, GroupMetric.LOSS)
)


def measured(
    adapter_of: Callable[[Plan], bytes], of: Plan, protected: tuple[str, ...] = ("sex",)
) -> tuple[Decided | None, dict[str, Measurement]]:
    blobs = MemoryBlobs()
    given = attempt(blobs, Records.of(400).manifest(blobs), adapter_of(of), of)
    result = MeasureStep(blobs, locate, linear_accountant, extent=SMALL, explained_texts=2)(
        replace(given, protected=protected)
    )
    found = from_plain(Details, decode(blobs.read(result.details))).fairness.decided
    return found, {each.metric: each for each in result.measurements}


def declaring(declaration: FairnessDeclaration | None) -> Plan:
    return replace(plan(), fairness=declaration)


def test_the_evidence_names_the_declaration_and_compares_all_of_it(adapter_of: Callable[[Plan], bytes]) -> None:
    declaration = replace(SAID, tolerances=(ACCURACY, LOSS, RATE))
    found, figures = measured(adapter_of, declaring(declaration))
    assert found is not None
    assert found.declaration == declaration.digest()
    compared = {(each.group, each.metric, each.label) for each in found.comparisons}
    assert {(group, GroupMetric.ACCURACY, None) for group in "fm"} <= compared
    assert {(group, GroupMetric.LOSS, None) for group in "fm"} <= compared
    rates = {each for each in compared if each[1] is GroupMetric.TRUE_POSITIVE}
    assert len(rates) + found.unassessed == 4
    assert figures["fairness.confirmed_gaps"].high == 0
    assert figures["fairness.decided_share"].low == 1


@pytest.mark.parametrize(
    ("declaration", "protected"),
    [
        (replace(SAID, attributes=("age",)), ("sex",)),
        (replace(SAID, attributes=("age", "sex")), ("sex",)),
        (SAID, ("sex", "age")),
        (SAID, ()),
    ],
)
def test_a_declaration_of_other_attributes_is_refused(
    adapter_of: Callable[[Plan], bytes], declaration: FairnessDeclaration, protected: tuple[str, ...]
) -> None:
    with pytest.raises(PlanMismatch) as refused:
        measured(adapter_of, declaring(declaration), protected)
    assert refused.value.code == "fairness_of_another_plan"


def test_a_declaration_of_more_than_noisy_tables_tell_is_refused() -> None:
    metrics = replace(plan().mechanism, sampling_rate=Decimal(1), updates=3)
    given = attempt(MemoryBlobs(), NOTHING, b"", replace(plan(), metrics=metrics))
    require_declaration(given)
    more = replace(SAID, tolerances=(ACCURACY, RATE))
    with pytest.raises(PlanMismatch) as refused:
        require_declaration(replace(given, plan=replace(given.plan, fairness=more)))
    assert refused.value.code == "fairness_of_another_plan"
    require_declaration(replace(given, plan=replace(given.plan, fairness=more, metrics=None)))


def test_a_plan_of_before_is_measured_and_nobody_is_cleared(adapter_of: Callable[[Plan], bytes]) -> None:
    found, figures = measured(adapter_of, declaring(None))
    assert found is None
    assert "fairness.accuracy_gap" in figures
    assert not figures.keys() & {"fairness.confirmed_gaps", "fairness.undecided", "fairness.decided_share"}
