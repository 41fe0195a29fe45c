"""Rules about people's word on released records: others than who asked read and sign, before a gate relies on it."""

from __future__ import annotations

from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Findings, Rule, absent, broken
from tunewarden_audit.conduct.said import AGREED, ATTESTED, REVIEW_METRICS, Review, findings
from tunewarden_audit.conduct.told import Told


def _reviews(fact: Fact, told: Told) -> Findings:
    """A sample is drawn before anybody reads, read by others than who asked, and closed by its own counts."""
    review = told.said.reviews.get(fact["review"])
    if fact.kind == "ReviewOpened":
        yield from _opened(fact, told, review)
    elif review is None:
        yield absent(fact, told, "a sample is read that was never drawn")
    elif review.closed is not None:
        yield broken(fact, f"a review goes on that entry {review.closed} closed")
    elif fact.kind == "ReviewAnswered":
        yield from _answered(fact, told, review)
    else:
        yield from _closed(fact, told, review)


def _opened(fact: Fact, told: Told, review: Review | None) -> Findings:
    if review is not None:
        yield broken(fact, "a review is opened for the second time")
    if fact["documents"] == 0:
        yield broken(fact, "a sample holds no record as it was released")
    request = told.requests.get(fact["request"])
    if request is None:
        # A bundle of another request that relies on this review does not tell of the one that it was opened for.
        if not told.has_gaps(fact.index):
            yield broken(fact, "its request was never submitted")
        return
    if request.outputs.get("deidentify") != fact["about"]:
        yield absent(fact, told, "a sample is of something else than de-identification made for its request")
    if fact["failed_before"] < told.said.not_passed(request.version):
        yield broken(fact, "fewer samples of the same data are said to have failed than did")


def _answered(fact: Fact, told: Told, review: Review) -> Findings:
    if fact.actor in told.said.asked_by.get(review.about, ()):
        yield broken(fact, "a sample is read by who asked for the training")
    if fact["item"] >= review.documents + review.seeds:
        yield broken(fact, "an item is read that the sample does not have")
    if fact["item"] in review.marks:
        yield broken(fact, "an item is answered for the second time")


def _closed(fact: Fact, told: Told, review: Review) -> Findings:
    if (fact["documents"], fact["seeds"]) != (review.documents, review.seeds):
        yield broken(fact, "a review is closed with another sample than it was opened with")
    if review.unread:
        yield absent(fact, told, f"a review is closed and {review.unread} of its items were not read")
    if fact["leaks"] > review.documents or fact["found"] > review.seeds:
        yield broken(fact, "a review counts more than its sample holds")
    marked = sum(1 for marks in review.marks.values() if marks)
    if fact["leaks"] + fact["found"] > marked + review.unread:
        yield broken(fact, "a review counts more leaks and found seeds than items were marked")


def _signatures(fact: Fact, told: Told) -> Findings:
    """A report is signed by others than who asked, and what only people can say was said before a gate relies on it."""
    said, about = told.said, fact["about"]
    if fact.kind == "SignatureWithdrawn":
        yield from _withdrawals(fact, told)
    elif fact.kind == "GateJudged":
        yield from _verdicts(fact, told)
    elif about not in said.asked_by:
        yield absent(fact, told, "a report is signed about something that de-identification never made")
    elif fact.actor in said.asked_by[about]:
        yield broken(fact, "a report is signed by who asked for the training")


def _withdrawals(fact: Fact, told: Told) -> Findings:
    given = told.said.given.get(fact["about"], 0)
    if fact["signatures"] > given:
        yield absent(fact, told, "more signatures are withdrawn than were given")
    elif fact["signatures"] < given or not given:
        yield broken(fact, "fewer signatures are withdrawn than were given")


def _verdicts(fact: Fact, told: Told) -> Findings:
    said, about = told.said, fact["about"]
    known = {finding["metric"] for finding in findings(fact) if finding["outcome"] != "unknown"}
    if any(metric.startswith(REVIEW_METRICS) for metric in known) and not said.is_reviewed(about):
        yield absent(fact, told, "a gate relies on a review that was not read to its end")
    needed = about in said.unsigned or about in said.withdrawn
    if ATTESTED in known and needed and not said.is_signed(about, fact.at):
        yield absent(fact, told, "a gate relies on a signature that nobody gave, or that has ended")
    if AGREED in known and not said.is_agreed(about, fact.at):
        yield absent(fact, told, "a gate relies on a data use agreement that nobody stated, or no longer")


def _relied_on(fact: Fact, told: Told) -> Findings:
    """What was taken back is relied on by nothing that follows: no training goes on, no model is promoted or used."""
    if fact.kind == "StepFinished" and fact["step"] != "train":
        return
    request = told.requests.get(_request_of(fact, told))
    records = None if request is None else request.outputs.get("deidentify")
    if records in told.said.withdrawn and not told.said.is_signed(records, fact.at):
        yield broken(fact, "goes on although the signature about the records was withdrawn")


def _request_of(fact: Fact, told: Told) -> str:
    if fact.kind in {"BudgetCharged", "StepFinished"}:
        return str(fact["request"])
    model = told.models.get(fact["model"])
    return "" if model is None else model.request


RULES = (
    Rule(
        "review",
        "samples are drawn first, read whole by others than who asked, and counted as they were marked",
        frozenset({"ReviewOpened", "ReviewAnswered", "ReviewClosed"}),
        _reviews,
    ),
    Rule(
        "signature",
        "reports are signed by others than who asked, and gates rely on nothing that people have not said",
        frozenset({"ReportAttested", "SignatureWithdrawn", "GateJudged"}),
        _signatures,
    ),
    Rule(
        "withdrawn",
        "no training, promotion or use goes on under a signature that was withdrawn",
        frozenset({"BudgetCharged", "StepFinished", "PromotionApproved", "AdapterTaken"}),
        _relied_on,
    ),
)
