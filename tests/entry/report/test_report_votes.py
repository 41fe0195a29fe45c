"""A vote that lapsed is told wherever it is told who agreed: on the page, in the summary and on the model card."""

from dataclasses import replace

from tests.entry.report.conftest import Told

from tunewarden.domain.entries import Entry
from tunewarden.domain.names import PrincipalId
from tunewarden.domain.quorum import Needed
from tunewarden.domain.vote_events import QuorumInForce, VoteLapsed
from tunewarden.entry.exports.model_card import model_card
from tunewarden.entry.report import summary
from tunewarden.entry.report.story import moments
from tunewarden.usecases.reports import Lineage

GONE = PrincipalId("prn-" + "9" * 32)


def lapsed(told: Told) -> tuple[Lineage, Entry]:
    """The story with one vote that does not count any more."""
    lineage = told.lineage()
    report = lineage.report
    first = report.approvals[0]
    assert isinstance(report.quorums[0].event, QuorumInForce)
    event = VoteLapsed(request=report.request.event.request, plan=first.event.plan, principal=GONE)  # type: ignore[union-attr]
    entry = replace(first, index=report.size, event=event)
    return replace(lineage, report=replace(report, approvals=(*report.approvals, entry), size=report.size + 1)), entry


def test_it_is_told_that_a_vote_lapsed_and_whose(told: Told) -> None:
    lineage, entry = lapsed(told)
    (one,) = summary(lineage, size=lineage.report.size)["lapsed"]  # type: ignore[misc]
    assert (one["index"], one["principal"]) == (entry.index, GONE)  # type: ignore[index, call-overload]
    assert f"The vote of `{GONE}` lapsed [{entry.index}]." in model_card(lineage, {}, origin="o").decode()
    said = [moment.what for moment in moments(lineage.report) if moment.log == (entry.index,)]
    assert said == ["Found that somebody who had agreed may not any more: their vote lapsed"]


def test_and_by_which_rule_votes_counted(told: Told) -> None:
    report = told.lineage().report
    (rule,) = report.quorums
    assert isinstance(rule.event, QuorumInForce)
    assert all(needed == Needed(persons=1, roles=1) for needed in rule.event.needed.values())
    assert "Put another rule in force of how many have to agree to a plan" in [one.what for one in moments(report)]
