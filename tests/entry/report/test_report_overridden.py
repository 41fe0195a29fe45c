"""What a gate stopped and two let pass stands in red on the report, in its JSON and on the model card."""

from typing import Any

from tests.entry.report.conftest import Told
from tests.entry.report.test_report_html import METRICS, ORIGIN, page
from tests.entry.report.test_report_story import with_later

from tunewarden.domain.events import PromotionProposed
from tunewarden.domain.names import Role
from tunewarden.domain.override_events import GateOverridden
from tunewarden.domain.overrides import OverrideReason
from tunewarden.entry.exports.model_card import model_card
from tunewarden.entry.report.override_words import REASONS, overridden
from tunewarden.entry.report.summary import summary
from tunewarden.usecases.reports import Lineage


def let_pass(told: Told, *roles: Role) -> Lineage:
    """The story with one more entry for each of these roles, about its last proposal."""
    lineage = told.lineage()
    last = next(one.event for one in reversed(lineage.report.promotions) if isinstance(one.event, PromotionProposed))
    return with_later(
        lineage,
        "promotions",
        *(
            GateOverridden(
                promotion=last.promotion,
                model=last.model,
                verdict=last.verdict,
                role=role,
                reason=OverrideReason.TOO_FEW_PERSONS,
            )
            for role in roles
        ),
    )


BOTH = (Role.APPROVER, Role.PRIVACY_OFFICER)


def test_every_reason_has_words() -> None:
    assert REASONS.keys() == set(OverrideReason)


def test_a_promotion_that_two_let_pass_stands_in_red_in_the_summary_the_section_and_the_time_line(told: Told) -> None:
    lineage = let_pass(told, *BOTH)
    text = page(lineage)
    (said,) = overridden(lineage.report)
    assert "an approver (because there are no more people to measure it on) and a privacy officer" in said.text
    assert '<div class="emergency"><dt>Overridden</dt>' in text
    assert text.count('<span class="mark fail">') > page(told.lineage()).count('<span class="mark fail">')
    assert ">OVERRIDDEN</span>" in text
    red = [line for line in text.splitlines() if 'tr class="refused"' in line and "Let pass what the gate" in line]
    assert len(red) == 2
    assert "let that pass" in text


def test_half_a_decision_is_told_as_half_and_none_not_at_all(told: Told) -> None:
    (said,) = overridden(let_pass(told, Role.APPROVER).report)
    assert "which takes both of them" in said.text
    assert overridden(told.lineage().report) == ()
    assert "OVERRIDDEN" not in page(told.lineage())


def test_the_json_and_the_model_card_name_both_with_their_reasons_and_entries(told: Told) -> None:
    lineage = let_pass(told, *BOTH)
    last = max(entry.index for entry in lineage.report.promotions)
    found: Any = summary(lineage, size=77)
    halves = found["promotions"][-1]["overridden"]
    assert [(half["role"], half["reason"]) for half in halves] == [(role, "too-few-persons") for role in BOTH]
    card = model_card(lineage, METRICS, origin=ORIGIN).decode()
    assert f"as privacy-officer, because: too-few-persons [{last}]." in card
