"""model-card.md: the hub's own reader reads it, and no figure is in it that the log does not hold."""

import json
import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from huggingface_hub import ModelCard
from tests.conftest import POLICIES, digest
from tests.entry.exports.conftest import Handed

from tunewarden.domain.attestations import Knowledge
from tunewarden.domain.deidentification import Method
from tunewarden.domain.events import (
    BudgetSettled,
    Event,
    ReportAttested,
    RequestSubmitted,
    ReviewClosed,
    ReviewOpened,
    StepFinished,
)
from tunewarden.domain.names import Digest, RequestId, ReviewId
from tunewarden.domain.sampling import review_measurements
from tunewarden.domain.training import StepName
from tunewarden.entry.exports.evidence import cited
from tunewarden.entry.exports.model_card import NOT_KNOWN, model_card
from tunewarden_audit import bundle as archive


@pytest.fixture
def card(handed: Handed) -> str:
    return handed.files()[archive.MODEL_CARD].decode()


def section(card: str, title: str) -> list[str]:
    """The lines of the list under a heading."""
    _, _, rest = card.partition(f"## {title}\n")
    return [line[2:] for line in rest.partition("\n## ")[0].splitlines() if line.startswith("- ")]


def test_every_statement_ends_in_the_index_of_an_entry_in_the_bundle_or_says_that_it_is_not_known(
    handed: Handed, card: str
) -> None:
    held = {entry.index for entry in handed.told.lineage().report.entries()}
    body = card.split("---\n\n", 1)[1]
    stated = [line[2:] for line in body.splitlines() if line.startswith("- ")]
    assert stated[-len(NOT_KNOWN) :] == list(NOT_KNOWN)
    for line in stated[: -len(NOT_KNOWN)]:
        cited = [int(index) for group in re.findall(r"\[([0-9, to]+)\]", line) for index in re.findall(r"\d+", group)]
        assert cited, line
        assert set(cited) <= held


def test_every_measured_figure_is_the_logged_one_with_interval_and_n(handed: Handed, card: str) -> None:
    lineage = handed.told.lineage()
    logged = []
    for entry in lineage.report.steps:
        if isinstance(entry.event, StepFinished):
            for one in json.loads(lineage.documents[entry.event.evidence])["measurements"]:
                interval = "" if one["low"] == one["high"] else f" ({one['low']} to {one['high']})"
                logged.append(f"`{one['metric']}`: {one['value']}{interval}, n = {one['n']} [{entry.index}].")
    told = section(card, "Measured")
    assert len(told) == len(logged) > 10
    assert all(line.startswith(figure) for line, figure in zip(told, logged, strict=True))


def test_the_hubs_reader_finds_the_same_figures_in_its_head(handed: Handed, card: str) -> None:
    read: Any = ModelCard(card).data
    assert read.base_model == "tiny"
    assert read.library_name == "peft"
    results = {one.metric_type: one.metric_value for one in read.eval_results}
    assert results["utility.accuracy"] == re.findall(r"`utility.accuracy`: ([0-9.]+)", card)[0]
    assert handed.told.lineage().report.model.event


def test_purpose_privacy_in_words_and_limits_are_told(card: str) -> None:
    assert section(card, "Use")[0].startswith("Asked for the purpose `research`")
    promise, words, mechanism, terms = section(card, "Privacy")
    assert "unit person, at most 1 of one person; relation add-or-remove-one; central trust model" in terms
    assert promise.startswith("For one person, this training costs at most epsilon 8 at delta 0.0001 [9")
    assert "is right 99.97\N{NO-BREAK SPACE}% of the time at most; a coin is right 50 % of the time" in words
    assert "37 updates charged" in mechanism
    assert section(card, "Limits")[0].startswith("For no other purpose than `research`")
    assert section(card, "Gates")[1].startswith("Gate `promotion` said fail (`fairness.accuracy_gap` fail")


def test_updates_beyond_the_plan_are_not_told_as_the_planned_epsilon(handed: Handed) -> None:
    """A repeated attempt pays again: then the model cost more than its plan, and the card may not say otherwise."""
    lineage = handed.told.lineage()
    *before, settled = lineage.report.budget
    assert isinstance(settled.event, BudgetSettled)
    more = replace(settled, event=replace(settled.event, charged=settled.event.charged + 5))
    report = replace(lineage.report, budget=(*before, more))
    promise = section(model_card(replace(lineage, report=report), {}, origin="log.example").decode(), "Privacy")[0]
    assert promise.startswith("5 updates more than planned were charged")


def test_the_metrics_are_explained_as_the_policies_explain_them(card: str) -> None:
    meanings = re.findall(r'^meaning = "(.+)"$', (POLICIES / "metrics.toml").read_text(), re.MULTILINE)
    assert sum(any(line.endswith(meaning) for meaning in meanings) for line in section(card, "Measured")) > 10


def test_de_identification_is_told_with_its_bounds_and_that_nobody_read_it(card: str, handed: Handed) -> None:
    lineage = handed.told.lineage()
    asked = lineage.report.request.event
    assert isinstance(asked, RequestSubmitted)
    told = section(card, "De-identification")
    (recall,) = [one.measurement for one in cited(lineage) if one.measurement.metric == "deid.planted_recall"]
    assert f"`{asked.profile}`" in told[0]
    assert told[1].startswith("Recognised by `sha256:")
    assert f"at least {recall.low.normalize():f} are, with 95 % confidence" in told[2]
    assert told[3].startswith("Not reviewed by a person [")
    assert any(line.startswith("Left as they are") and "`sex`" in line for line in told)
    assert not any("Signed" in line for line in told)


def test_a_review_and_a_signature_are_told_with_the_bound_and_the_day_it_ends(handed: Handed) -> None:
    lineage = handed.told.lineage()
    (step,) = [
        entry.event
        for entry in lineage.report.steps
        if isinstance(entry.event, StepFinished) and entry.event.step is StepName.DEIDENTIFY
    ]
    report = json.loads(lineage.documents[step.details or Digest("")])["report"]
    said = _said(step.output, Digest(report))
    last = lineage.report.reviews
    entries = tuple(replace(lineage.report.model, index=900 + place, event=one) for place, one in enumerate(said))
    told = replace(lineage, report=replace(lineage.report, reviews=(*last, *entries)))
    lines = section(model_card(told, {}, origin="log.example").decode(), "De-identification")
    bound = review_measurements(leaks=2, documents=299, found=29, seeds=30, failed_before=1)[-1].high
    assert any(f"at most {bound} of all records still identify, with 95 % confidence [901]" in line for line in lines)
    assert any(re.search(r"Signed as `hipaa-safe-harbor` by `.+`, until 2027-11-26 \[902\]", line) for line in lines)


def _said(about: Digest, report: Digest) -> tuple[Event, ...]:
    review = ReviewId("rev-" + "1" * 32)
    return (
        ReviewOpened(
            review=review,
            request=RequestId("req-" + "2" * 32),
            about=about,
            sample=digest("sample"),
            documents=299,
            seeds=30,
            failed_before=1,
        ),
        ReviewClosed(review=review, leaks=2, documents=299, found=29, seeds=30, evidence=digest("evidence")),
        ReportAttested(
            about=about,
            report=report,
            method=Method.SAFE_HARBOR,
            knowledge=Knowledge.NONE,
            expires=date(2027, 11, 26),
        ),
    )
