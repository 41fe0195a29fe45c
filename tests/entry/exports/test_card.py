"""The model card as JSON and as a page: nothing in it but what the log and the evidence that it names hold."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any, cast

import pytest
from tests.conftest import made_stage
from tests.entry.report.browser import AXE, CHROMIUM, DARK, measure, violations
from tests.entry.report.conftest import CANARIES, Told, tell
from tests.entry.report.test_report_html import METRICS
from tests.entry.report.test_report_overridden import BOTH, let_pass

from tunewarden.domain.canonical import Plain, decode, digest_of, encode, to_plain
from tunewarden.domain.entries import Entry
from tunewarden.domain.events import StepFinished
from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import Digest, Role
from tunewarden.domain.training import StepName, Task
from tunewarden.entry.exports.card import card
from tunewarden.entry.exports.card_page import render_card
from tunewarden.usecases.reports import Lineage

NUMBER = r"-?[0-9]+(\.[0-9]+)?(E[-+]?[0-9]+)?"
TEXTS_OF_POLICIES = ("unit", "n_counts", "meaning")


@pytest.fixture(scope="module")
def told() -> Told:
    """Nothing here changes it."""
    return tell(made_stage())


def made(lineage: Lineage) -> Any:
    return card(lineage, METRICS)


def numbers(value: Plain) -> Iterator[Decimal]:
    """Every number of a JSON document, at whatever depth, those that are written as strings too."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name not in TEXTS_OF_POLICIES:
                yield from numbers(member)
    elif isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?(E[-+]?[0-9]+)?", value)
    ):
        yield Decimal(value)


def held(lineage: Lineage) -> set[Decimal]:
    """Every number of the entries and of the documents that they name."""
    entries: list[Entry] = list(lineage.report.entries())
    found = {Decimal(entry.index) for entry in entries} | {Decimal(lineage.report.size)}
    for entry in entries:
        found |= set(numbers(to_plain(entry.event)))
    for document in lineage.documents.values():
        found |= set(numbers(decode(document)))
    return found


def edited(lineage: Lineage, value: str) -> Lineage:
    """The same story with another accuracy in the evidence of the measuring step."""
    steps = list(lineage.report.steps)
    (place,) = [
        place
        for place, one in enumerate(steps)
        if isinstance(one.event, StepFinished) and one.event.step is StepName.MEASURE
    ]
    event = steps[place].event
    assert isinstance(event, StepFinished)
    evidence = cast(Any, decode(lineage.documents[event.evidence]))
    for one in evidence["measurements"]:
        if one["metric"] == "utility.accuracy":
            one |= {"low": value, "value": value, "high": value}
    data = encode(evidence)
    digest = digest_of(evidence)
    steps[place] = replace(steps[place], event=replace(event, evidence=digest))
    report = replace(lineage.report, steps=tuple(steps))
    return replace(lineage, report=report, documents={**lineage.documents, digest: data})


def test_every_number_of_the_card_is_one_of_the_log_or_of_its_evidence(told: Told) -> None:
    lineage = told.lineage()
    found = list(numbers(made(lineage)))
    assert len(found) > 100
    assert set(found) <= held(lineage)


def test_every_measured_figure_names_the_evidence_that_holds_it(told: Told) -> None:
    lineage, families = told.lineage(), set()
    for one in made(lineage)["measured"]:
        logged = cast(Any, decode(lineage.documents[Digest(one["evidence"])]))["measurements"]
        assert {name: one[name] for name in ("metric", "low", "value", "high", "n")} in logged
        families.add(one["metric"].partition(".")[0])
    assert families >= {"utility", "fairness", "explanation", "privacy", "deid"}


def test_changed_evidence_changes_the_card_its_digest_and_its_page(told: Told) -> None:
    lineage = told.lineage()
    before, after = made(lineage), made(edited(lineage, "0.4321"))
    assert digest_of(before) != digest_of(after)
    assert "0.4321" not in render_card(before)
    assert "0.4321" in render_card(after)
    assert digest_of(after) in render_card(after)


def test_the_same_state_gives_the_same_bytes(told: Told) -> None:
    lineage = told.lineage()
    shuffled = replace(lineage, documents=dict(reversed(list(lineage.documents.items()))))
    assert encode(made(lineage)) == encode(made(shuffled))
    assert render_card(made(lineage)) == render_card(made(shuffled))


def test_each_promotion_has_its_gate_and_every_finding_with_its_interval(told: Told) -> None:
    lineage = told.lineage()
    promotions = made(lineage)["promotions"]
    assert {one["outcome"] for one in promotions} >= {Outcome.PASS, Outcome.FAIL}
    for one in promotions:
        (entry,) = [entry for entry in lineage.report.verdicts if entry.index == one["judged"]]
        judged = cast(Any, to_plain(entry.event))
        assert (one["gate"], one["gate_digest"], one["findings"]) == (
            judged["gate"],
            judged["gate_digest"],
            judged["findings"],
        )
        measured = [finding["measured"] for finding in one["findings"] if finding["measured"]]
        assert measured
        assert all({"low", "value", "high", "n"} <= each.keys() for each in measured)


def test_a_verdict_that_the_log_does_not_have_is_not_made_up(told: Told) -> None:
    lineage = told.lineage()
    bare = replace(lineage, report=replace(lineage.report, verdicts=()))
    assert {one["findings"] for one in made(bare)["promotions"]} == {None}
    assert render_card(made(bare))


def test_the_page_shows_every_figure_and_no_number_that_the_json_does_not_have(told: Told) -> None:
    found = made(told.lineage())
    shown = decimals_of(render_card(found))
    known = {f"{abs(number):f}" for number in numbers(found)}
    assert shown <= known | {digit for text in texts_of(found) for digit in re.findall(r"[0-9]+\.[0-9]+", text)}
    figures = {f"{abs(Decimal(one['value'])):f}" for one in found["measured"]}
    assert {one for one in figures if "." in one} <= shown


def decimals_of(page: str) -> set[str]:
    """Every number with a point that a reader sees."""
    body = unescape(re.sub(r"<[^>]*>", " ", page.partition("</style>")[2]))
    return set(re.findall(r"[0-9]+\.[0-9]+", body.replace(",", "")))


def texts_of(value: Plain) -> Iterator[str]:
    if isinstance(value, dict):
        for member in value.values():
            yield from texts_of(member)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
    elif isinstance(value, str):
        yield value


def test_of_whom_nobody_can_tell_groups_are_named_and_comparisons_that_were_not_made_are_counted(told: Told) -> None:
    found = made(told.lineage())
    page = render_card(found)
    assert "Too small to be compared: age band: 90+." in page
    assert (found["fairness"]["unassessed"], "too few persons could show" in page) == (0, False)
    small = [{"attribute": "age band"}, {"attribute": "sex", "group": ""}]
    more = {"unassessed": 11, "merged": ["age band x sex"], "too_small": small}
    some = render_card(found | {"fairness": found["fairness"] | more})
    assert "that too few persons could show: 11." in some
    assert "some people are too few to be compared: age band x sex." in some
    assert "age band: smaller groups together; sex: (no value)." in some


def test_intersections_too_small_to_be_compared_are_on_it_as_the_details_have_them(told: Told) -> None:
    lineage = told.lineage()
    digest = Digest(made(lineage)["fairness"]["details"])
    details = cast(Any, decode(lineage.documents[digest]))
    details["fairness"]["decided"]["merged"] = [{"attribute": "age band x sex", "group": None, "persons": 14}]
    some = replace(lineage, documents={**lineage.documents, digest: encode(details)})
    assert (made(lineage)["fairness"]["merged"], made(some)["fairness"]["merged"]) == ([], ["age band x sex"])


def test_the_card_says_by_which_words_about_metrics_it_was_made(told: Told) -> None:
    lineage = told.lineage()
    other = {**METRICS, "utility.accuracy": {**METRICS["utility.accuracy"], "unit": "something else"}}
    before, after = made(lineage), card(lineage, other)
    assert (before["metrics"], after["metrics"]) == (digest_of(METRICS), digest_of(other))
    assert before["metrics"] in render_card(before)


def test_what_two_let_pass_stands_in_red_with_both_reasons(told: Told) -> None:
    page = render_card(made(let_pass(told, *BOTH)))
    assert page.count('class="overridden"') == 4  # two persons, in the summary and at the promotion
    assert page.count("because there are no more people to measure it on") == 4
    assert "OVERRIDDEN" not in render_card(made(told.lineage()))
    assert render_card(made(let_pass(told, Role.APPROVER))).count('class="overridden"') == 2


def test_nothing_typed_by_a_person_is_on_it_and_it_needs_nothing_from_anywhere(told: Told) -> None:
    found = made(told.lineage())
    page = render_card(found)
    assert not [word for word in CANARIES.values() if word in page or word in json.dumps(found)]
    assert not re.search(r"https?://|url\(|@import|\ssrc=|<script|<link|\son[a-z]+=", page)


def test_a_model_that_completes_texts_has_one_too() -> None:
    found = made(tell(made_stage(), Task.COMPLETION).lineage())
    assert found["task"] == "text-generation"
    page = render_card(found)
    assert "utility.token_accuracy" in page
    assert "made-up prompts only" in page


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_it_reads_well_at_any_width_without_fault(told: Told, tmp_path: Path) -> None:
    page = render_card(made(let_pass(told, *BOTH)))
    found = measure(tmp_path, page, 390)
    assert (found.width <= 390, found.clipped, found.overlapping, found.stacked) == (True, [], [], [])
    if AXE.exists():
        assert violations(tmp_path, page, 1280, DARK) == []
