"""The pages on which people decide about a promotion: what is offered to whom, and what nobody is offered."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from tests.domain.test_gates import ADAPTER, METRICS, evidence, rule
from tests.entry.report.browser import AXE, CHROMIUM, measure, violations

from tunewarden.domain.canonical import Plain, digest_of
from tunewarden.domain.gates import Bound, Gate, Measurement, Outcome, judge
from tunewarden.domain.names import Alias, ModelId, PolicyName, PrincipalId, PromotionId, Role
from tunewarden.domain.overrides import Override, OverrideReason
from tunewarden.domain.registry import Promotion, PromotionState
from tunewarden.entry.report.promotion_pages import render_promotion, render_promotions
from tunewarden.usecases.proposals import Proposal, Unassessed

NOW = datetime(2026, 11, 26, 14, tzinfo=UTC)
ANN, BOB, PIA, CY = (PrincipalId(f"prn-{name}") for name in ("ann", "bob", "pia", "cy"))
GATE = Gate(
    name=PolicyName("promotion"),
    rules=(
        rule(METRICS[0], Bound.AT_LEAST, Decimal("0.9")),
        replace(rule(METRICS[1], Bound.AT_MOST, Decimal(0)), otherwise=Outcome.UNKNOWN),
        rule(METRICS[2], Bound.AT_LEAST, Decimal(0)),
    ),
)
METRIC_WORDS = {METRICS[0]: {"meaning": "How often it is right.", "unit": "share of rows", "n": "persons"}}


def found(metric: str, n: int = 40) -> Measurement:
    return Measurement(metric=metric, low=Decimal("0.51"), value=Decimal("0.62"), high=Decimal("0.73"), n=n)


def proposal(
    *halves: tuple[PrincipalId, Role],
    gate: Gate = GATE,
    state: PromotionState = PromotionState.REFUSED,
    is_own: bool = False,
    missing: bool = False,
) -> Proposal:
    verdict = judge(gate, ADAPTER, [] if missing else [evidence(*(found(one) for one in METRICS[:3]))])
    promotion = Promotion(
        id=PromotionId("prom-" + "1" * 32),
        model=ModelId("model-" + "2" * 32),
        alias=Alias.PRODUCTION,
        proposed_by=ANN,
        verdict=digest_of(verdict),
        state=state,
        overrides=tuple(
            Override(by=by, role=role, reason=OverrideReason.WATCHED, verdict=digest_of(verdict), at=NOW)
            for by, role in halves
        ),
    )
    none = Unassessed(count=0, details=None)
    return Proposal(promotion=promotion, verdict=verdict, gate=gate, unassessed=none, is_own=is_own)


def forms(page: str) -> set[str]:
    return {word for word in ("override", "approve") if f'/{word}"' in page}


SMALL: Plain = [
    {"attribute": "age", "group": "90+", "persons": 12},
    {"attribute": "age", "group": None, "persons": None},
    {"attribute": "sex", "group": "", "persons": 11},
]
COMPARED: Plain = [
    {"attribute": "sex", "group": "x", "metric": "true-positive", "label": 2, "standing": "not-assessable"},
    {"attribute": "sex", "group": "y", "metric": "accuracy", "label": None, "standing": "cleared"},
]


def unassessed(number: int) -> Proposal:
    waits = proposal(state=PromotionState.AWAITING_APPROVAL)
    details: Plain = {"fairness": {"not_assessable": SMALL, "decided": {"comparisons": COMPARED}}}
    return replace(waits, unassessed=Unassessed(count=number, details=details if number else None))


HARD = replace(GATE, rules=(replace(GATE.rules[0], hard=True), *GATE.rules[1:]))
WAITS = PromotionState.AWAITING_APPROVAL
HALF = (BOB, Role.APPROVER)


@pytest.mark.parametrize(
    ("shown", "reader", "expected"),
    [
        (proposal(), PIA, {"override"}),
        (proposal(is_own=True), ANN, set()),
        (proposal(HALF), BOB, set()),
        (proposal(HALF), PIA, {"override"}),
        (proposal(gate=HARD), PIA, set()),
        (proposal(missing=True), PIA, set()),
        (proposal(HALF, (PIA, Role.PRIVACY_OFFICER), state=WAITS), CY, {"approve"}),
        (proposal(state=WAITS), ANN, set()),
        (proposal(state=PromotionState.APPROVED), CY, set()),
    ],
    ids=["anybody", "own", "decided before", "the second", "hard", "not measured", "approval", "own approval", "done"],
)
def test_each_reader_is_offered_what_they_could_do_and_nobody_to_let_pass_what_is_hard(
    shown: Proposal, reader: PrincipalId, expected: set[str]
) -> None:
    assert forms(render_promotion(shown, reader, METRIC_WORDS)) == expected


def test_what_is_decided_is_the_verdict_on_the_page_with_every_figure_and_its_interval() -> None:
    page = render_promotion(proposal(), PIA, METRIC_WORDS)
    assert f'name="verdict" value="{proposal().promotion.verdict}"' in page
    assert page.count("0.62") == 3
    assert "n = 40 persons" in page
    assert page.index("FAIL") < page.index(">UNDECIDED</span></td>")
    assert page.count('name="reason"') == len(OverrideReason)


def test_half_a_decision_stands_in_red_with_who_is_missing() -> None:
    page = render_promotion(proposal(HALF), PIA, METRIC_WORDS)
    assert '<p class="overridden">' in page
    assert "an approver" in page
    assert "It takes a privacy officer still" in page


def test_what_is_stopped_for_good_is_named_and_marked() -> None:
    page = render_promotion(proposal(gate=HARD), PIA, METRIC_WORDS)
    assert f"Nobody can let pass: {METRICS[0]}" in page
    assert "Hard: nobody lets it pass" in page
    assert "Hard:" not in render_promotion(proposal(), PIA, METRIC_WORDS)


@pytest.mark.parametrize(("number", "said"), [(1, "1 group or comparison has"), (17, "17 groups and comparisons have")])
def test_who_approves_signs_for_those_of_whom_nobody_can_tell(number: int, said: str) -> None:
    page = render_promotion(unassessed(number), CY, METRIC_WORDS)
    assert f'name="unassessed" value="{number}" required' in page
    assert said in page
    assert 'name="unassessed"' not in render_promotion(unassessed(0), CY, METRIC_WORDS)


def test_who_approves_reads_which_they_are_and_how_many_nothing_names() -> None:
    page = render_promotion(unassessed(6), CY, METRIC_WORDS)
    lines = re.findall(r"<li>(.*)</li>", page)
    assert lines == [
        "age: 90+",
        "age: smaller groups together",
        "sex: (no value)",
        "sex: x, class 2 recognised less often",
    ]
    assert "rates that too few persons could show: 2." in page
    assert "could show" not in render_promotion(unassessed(4), CY, METRIC_WORDS)
    assert "Of whom nobody can tell" not in render_promotion(unassessed(0), CY, METRIC_WORDS)


def test_the_list_has_what_one_person_began_first_then_what_wants_approval_then_the_newest() -> None:
    plain = proposal().promotion
    several = [
        replace(plain, id=PromotionId("prom-old")),
        replace(plain, id=PromotionId("prom-new")),
        replace(plain, id=PromotionId("prom-waits"), state=WAITS),
        replace(proposal(HALF).promotion, id=PromotionId("prom-half")),
    ]
    page = render_promotions(several)
    places = [page.index(f"/promotions/{name}") for name in ("prom-half", "prom-waits", "prom-new", "prom-old")]
    assert places == sorted(places)
    assert "Nothing waits for you" in render_promotions([])
    assert "3 more are not listed" in render_promotions([plain] * 103)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_both_forms_read_well_on_a_telephone_without_fault(tmp_path: Path) -> None:
    """On one page, which starts one browser less; no reader is offered both."""
    approval = re.compile(r'<section id="approval".*?</section>', re.DOTALL)
    (form,) = approval.findall(render_promotion(unassessed(17), CY, METRIC_WORDS))
    page = approval.sub(form, render_promotion(proposal(HALF), PIA, METRIC_WORDS))
    assert forms(page) == {"override", "approve"}
    got = measure(tmp_path, page, 390)
    assert (got.width <= 390, got.clipped, got.overlapping, got.stacked) == (True, [], [], [])
    if AXE.exists():
        assert violations(tmp_path, page, 1280) == []
