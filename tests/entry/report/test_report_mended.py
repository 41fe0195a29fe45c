"""What could be done about gaps, and what privacy costs whom, on the page: offered beside each other, never applied."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.entry.report.conftest import Told
from tests.entry.report.documents import details, paid
from tests.entry.report.test_report_html import Page, page
from tests.steps.measure.injuries import plan

from tunewarden.domain.canonical import decode, encode, to_plain
from tunewarden.domain.events import StepFinished
from tunewarden.domain.gates import Outcome
from tunewarden.domain.mitigations import Mitigation, Swap
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import Plan, StepName
from tunewarden.entry.report.facts import Name
from tunewarden.entry.report.mended import Mended, mended, price
from tunewarden.entry.report.reading import Part
from tunewarden.entry.report.verdicts import Judged, Verdict
from tunewarden.steps.measure.documents import Details
from tunewarden.steps.measure.twins import Burden, Twins


def verdict(metric: str, outcome: Outcome) -> Verdict:
    rule = Judged(
        metric=metric,
        meaning="",
        because="",
        remedy="",
        limit="",
        measured="",
        n="",
        unit="",
        outcome=outcome,
        hard=False,
    )
    name = Name("sha256:" + "0" * 64)
    return Verdict(
        gate="promotion", digest=name, about=name, at="", who=name, outcome=outcome, rules=(rule,), log=(1,), again=()
    )


def read(found: Details, of: Plan, *verdicts: Verdict) -> Mended:
    return mended(Part(decode(encode(to_plain(found)))), of, verdicts, (7,))


UNTRIED = replace(details(), mitigated=None)
FLIPS = "explanation.flip_rate.sex"


def test_the_page_shows_the_model_beside_each_way_with_its_warning(told: Told) -> None:
    text = Page(page(told.lineage())).text.replace("\N{NO-BREAK SPACE}", " ")
    for said in (
        "sex: the model as it is",
        "sex: with a threshold for each group",
        "female, class 1 recognised less often: 0.214 (0.0212 to 0.3411)",
        "1 confirmed, 3 not decided",
        "NOT APPLIED",
        "need the protected attribute of everybody who is answered",
        "may be unlawful",
        "1 group too small for a threshold kept the answers",
    ):
        assert said in text, said


def test_the_page_shows_the_price_of_privacy_by_group_beside_the_promise_and_that_no_epsilon_covers_it(
    told: Told,
) -> None:
    lineage = told.lineage()
    finished = [one.event for one in lineage.report.steps if isinstance(one.event, StepFinished)]
    step = next(event for event in finished if event.step is StepName.MEASURE)
    assert step.details is not None
    with_twins = {**lineage.documents, step.details: encode(to_plain(replace(details(), twins=paid())))}
    text = Page(page(replace(lineage, documents=with_twins))).text.replace("\N{NO-BREAK SPACE}", " ")
    place = text.index("What privacy costs whom")
    for said in ("PAYS MORE", "Of 2 groups 1 lose more to privacy", "epsilon 8", "outside of every epsilon", "female"):
        assert said in text[place : place + 2500], said


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.UNKNOWN])
@pytest.mark.parametrize("metric", [FLIPS, "explanation.excess_flips.sex"])
def test_where_the_gate_was_not_satisfied_with_a_term_a_plan_with_that_swap_is_offered(
    outcome: Outcome, metric: str
) -> None:
    (offer,) = read(UNTRIED, plan(), verdict(metric, outcome)).offers
    assert json.loads(offer.body) == {"governance": {"mitigation": {"swaps": ["sex"]}}}


def test_an_offer_keeps_what_the_plan_had_and_is_not_made_twice() -> None:
    had = replace(plan(), mitigation=Mitigation(weights=(Decimal(1), Decimal("0.5")), swaps=(Swap.AGE,)))
    (offer,) = read(details(), had, verdict(FLIPS, Outcome.FAIL)).offers
    asked = json.loads(offer.body)["governance"]["mitigation"]
    assert asked == {"weights": ["1", "0.5"], "swaps": ["age", "sex"]}
    again = replace(plan(), mitigation=Mitigation(weights=(Decimal(1), Decimal("0.5")), swaps=(Swap.AGE, Swap.SEX)))
    assert read(details(), again, verdict(FLIPS, Outcome.FAIL)).offers == ()


def test_nothing_is_offered_where_the_gate_is_satisfied_or_a_plan_could_not_be_so() -> None:
    assert read(UNTRIED, plan(), verdict(FLIPS, Outcome.PASS)).offers == ()
    assert read(UNTRIED, plan(), verdict("utility.accuracy", Outcome.FAIL)).offers == ()
    of_records = replace(plan(), mechanism=replace(plan().mechanism, unit=PrivacyUnit.RECORD))
    assert read(UNTRIED, of_records, verdict(FLIPS, Outcome.FAIL)).offers == ()


def test_weights_are_offered_as_the_measuring_step_found_them_with_what_they_cannot_do() -> None:
    (offer,) = read(details(), plan()).offers
    assert json.loads(offer.body) == {"governance": {"mitigation": {"weights": ["1", "0.35"]}}}
    assert "Weights by group would need protected attributes in training" in offer.warning


def test_what_this_training_did_is_said_with_the_entry_of_its_plan() -> None:
    did = Mitigation(weights=(Decimal(1), Decimal("0.5")), swaps=(Swap.SEX,))
    said = read(UNTRIED, replace(plan(), mitigation=did)).done
    assert [each.log for each in said] == [(7,), (7,)]
    assert "term of sex" in said[0].text
    assert "class 1: 0.5" in said[1].text
    assert read(UNTRIED, plan()).done == ()


def of_twins(found: Twins | None, **changes: Any) -> Part:
    plain = decode(encode(to_plain(found)))
    return Part({**plain, **changes} if isinstance(plain, dict) else plain)


def test_the_worst_outcome_is_that_of_all_groups_and_none_is_not_a_pass() -> None:
    outcomes = {}
    for burdens in ((Burden.MORE, Burden.WITHIN), (Burden.UNDECIDED, Burden.WITHIN), (Burden.WITHIN,), ()):
        costs = tuple(replace(paid().costs[0], burden=each) for each in burdens)
        shown = price(of_twins(replace(paid(), costs=costs)))
        assert shown is not None
        outcomes[burdens] = shown.outcome.mark
    assert list(outcomes.values()) == ["fail", "unknown", "pass", "unknown"]


def test_a_part_of_another_form_is_not_assessed_and_no_error() -> None:
    assert price(Part()) is None
    assert price(of_twins(paid(), price="much")) is None
    assert price(of_twins(paid(), costs=[{"attribute": "sex", "burden": "none"}])) is None
    assert mended(Part({"mitigated": ["another", "form"]}), plan(), (), (7,)).tried == ()
