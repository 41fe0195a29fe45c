"""Who can let pass what a gate stopped: two persons in two roles, on that very verdict, and nobody what is hard."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st
from tests.domain.test_gates import ADAPTER, METRICS, bounds, evidence, evidences, numbers, rule

from tunewarden.domain.canonical import decode, digest_of, encode, from_plain, to_plain
from tunewarden.domain.errors import TunewardenError
from tunewarden.domain.gates import Bound, Gate, Measurement, Outcome, Rule, Verdict, judge
from tunewarden.domain.names import Alias, ModelId, PolicyName, PrincipalId, PromotionId, Role
from tunewarden.domain.overrides import DECIDING, Override, OverrideReason, final, is_green, stopping
from tunewarden.domain.registry import Promotion, PromotionState

PROPOSER, REQUESTER, BOB, PIA, EVE = (PrincipalId(f"prn-{name}") for name in ("cy", "ann", "bob", "pia", "eve"))
PEOPLE = (PROPOSER, REQUESTER, BOB, PIA, EVE)
BARRED = {PROPOSER, REQUESTER}
NOW = datetime(2026, 11, 26, 14, tzinfo=UTC)


@st.composite
def gates(draw: st.DrawFn) -> Gate:
    def one(metric: str) -> Rule:
        made = rule(metric, draw(bounds), draw(numbers))
        otherwise = draw(st.sampled_from([Outcome.FAIL, Outcome.UNKNOWN]))
        return replace(made, hard=draw(st.booleans()), otherwise=otherwise)

    chosen = draw(st.lists(st.sampled_from(METRICS), min_size=1, unique=True))
    return Gate(name=PolicyName("promotion"), rules=tuple(one(metric) for metric in chosen))


def stopped(*, hard: bool = False, missing: bool = False, n: int = 9) -> Verdict:
    """What a gate of one rule says of a model that is not good enough."""
    gate = Gate(name=PolicyName("promotion"), rules=(replace(rule(METRICS[0], Bound.AT_LEAST, Decimal(1)), hard=hard),))
    poor = Measurement(metric=METRICS[0], low=Decimal(0), value=Decimal("0.5"), high=Decimal(1), n=n)
    return judge(gate, ADAPTER, [] if missing else [evidence(poor)])


verdicts = st.sampled_from([stopped(), stopped(n=8), stopped(hard=True), stopped(missing=True)]) | st.builds(
    lambda gate, known: judge(gate, ADAPTER, known), gates(), evidences
)


def proposal(verdict: Verdict) -> Promotion:
    passed = verdict.outcome is Outcome.PASS
    return Promotion(
        id=PromotionId("prom-1"),
        model=ModelId("model-1"),
        alias=Alias.PRODUCTION,
        proposed_by=PROPOSER,
        verdict=digest_of(verdict),
        state=PromotionState.AWAITING_APPROVAL if passed else PromotionState.REFUSED,
    )


def half(verdict: Verdict, by: PrincipalId = BOB, role: Role = Role.APPROVER) -> Override:
    reason = OverrideReason.TOO_FEW_PERSONS
    return Override(by=by, role=role, reason=reason, verdict=digest_of(verdict), at=NOW)


@given(st.data())
def test_whatever_is_tried_only_two_others_in_the_two_roles_let_pass_only_what_is_not_hard(data: st.DataObject) -> None:
    """No single person, no proposer or requester, no stale verdict, no hard rule, nothing that was not measured."""
    judged, other = data.draw(verdicts), data.draw(verdicts)
    promotion = proposal(judged)
    for _ in range(data.draw(st.integers(0, 6))):
        seen, today = data.draw(st.sampled_from([judged, other])), data.draw(st.sampled_from([judged, other]))
        tried = half(seen, data.draw(st.sampled_from(PEOPLE)), data.draw(st.sampled_from(Role)))
        try:
            promotion = promotion.overridden(tried, today, REQUESTER)
        except TunewardenError:
            continue
    now = data.draw(st.sampled_from([judged, other]))
    if promotion.state is PromotionState.AWAITING_APPROVAL and judged.outcome is not Outcome.PASS:
        assert len({one.by for one in promotion.overrides} - BARRED) == 2
    if is_green(now, promotion.overrides, BARRED) and now.outcome is not Outcome.PASS:
        assert now == judged
        assert {one.role for one in promotion.overrides if one.by not in BARRED} == DECIDING
        assert not any(finding.hard or finding.measured is None for finding in stopping(now))
        assert promotion.state is PromotionState.AWAITING_APPROVAL


@given(verdicts, st.lists(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(Role)), max_size=5))
def test_stored_overrides_that_nobody_checked_open_nothing_that_two_could_not(
    verdict: Verdict, tried: list[tuple[PrincipalId, Role]]
) -> None:
    """Whatever lies in the table: what is green is asked of it again when the alias moves."""
    stored = [half(verdict, by, role) for by, role in tried]
    counting = {one.by: one.role for one in stored if one.by not in BARRED}
    able = not final(verdict) and set(counting.values()) >= DECIDING
    assert is_green(verdict, stored, BARRED) is (verdict.outcome is Outcome.PASS or able)


@given(verdicts)
def test_what_can_be_let_pass_is_by_an_approver_and_a_privacy_officer_in_either_order(verdict: Verdict) -> None:
    if verdict.outcome is Outcome.PASS or final(verdict):
        return
    halves = [half(verdict), half(verdict, PIA, Role.PRIVACY_OFFICER)]
    for first, second in (halves, halves[::-1]):
        one = proposal(verdict).overridden(first, verdict, REQUESTER)
        assert (one.state, is_green(verdict, one.overrides, BARRED)) == (PromotionState.REFUSED, False)
        both = one.overridden(second, verdict, REQUESTER)
        assert (both.state, is_green(verdict, both.overrides, BARRED)) == (PromotionState.AWAITING_APPROVAL, True)


@pytest.mark.parametrize(
    ("verdict", "by", "role", "code"),
    [
        (stopped(), PROPOSER, Role.APPROVER, "own_promotion"),
        (stopped(), REQUESTER, Role.APPROVER, "own_promotion"),
        (stopped(), BOB, Role.AUDITOR, "not_deciding"),
        (stopped(hard=True), BOB, Role.APPROVER, "not_overridable"),
        (stopped(missing=True), BOB, Role.APPROVER, "not_overridable"),
    ],
)
def test_each_no_has_its_code(verdict: Verdict, by: PrincipalId, role: Role, code: str) -> None:
    with pytest.raises(TunewardenError) as refused:
        proposal(verdict).overridden(half(verdict, by, role), verdict, REQUESTER)
    assert refused.value.code == code


def test_nobody_decides_twice_and_nobody_in_a_role_in_which_somebody_did() -> None:
    one = proposal(stopped()).overridden(half(stopped()), stopped(), REQUESTER)
    for by, role in ((BOB, Role.PRIVACY_OFFICER), (EVE, Role.APPROVER)):
        with pytest.raises(TunewardenError) as refused:
            one.overridden(half(stopped(), by, role), stopped(), REQUESTER)
        assert refused.value.code == "overridden_before"


def test_another_verdict_than_that_of_the_promotion_is_stale_whoever_holds_it() -> None:
    old, new = stopped(), stopped(hard=True)
    for seen, today in ((new, old), (old, new), (new, new)):
        with pytest.raises(TunewardenError) as refused:
            proposal(old).overridden(half(seen), today, REQUESTER)
        assert refused.value.code == "verdict_changed"


def test_halves_that_stand_in_the_table_open_nothing_for_another_verdict_or_by_whose_work_it_is() -> None:
    """Asked when the alias moves, of whatever is stored; the same two on this verdict do open it."""
    said, other = stopped(), stopped(n=8)
    two = [half(said), half(said, PIA, Role.PRIVACY_OFFICER)]
    assert is_green(said, two, BARRED)
    assert not is_green(other, two, BARRED)
    assert not is_green(said, [two[0], half(other, PIA, Role.PRIVACY_OFFICER)], BARRED)
    for barred in BARRED:
        assert not is_green(said, [two[0], half(said, barred, Role.PRIVACY_OFFICER)], BARRED)
    assert not is_green(said, [two[0], half(said, BOB, Role.PRIVACY_OFFICER)], BARRED), "one person is not two"


def test_what_waits_for_approval_or_has_it_is_let_pass_by_nobody() -> None:
    for state in (PromotionState.AWAITING_APPROVAL, PromotionState.APPROVED):
        with pytest.raises(TunewardenError) as refused:
            replace(proposal(stopped()), state=state).overridden(half(stopped()), stopped(), REQUESTER)
        assert refused.value.code == "illegal_transition"


def test_a_promotion_of_before_has_the_bytes_it_had_and_comes_back_with_its_overrides() -> None:
    bare = proposal(stopped())
    assert "overrides" not in str(to_plain(bare))
    one = bare.overridden(half(stopped()), stopped(), REQUESTER)
    assert from_plain(Promotion, decode(encode(to_plain(one)))) == one


def test_a_verdict_of_before_there_were_hard_rules_has_the_digest_it_had() -> None:
    assert "hard" not in str(to_plain(stopped()))
    assert digest_of(stopped()) != digest_of(stopped(hard=True))
